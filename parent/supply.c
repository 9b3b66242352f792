/*
 * Pages of the firmware, and the few of them that the hypervisor refuses.
 */
#include "parent/supply.h"

#include <efilib.h>

#include "parent/memory.h"

#define ASIDE_MAX 1024u /* runs: how many refusals we bear */
#define BATCH 16u

static struct {
	u64 address;
	u64 pages;
} aside[ASIDE_MAX];
static u32 aside_count;

u64 supply_take(u64 pages, u64 last)
{
	EFI_PHYSICAL_ADDRESS address = last;
	EFI_ALLOCATE_TYPE how = last == SUPPLY_ANYWHERE ? AllocateAnyPages
	                                                : AllocateMaxAddress;

	if (EFI_ERROR(BS->AllocatePages(how, SUPPLY_MEMORY_TYPE, pages,
	                                &address)))
		return 0;
	BS->SetMem((void *)address, pages * PAGE_SIZE, 0);
	return address;
}

void supply_give(u64 address, u64 pages)
{
	if (pages)
		BS->FreePages(address, pages);
}

bool supply_set_aside(u64 address, u64 pages)
{
	if (aside_count == ASIDE_MAX) {
		supply_give(address, pages);
		return false;
	}
	aside[aside_count].address = address;
	aside[aside_count++].pages = pages;
	return true;
}

u64 supply_replace(u64 address, u64 pages, u64 refused, u64 last)
{
	u64 below = (refused - address) / PAGE_SIZE;

	supply_give(address, below);
	if (!supply_set_aside(refused, pages - below))
		return 0;
	return supply_take(pages, last);
}

static u32 take_list(u64 *list, u32 count)
{
	u32 taken = 0;
	u64 address;

	while (taken < count) {
		address = supply_take(1, SUPPLY_ANYWHERE);
		if (!address)
			break;
		list[taken++] = address >> PAGE_SHIFT;
	}
	return taken;
}

/* The rest of a list that the hypervisor did not take; true: go on. */
static bool deposit_refused(const u64 *list, u32 count,
                            struct supply_outcome *o)
{
	bool go_on = false;
	u32 first = 0;

	o->page = list[0];
	if (o->status == HV_STATUS_OPERATION_DENIED) {
		go_on = supply_set_aside(list[0] << PAGE_SHIFT, 1);
		o->refused += go_on;
		first = 1;
	}
	for (u32 i = first; i < count; i++)
		supply_give(list[i] << PAGE_SHIFT, 1);
	return go_on;
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
	while (aside_count) {
		aside_count--;
		supply_give(aside[aside_count].address,
		            aside[aside_count].pages);
	}
}
