/*
 * Gates of an IDT in 64-bit mode, and handlers that the compiler enters and
 * leaves. They may use no vector registers, as these are not saved.
 */
#ifndef GUEST_LIB_GATE_H
#define GUEST_LIB_GATE_H

#include "include/x86.h"

/* What the processor pushes; an error code comes before it. */
struct frame {
	u64 rip, cs, rflags, rsp, ss;
};

struct gate {
	u16 offset0;
	u16 selector;
	u16 flags;
	u16 offset16;
	u32 offset32;
	u32 rsvd;
};
_Static_assert(sizeof(struct gate) == 16, "SDM 6.14.1");

/* The code segment of our gates: the second in the GDT of each child. */
#define GATE_SELECTOR 8

/* Operand of LIDT, SIDT, LGDT. */
struct __attribute__((packed)) descriptor_table {
	u16 limit;
	u64 base;
};

#define HANDLER __attribute__((interrupt, target("general-regs-only")))

#endif
