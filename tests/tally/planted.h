/*
 * Faults that the image for tests raises by itself: `fault=` of its loader.
 */
#ifndef TALLY_PLANTED_H
#define TALLY_PLANTED_H

#include "include/types.h"

enum planted_fault {
	PLANTED_NONE = 0,
	PLANTED_CHECK = 1,     /* a failed CHECK at the 1st hypercall */
	PLANTED_EXCEPTION = 2, /* a page fault at the 1st hypercall */
	PLANTED_STACK = 3,     /* a stack overflow (double fault), likewise */
	PLANTED_ENTRY = 4,     /* the processor refuses the first VM entry */
	PLANTED_HANG = 5,      /* a loop without an end at the 1st hypercall */
};

/* Behind the fault: where, else on any processor; and at which call, else at any. */
#define PLANTED_FAULT 0xffu
#define PLANTED_ON_SHIFT 8 /* the processor's number and 1 more */
#define PLANTED_CALL_SHIFT 16

/* The one that has not been raised yet. */
extern u32 planted;

/* Raises the fault of a hypercall that was planted, once, as if in the hypercall
 * with this code. */
void planted_call(u32 code);

/* Raises one that was planted on another processor than the first, at any exit there. */
void planted_exit(void);

/* Spoils what the first entry is made by, if that was planted (planted_vmx.c, _svm.c). */
void planted_enter(void);

#endif
