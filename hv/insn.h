/*
 * A small decoder: instructions that load from memory or store to it in one
 * access, as drivers of a local APIC are made of (SDM volume 2, chapter 2).
 * String instructions, vectors and everything else are not known.
 */
#ifndef HV_INSN_H
#define HV_INSN_H

#include "include/types.h"

#define INSN_MAX 15 /* bytes; longer ones fault */

enum insn_kind {
	INSN_STORE, /* register or immediate to memory */
	INSN_LOAD,  /* memory to register, zero-extended to reg_size */
	INSN_AND,   /* memory op= register or immediate, flags set */
	INSN_OR,
	INSN_XOR,
};

struct insn {
	enum insn_kind kind;
	u8 length;
	u8 size;     /* of the memory operand: 1, 2, 4, 8 */
	u8 reg;      /* number of the register operand */
	u8 reg_size; /* bytes of it; INSN_LOAD alone has another than size */
	bool high;   /* AH CH DH BH, as reg 0 to 3 */
	bool has_immediate;
	u32 immediate; /* in place of the register, sign-extended to 8 bytes */
};

/* Width of addresses and operands where the bytes are: 2, 4, 8. */
bool insn_decode(const u8 *bytes, u32 count, u32 width, struct insn *insn);

/* The register operand, or the immediate, of at most 8 bytes. */
u64 insn_operand(const struct insn *insn, const u64 *gpr);

/* Gives the register operand a value. */
void insn_result(const struct insn *insn, u64 *gpr, u64 value);

#endif
