/*
 * Pages from the firmware. They are of the reserved type: the firmware must not
 * look at pages that may have left our map.
 */
#include "tests/guest/lib/pages.h"

#include <efi.h>
#include <efilib.h>

#define BELOW 0x3fffffffull /* where a child's page tables reach */
#define RESERVE 1024u

static u64 reserve[RESERVE];
static u64 reserve_count, out;

u64 page_run(u64 count)
{
	EFI_PHYSICAL_ADDRESS address = BELOW;

	if (EFI_ERROR(BS->AllocatePages(AllocateMaxAddress,
	                                EfiReservedMemoryType, count,
	                                &address)))
		return 0;
	BS->SetMem((void *)address, count * PAGE_SIZE, 0);
	return address;
}

void page_run_free(u64 address, u64 count)
{
	BS->FreePages(address, count);
}

/* A few at a time, so that the firmware's memory map stays short. */
static void refill(void)
{
	u64 count = RESERVE / 8;
	u64 run = page_run(count);

	while (run && count--)
		reserve[reserve_count++] = (run >> PAGE_SHIFT) + count;
}

u64 page_take(void)
{
	if (reserve_count == 0)
		refill();
	if (reserve_count == 0)
		return 0;
	out++;
	return reserve[--reserve_count];
}

/* More than fit are those that a scenario took by another way. */
void page_put(u64 gpn)
{
	out--;
	if (reserve_count < RESERVE)
		reserve[reserve_count++] = gpn;
}

u64 pages_out(void)
{
	return out;
}

void pages_end(void)
{
	while (reserve_count)
		page_run_free(reserve[--reserve_count] << PAGE_SHIFT, 1);
}

bool page_is_zero(u64 address)
{
	const u64 *words = (const u64 *)address;
	u64 all = 0;

	for (u32 i = 0; i < PAGE_SIZE / sizeof(u64); i++)
		all |= words[i];
	return all == 0;
}
