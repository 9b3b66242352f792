/*
 * A logical processor. There is one structure each, reached through the
 * processor itself (arch_this_cpu).
 */
#ifndef HV_CPU_H
#define HV_CPU_H

#include "hv/base/counter.h"
#include "hv/base/list.h"
#include "include/types.h"

struct vp;

#define CPU_ARCH_BYTES 1024
#define CPU_ALARMS 4096

struct cpu {
	struct cpu *self; /* at offset 0: arch_this_cpu reads gs:0 */
	u32 index;
	struct vp *root;    /* its root VP */
	struct vp *current; /* the VP that executes on it, or executed last */
	u64 current_since;  /* TSC from which its runtime counts */
	struct list ready;  /* child VPs that may run, in turn (ready.h) */
	bool root_halted;   /* the root VP waits in HLT, give its time away */
	bool root_polled;   /* it was entered halted, to see if it wakes */
	bool cut_short; /* the timer is set to a child's, before the slice's end */
	bool slice_last; /* the slice is over, but for one run */
	u64 slice_left;  /* TSC ticks that the VP may still run in its slice */
	u64 slice_end;   /* TSC at which it is over in any case, 0: not begun */
	u64 entered;     /* TSC of the last entry */
	const char *doing; /* name of the hypercall under way, for reports */
	_Alignas(16) u8 arch[CPU_ARCH_BYTES];
	struct counters *counters; /* since launch */
	struct list asked; /* VPs of it that another processor wants to have */
	u32 vps;           /* child VPs that are bound to it */
	bool parked;       /* its root VP waits for a SIPI: nobody runs there */
	u32 alarm_count;
	struct vp *alarms[CPU_ALARMS]; /* of child VPs, a heap (alarm.c) */
	/* The input of the hypercall under way, as it was when it was checked. */
	_Alignas(16) u8 input[PAGE_SIZE];
};

#endif
