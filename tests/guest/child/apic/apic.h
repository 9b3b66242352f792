/*
 * The apic child: local APIC, timer and interrupts between VPs, by its own
 * count. What it has seen lies where its parent finds it.
 */
#ifndef CHILD_APIC_H
#define CHILD_APIC_H

#include "include/types.h"

/*
 * Its memory: what it has seen, the image, a table, stacks, the start of other VPs, and
 * the parent's page tables for it (child.h).
 */
#define APIC_SEEN 0x800ull
#define APIC_IMAGE 0x1000ull
#define APIC_DEVICES 0x5000ull /* page directory of the fourth GiB */
#define APIC_STACKS 0x8000ull  /* downwards, one of 2 KiB for each VP */
#define APIC_STACK_BYTES 0x800ull
#define APIC_STARTUP 0x8000ull
#define APIC_TABLES 0x9000ull
#define APIC_PAGES 12
#define APIC_VPS 4

enum apic_task {
	APIC_PERIODIC,
	APIC_DEADLINE,
	APIC_ONE_SHOT,
	APIC_STIMER_MESSAGE, /* a synthetic timer, by messages to a SINT ... */
	APIC_STIMER_DIRECT,  /* ... or by interrupts of its own */
	APIC_TOKEN,          /* four VPs pass a token by interrupts */
};

/* How it reaches its registers, and what it does between two interrupts. */
#define APIC_HALTS 1u
#define APIC_BY_PAGE 2u /* xAPIC mode */
#define APIC_BY_HV 4u   /* EOI, ICR and TPR by the synthetic MSRs */
#define APIC_DOUBLES 8u /* an emulator delivers some interrupts twice */

/* Filled by the parent: task, flags, period. The rest is zero at first. */
struct apic_seen {
	u64 task;
	u64 flags;
	u64 period;      /* of the timer, TSC ticks */
	u64 begin_first; /* the timer was started between these two */
	u64 begin_last;
	u64 ticks; /* interrupts of the timer */
	u64 due;   /* of the deadline that is set */
	u64 checks;
	u64 early; /* a tick before its time */
	u64 lost;  /* one that did not come */
	u64 twice; /* one too many */
	u64 pages; /* comparisons of the reference TSC page */

	u64 started;        /* VPs that run */
	u64 hops;           /* of the token */
	u64 took[APIC_VPS]; /* hops by VP */
	u64 wrong; /* token where it was not, a message or time that cannot be */
	u64 startup_index; /* for the VP that is being started: */
	u64 startup_stack;
	u64 startup_entry;
	u64 doubled; /* interrupts that came with IF clear */
};

#endif
