/*
 * Pages from the firmware, of the type that everything has that may leave our
 * map.
 */
#include "tests/guest/lib/pages.h"

#include "parent/supply.h"
#include "parent/transport.h"

#define BELOW 0x3fffffffull /* where a child's page tables reach */
#define RESERVE 1024u

static u64 reserve[RESERVE];
static u64 reserve_count, out;

u64 page_run(u64 count)
{
	return transport_take(count, BELOW);
}

void page_run_free(u64 address, u64 count)
{
	transport_give(address, count);
}

u64 page_run_replace(u64 address, u64 count, u64 refused)
{
	return supply_replace(address, count, refused, BELOW);
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

bool page_refuse(u64 gpn)
{
	out--;
	return supply_set_aside(gpn << PAGE_SHIFT, 1);
}

u64 pages_out(void)
{
	return out;
}

void pages_end(void)
{
	while (reserve_count)
		page_run_free(reserve[--reserve_count] << PAGE_SHIFT, 1);
	supply_end();
}

bool page_is_zero(u64 address)
{
	const u64 *words = (const u64 *)address;
	u64 all = 0;

	for (u32 i = 0; i < PAGE_SIZE / sizeof(u64); i++)
		all |= words[i];
	return all == 0;
}
