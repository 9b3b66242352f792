/*
 * How much of the processor is ours while a child runs.
 */
#include "tests/guest/root/hostile/hostile.h"

#include "tests/guest/lib/serial.h"
#include "tests/guest/lib/share.h"

#define WHILE 5000000ull /* many slices */

u64 hostile_least_share;
bool hostile_int1, hostile_masked, hostile_wraps, hostile_pushes,
	hostile_faults;

/* The child runs, and we get so much of the time: what we run in one go. */
static void share_of(u64 least)
{
	struct share share;
	u64 begin;

	share_begin(&share, least * 10);
	share_open(&share);
	for (begin = share.last; share.last - begin < WHILE;)
		share_look(&share, SHARE_GAP);
	if (!share_check(&share))
		serial_print("%u of 1000 are ours\r\n", share.least);
}

void hostile_share_is_ours(void)
{
	share_of(hostile_least_share);
}

void hostile_spinner_leaves_us_ours(void)
{
	share_of(hostile_masked ? hostile_least_share : 0);
}
