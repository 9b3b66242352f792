/*
 * What a logical processor counts of its own: so nobody waits for a lock, or for a line
 * of the cache that another one has.
 */
#ifndef HV_COUNTER_H
#define HV_COUNTER_H

#include "include/tlfs.h"

#define COUNTER_SLOTS 256u

/* By enum hv_counter_kind; a call's slot is hypercall_slot's, an exit's cost_exit_slot's. */
#define COUNTER_KINDS (HV_COUNTER_CHILD_EXIT + 1)

struct counter {
	u64 count;
	u64 ticks; /* of the TSC, all together */
	u64 worst; /* and the longest */
};

/* True: that was the longest so far. */
static inline bool counter_add(struct counter *c, u64 ticks)
{
	c->count++;
	c->ticks += ticks;
	if (ticks <= c->worst)
		return false;
	c->worst = ticks;
	return true;
}

struct counters {
	struct counter of[COUNTER_KINDS][COUNTER_SLOTS];
};

#endif
