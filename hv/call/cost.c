/*
 * What each hypercall and each kind of exit has cost.
 */
#include "hv/call/cost.h"

#include "hv/base/log.h"
#include "hv/call/hypercall.h"

#define LINES_AT_ONCE 4u /* so that reading the log stays a short call */

/* SVM's codes from here on (APM volume 2, appendix C) have the slots from there on. */
#define HIGH_REASONS 0x400u
#define HIGH_SLOTS 0xf0u
#define OTHER_SLOT (COUNTER_SLOTS - 1)

/*
 * Of all processors together. Each word only grows: a compare-and-exchange will do where
 * two of them note a cost, and no call waits for a lock here.
 */
static struct {
	u64 worst[HYPERCALL_SLOTS];
	u64 logged[HYPERCALL_SLOTS];
	bool has_news; /* some `worst` is not logged yet */
} costs;

void cost_is_worst(u32 slot, u64 ticks)
{
	if (ticks <= costs.worst[slot])
		return;
	costs.worst[slot] = ticks;
	costs.has_news = true;
}

void cost_exit(struct counters *c, enum hv_counter_kind whose, u32 reason,
               u64 ticks)
{
	counter_add(&c->of[whose][cost_exit_slot(reason)], ticks);
}

u32 cost_exit_slot(u32 reason)
{
	if (reason < HIGH_SLOTS)
		return reason;
	return reason - HIGH_REASONS < OTHER_SLOT - HIGH_SLOTS
	               ? reason - HIGH_REASONS + HIGH_SLOTS
	               : OTHER_SLOT;
}

u32 cost_exit_reason(u32 slot)
{
	if (slot < HIGH_SLOTS)
		return slot;
	return slot < OTHER_SLOT ? slot - HIGH_SLOTS + HIGH_REASONS
	                         : UINT32_MAX;
}

/* Mostly there is nothing new: whoever reads the log does not pay for all slots. */
bool cost_log(void)
{
	u32 lines = 0;

	for (u32 i = 0; costs.has_news && i < HYPERCALL_SLOTS; i++) {
		if (costs.worst[i] == costs.logged[i])
			continue;
		/* The slots from here on are for the next read. */
		if (lines == LINES_AT_ONCE)
			return true;
		costs.logged[i] = costs.worst[i];
		log_line("hypercall %x: at most %u ticks",
		         (u64)hypercall_of_slot(i), costs.worst[i]);
		lines++;
	}
	costs.has_news = false;
	return lines > 0;
}
