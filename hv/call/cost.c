/*
 * The longest turn of each hypercall.
 */
#include "hv/call/cost.h"

#include "hv/base/log.h"
#include "hv/call/hypercall.h"

#define LINES_AT_ONCE 4u /* so that reading the log stays a short call */

/*
 * Of all processors together. Each word only grows: a compare-and-exchange will do where
 * two of them note a cost, and no call waits for a lock here.
 */
static struct {
	u64 worst[HYPERCALL_SLOTS];
	u64 logged[HYPERCALL_SLOTS];
	u32 code[HYPERCALL_SLOTS];
	bool has_news; /* some `worst` is not logged yet */
} costs;

void cost_note(u32 slot, u32 code, u64 ticks)
{
	if (ticks <= costs.worst[slot])
		return;
	costs.worst[slot] = ticks;
	/* Codes that are no call share a slot, and are 0. */
	costs.code[slot] = slot ? code : 0;
	costs.has_news = true;
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
		log_line("hypercall %x: at most %u ticks", (u64)costs.code[i],
		         costs.worst[i]);
		lines++;
	}
	costs.has_news = false;
	return lines > 0;
}
