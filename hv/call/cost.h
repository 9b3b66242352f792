/*
 * What hypercalls and other VM exits have cost so far: TSC ticks from the VM exit to the
 * next VM entry. Under an emulator whose counter counts instructions these are
 * instructions, exactly; on a processor they are time. `hvctl stats` shows all of it, and
 * the log has the longest turn of each call.
 */
#ifndef HV_COST_H
#define HV_COST_H

#include "hv/base/counter.h"

/* This turn of a call is the longest on this processor: also of all? */
void cost_is_worst(u32 slot, u64 ticks);

/* Counts one turn of the call whose slot is hypercall_slot(code). On the way of each. */
static inline void cost_note(struct counters *c, u32 slot, u64 ticks)
{
	if (counter_add(&c->of[HV_COUNTER_CALL][slot], ticks))
		cost_is_worst(slot, ticks);
}

/* Counts an exit that was no hypercall, of the root's or of a child's. */
void cost_exit(struct counters *c, enum hv_counter_kind whose, u32 reason,
               u64 ticks);

/*
 * An exit reason's slot and back. Reasons of VT-x and most codes of SVM are their own
 * slots, those of SVM from 400H on have a few of the last, and one is for all others.
 */
u32 cost_exit_slot(u32 reason);
u32 cost_exit_reason(u32 slot);

/*
 * Adds a line to the log for calls that have become longer since the log last
 * said so, a few at a time. False: there is nothing new.
 */
bool cost_log(void);

#endif
