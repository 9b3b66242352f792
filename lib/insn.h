/*
 * A small decoder: instructions with one operand in memory, as code that uses a
 * local APIC is made of (SDM volume 2, chapter 2). String instructions, vectors and
 * everything else are not known.
 */
#ifndef STASIS_LIB_INSN_H
#define STASIS_LIB_INSN_H

#include "include/types.h"

#define INSN_MAX 15 /* bytes; longer ones fault */
#define INSN_NO_REGISTER 0xffu

/* Those in a row have the order of their opcodes. */
enum insn_kind {
	INSN_STORE, /* register or immediate to memory */
	INSN_LOAD,  /* memory to register, zero-extended to reg_size */
	INSN_LOAD_SIGNED,
	INSN_ADD, /* memory op= register or immediate, flags set */
	INSN_OR,
	INSN_ADC,
	INSN_SBB,
	INSN_AND,
	INSN_SUB,
	INSN_XOR,
	INSN_CMP, /* flags alone */
	INSN_TEST,
	INSN_NOT,
	INSN_NEG,
	INSN_INC,
	INSN_DEC,
	INSN_XCHG,
	INSN_XADD,
	INSN_CMPXCHG,
	INSN_BT,
	INSN_BTS,
	INSN_BTR,
	INSN_BTC,
	INSN_PUSH,
};

/* Where the operand in memory is. */
struct insn_address {
	u8 segment; /* enum vp_segment */
	u8 base;    /* register numbers, INSN_NO_REGISTER: none */
	u8 index;
	u8 scale; /* of the index, as a shift */
	u8 size;  /* of the offset: 2, 4, 8 */
	bool from_rip;
	u64 displacement;
};

struct insn {
	enum insn_kind kind;
	u8 length;
	u8 size;          /* of the memory operand: 1, 2, 4, 8 */
	u8 reg;           /* number of the register operand */
	u8 reg_size;      /* bytes of it; loads alone have another than size */
	bool high;        /* AH CH DH BH, as reg 0 to 3 */
	bool to_register; /* INSN_ADD to INSN_CMP: register op= memory */
	bool has_immediate;
	u32 immediate; /* in place of the register, sign-extended to 8 bytes */
	struct insn_address at;
};

/* Width of addresses and operands where the bytes are: 2, 4, 8. */
bool insn_decode(const u8 *bytes, u32 count, u32 width, struct insn *insn);

/* The register operand, or the immediate, of at most 8 bytes. */
u64 insn_operand(const struct insn *insn, const u64 *gpr);

/* Gives the register operand a value. */
void insn_result(const struct insn *insn, u64 *gpr, u64 value);

/* The offset of the memory operand in its segment; rip: of the instruction. */
u64 insn_offset(const struct insn *insn, const u64 *gpr, u64 rip);

/* ---- What it does (insn_execute.c) ---- */

/* Does it read its memory operand, does it write it? */
bool insn_reads(const struct insn *insn);
bool insn_writes(const struct insn *insn);

/*
 * Carries out all but INSN_PUSH, with the memory operand's value. Answers what
 * memory holds then; to be written if insn_writes. Registers and flags are set.
 */
u64 insn_execute(const struct insn *insn, u64 *gpr, u64 *rflags, u64 memory);

#endif
