/*
 * Guest memories to measure with.
 *
 * "linux" has the shares of a small Linux guest some time after boot: 60 % zero
 * pages in runs (free memory that was never touched), 2 % pages of one repeated
 * word, 6 % copies of other pages, 14 % pages that begin with data and end in
 * zeroes (slabs, page tables, stacks), 18 % full pages.
 */
#include "tests/bench/bench_memory.h"

#include <string.h>

#define WORDS (PAGE_SIZE / 8)

static u64 next_random(u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

const char *bench_kind_name(enum bench_kind kind)
{
	static const char *const names[] = { "empty", "random", "linux" };

	return names[kind];
}

static void fill_random(u64 *page, u32 words, u64 *seed)
{
	memset(page, 0, PAGE_SIZE);
	for (u32 i = 0; i < words; i++)
		page[i] = next_random(seed);
}

static void fill_word(u64 *page, u64 word)
{
	for (u32 i = 0; i < WORDS; i++)
		page[i] = word;
}

/* A used page of the Linux-like memory. */
static void fill_used(u8 *memory, u64 at, u64 *seed)
{
	u64 *page = (u64 *)(void *)(memory + at * PAGE_SIZE);
	u64 share = next_random(seed) % 40;

	if (share < 2)
		fill_word(page, next_random(seed));
	else if (share < 8 && at > 64)
		memcpy(page,
		       memory + (at - 1 - next_random(seed) % 64) * PAGE_SIZE,
		       PAGE_SIZE);
	else if (share < 22)
		fill_random(page, 1 + (u32)(next_random(seed) % (WORDS - 1)),
		            seed);
	else
		fill_random(page, WORDS, seed);
}

/* Used and free pages come in runs of 1 to 128 and 1 to 192 pages. */
static void fill_linux(u8 *memory, u64 pages)
{
	u64 seed = 88172645463325252ull;
	u64 at = 0;

	while (at < pages) {
		u64 used = 1 + next_random(&seed) % 128;
		u64 unused = 1 + next_random(&seed) % 192;

		for (; used > 0 && at < pages; used--)
			fill_used(memory, at++, &seed);
		for (; unused > 0 && at < pages; unused--)
			memset(memory + at++ * PAGE_SIZE, 0, PAGE_SIZE);
	}
}

void bench_fill(enum bench_kind kind, u8 *memory, u64 pages)
{
	u64 seed = 362436069;

	if (kind == BENCH_LINUX) {
		fill_linux(memory, pages);
		return;
	}
	for (u64 i = 0; i < pages; i++)
		fill_random((u64 *)(void *)(memory + i * PAGE_SIZE),
		            kind == BENCH_RANDOM ? WORDS : 0, &seed);
}
