/*
 * Who runs next on a logical processor: its root VP, or one of the child VPs
 * bound to it. docs/architecture.md has the rules.
 */
#ifndef HV_SCHED_H
#define HV_SCHED_H

#include "hv/base/cpu.h"

/* Why the scheduler is asked. */
enum sched_event {
	SCHED_GO_ON, /* an exit was handled; the VP may have been suspended */
	SCHED_SLICE_END, /* the preemption timer fired */
	SCHED_INTERRUPT, /* a physical interrupt waits for the root */
	SCHED_HALT,      /* the VP executed HLT, or the root is still in it */
};

/* What to enter. */
struct sched_plan {
	struct vp *vp;
	bool timed;    /* arm the preemption timer ... */
	u64 ticks;     /* ... with this many TSC ticks, 0: fire at once */
	bool exit_hlt; /* HLT exits: always for a child, for the root while a
	                * child could use the time */
	bool halted;   /* enter the root VP in its HLT activity state */
};

/* A slice is so much of a VP's own running, from its entries to its exits. */
#define SCHED_SLICE_MICROSECONDS 1000

/*
 * What we do for the VP is not charged, as it may be long: below another hypervisor
 * a few exits can cost more than a slice. Yet so long after its first entry a slice
 * is over. The root serves the machine, and gets through with an interrupt; a child
 * that only exits must leave the root more than a third.
 */
#define SCHED_ROOT_LIMIT_MICROSECONDS 4000
#define SCHED_CHILD_LIMIT_MICROSECONDS 1500

/*
 * After an exit that we carried out a VP runs for so long at least, at the end of
 * its slice once: less is not worth the way in and out.
 */
#define SCHED_RUN_MICROSECONDS 20

/*
 * Where interrupts may wait (hv/arch.h) a halted root is entered for so long between two
 * slices of children: what woke it, and did not end the slice, is not late by more than
 * that slice.
 */
#define SCHED_POLL_MICROSECONDS 20

/*
 * Between two calls that look for a child among many that are idle the root runs so
 * long: an interrupt gets in, which a timer that fires at once would pass.
 */
#define SCHED_REST_MICROSECONDS 1

/* No child VP has anything to do, now or later: the root is alone. */
static inline bool sched_is_alone(const struct cpu *cpu)
{
	return !cpu->alarm_count && !list_linked(&cpu->ready);
}

/* Chooses; cpu->current is the VP that exited. */
struct sched_plan sched_next(struct cpu *cpu, enum sched_event event);

/* No child is on this processor any more: it is the root's, who will be chosen or waits. */
void sched_leave(struct cpu *cpu);

/*
 * Behind the choice: if that took its turn from a child, `last`, which goes on to want it, and
 * on another processor no child does, that one has it from now on.
 */
void sched_spread(struct cpu *cpu, struct vp *last);

/*
 * Nobody is entered here for as long as its root waits for a SIPI: one child that has something
 * to do, now or later, goes to another processor. False: there is none any more.
 */
bool sched_give_away(struct cpu *cpu);

/*
 * Last of all before cpu->current is entered: what it runs counts from here. Where
 * the entry does not come about this is called again for the next one.
 */
void sched_entered(struct cpu *cpu);

/* First of all after an exit of cpu->current: it came out at this TSC. */
void sched_exited(struct cpu *cpu, u64 now);

#endif
