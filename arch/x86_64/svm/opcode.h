/*
 * The opcode of an instruction that exits. No hardware in here: unit tests run it.
 */
#ifndef ARCH_SVM_OPCODE_H
#define ARCH_SVM_OPCODE_H

#include "include/types.h"

#define OPCODE_REX_B 1u

/* Opcodes of one byte. */
#define OPCODE_INT3 0xccu
#define OPCODE_INT_N 0xcdu
#define OPCODE_TWO_BYTES 0x0fu /* and a second one */

/* An instruction behind its legacy prefixes, and REX. */
struct opcode {
	const u8 *at; /* its first byte */
	u32 prefixes; /* how many bytes come before */
	u32 count;    /* how many are known from there on */
	u8 rex;       /* 0: none */
};

/* How many of the bytes come before the opcode: legacy prefixes, and REX. */
u32 opcode_prefixes(const u8 *bytes, u32 count, u32 width);

/* Width of the code where the bytes are: 2, 4, 8. */
struct opcode opcode_find(const u8 *bytes, u32 count, u32 width);

/*
 * Bytes from the opcode on of what exits with this code (enum svm_exit); 0: that is no one
 * instruction, or none of a fixed length.
 */
u32 opcode_length(u64 exit_code);

#endif
