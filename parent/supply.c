/*
 * What is deposited, and what is set aside.
 */
#include "parent/supply.h"

#include "parent/memory.h"
#include "parent/transport.h"

/*
 * Reserved memory lies in few bins, and each takes a few runs of doubling length: more is
 * used up only where every second page is refused.
 */
#define ASIDE_MAX 256u /* runs */
#define BATCH 16u

static struct {
	u64 address;
	u64 pages;
} aside[ASIDE_MAX];
static u32 aside_count;

bool supply_set_aside(u64 address, u64 pages)
{
	/* Given back, it will be handed out again: but not lost, and the caller ends. */
	if (aside_count == ASIDE_MAX) {
		transport_give(address, pages);
		return false;
	}
	aside[aside_count].address = address;
	aside[aside_count++].pages = pages;
	return true;
}

u64 supply_replace(u64 address, u64 pages, u64 refused, u64 last)
{
	u64 below = (refused - address) / PAGE_SIZE;

	/*
	 * Those below were mapped and are good: the caller has unmapped them, so the system
	 * may have them. From the refused one on, none is trusted.
	 */
	transport_give(address, below);
	if (!supply_set_aside(refused, pages - below))
		return 0;
	return transport_take(pages, last);
}

static u32 take_list(u64 *list, u32 count)
{
	u32 taken = 0;
	u64 address;

	while (taken < count) {
		/*
		 * One at a time: a pool has no use for neighbours, and the system may have no run of
		 * that many pages left when it has many single ones.
		 */
		address = transport_take(1, TRANSPORT_ANYWHERE);
		if (!address)
			break;
		list[taken++] = address >> PAGE_SHIFT;
	}
	return taken;
}

/*
 * Such pages are neighbours: as many as are set aside already follow unasked,
 * so that a bin of any size is through in a few steps.
 */
static bool set_aside_refused(u64 page, struct supply_outcome *o)
{
	u64 more;

	if (!supply_set_aside(page << PAGE_SHIFT, 1))
		return false;
	o->aside++;
	more = transport_take(o->aside, TRANSPORT_ANYWHERE);
	if (!more)
		return true;
	if (!supply_set_aside(more, o->aside))
		return false;
	o->aside *= 2;
	return true;
}

/* The rest of a list, whose first page was refused; true: go on. */
static bool deposit_refused(const u64 *list, u32 count,
                            struct supply_outcome *o)
{
	bool denied = o->status == HV_STATUS_OPERATION_DENIED;

	o->page = list[0];
	/*
	 * Where the answer was about the page, it is kept from coming back, and the rest of
	 * the list is good; another answer is about the pool, and all of it goes back.
	 */
	for (u32 i = denied; i < count; i++)
		transport_give(list[i] << PAGE_SHIFT, 1);
	return denied && set_aside_refused(list[0], o);
}

struct supply_outcome supply_deposit(u64 id, u32 count)
{
	struct supply_outcome o = { .status = HV_STATUS_SUCCESS };
	enum hv_status status;
	u64 list[BATCH];
	u32 taken, done;

	while (o.done < count) {
		taken = take_list(list, count - o.done < BATCH ? count - o.done
		                                               : BATCH);
		if (taken == 0)
			break;
		status = memory_deposit(id, list, taken, &done);
		o.done += done;
		/*
		 * SUCCESS with pages left over is no answer to rely on: it counts as a refusal, whose
		 * status is then SUCCESS (test_supply has a row for it).
		 */
		if (done == taken)
			continue;
		o.status = status;
		if (!deposit_refused(list + done, taken - done, &o))
			break;
	}
	return o;
}

void supply_end(void)
{
	/* Last in, first out, so that the system joins what it had in one piece. */
	while (aside_count) {
		aside_count--;
		transport_give(aside[aside_count].address,
		               aside[aside_count].pages);
	}
}
