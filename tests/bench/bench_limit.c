/*
 * What save and restore are measured against: loops that know in advance what
 * is in the memory and in the stream, and do with the C library's copies what
 * no engine can leave out.
 *
 * Out: every page is read to see whether it is one word over and over; what is
 * not goes out in pieces of 4080 bytes. In: every page that is one word is read
 * to see whether the target holds it, and written where not; the others come in
 * pieces of 4080 bytes. The next page but one is asked for meanwhile: one is gone
 * by before the memory answers. A bare loop counts
 * a CRC-32C over each page that moves, too.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/crc32c.h"
#include "tests/bench/bench_host.h"

#define LINE 64u
#define AHEAD (2 * PAGE_SIZE)
#define HEAD (PAGE_SIZE - BENCH_PIECE) /* of a block, in front of its bytes */

/* Four words at once, by the vector registers that the host has. */
typedef u64 quad __attribute__((vector_size(32), may_alias));

static struct {
	u8 *uniform;                /* a flag for each page */
	struct bench_blocks stream; /* of the other pages, and nothing else */
} known;

static volatile u32 sink;

static bool holds(const u8 *page, u64 word)
{
	quad want = { word, word, word, word };

	for (u32 i = 0; i < PAGE_SIZE; i += 2 * LINE) {
		const quad *at = (const quad *)(const void *)(page + i);
		quad seen = (at[0] ^ want) | (at[1] ^ want) | (at[2] ^ want) |
		            (at[3] ^ want);

		__builtin_prefetch(page + i + AHEAD);
		__builtin_prefetch(page + i + AHEAD + LINE);
		if (seen[0] | seen[1] | seen[2] | seen[3])
			return false;
	}
	return true;
}

static u64 first_word(const u8 *page)
{
	u64 word;

	memcpy(&word, page, sizeof(word));
	return word;
}

static void ask_for(const u8 *page)
{
	for (u32 i = 0; i < PAGE_SIZE; i += LINE)
		__builtin_prefetch(page + i);
}

static u32 least(u32 a, u32 b)
{
	return a < b ? a : b;
}

static void add_to_stream(const u8 *page, u64 *at)
{
	u32 done = 0, now;

	for (; done < PAGE_SIZE; done += now, *at += now) {
		u64 block = *at / BENCH_PIECE;
		u32 in_block = (u32)(*at % BENCH_PIECE);

		now = least(PAGE_SIZE - done, BENCH_PIECE - in_block);
		memcpy(known.stream.first + block * PAGE_SIZE + HEAD + in_block,
		       page + done, now);
	}
}

void limit_prepare(void)
{
	u64 at = 0;

	if (!known.uniform) {
		known.uniform = bench_room(bench.pages);
		known.stream.first =
			bench_room((bench.pages * PAGE_SIZE / BENCH_PIECE + 1) *
		                   PAGE_SIZE);
	}
	for (u64 i = 0; i < bench.pages; i++) {
		const u8 *page = bench.original + i * PAGE_SIZE;

		known.uniform[i] = !memcmp(page, page + 8, PAGE_SIZE - 8);
		if (!known.uniform[i])
			add_to_stream(page, &at);
	}
	known.stream.count = (at + BENCH_PIECE - 1) / BENCH_PIECE;
}

/* ---- Out ---- */

/* Into one block, over and over, as save calls do. */
static u32 put(u32 at, const u8 *page)
{
	static u8 block[PAGE_SIZE];
	u32 done = 0;

	while (done < PAGE_SIZE) {
		u32 now = least(PAGE_SIZE - done, BENCH_PIECE - at);

		memcpy(block + at, page + done, now);
		__asm__ volatile("" ::: "memory");
		done += now;
		at = (at + now) % BENCH_PIECE;
	}
	return at;
}

static double save(bool count)
{
	double began = bench_seconds();
	u32 at = 0;

	for (u64 i = 0; i < bench.pages; i++) {
		const u8 *page = bench.memory + i * PAGE_SIZE;

		if (holds(page, first_word(page)))
			continue;
		ask_for(page + AHEAD);
		at = put(at, page);
		if (count)
			sink = crc32c(0, page, PAGE_SIZE);
	}
	return bench_seconds() - began;
}

double limit_save(void)
{
	return save(false);
}

double limit_save_bare(void)
{
	return save(true);
}

/* ---- In ---- */

struct source {
	u64 next; /* block that is not in the window yet */
	const u8 *block;
	const u8 *end;
	u32 at;
	double began;
	double seconds;
};

/* The clock stands still while the stream comes into the window. */
static void next_block(struct source *s)
{
	u64 count;

	s->at = HEAD;
	if (s->block != s->end) {
		s->block += PAGE_SIZE;
		if (s->block != s->end)
			return;
	}
	s->seconds += bench_seconds() - s->began;
	count = bench_bring(&known.stream, s->next);
	if (count == 0)
		abort();
	s->next += count;
	s->block = bench.window;
	s->end = s->block + count * PAGE_SIZE;
	s->began = bench_seconds();
}

static void get(struct source *s, u8 *page)
{
	u32 done = 0;

	while (done < PAGE_SIZE) {
		u32 now;

		if (s->block == s->end || s->at == PAGE_SIZE)
			next_block(s);
		now = least(PAGE_SIZE - done, PAGE_SIZE - s->at);
		memcpy(page + done, s->block + s->at, now);
		__asm__ volatile("" ::: "memory");
		done += now;
		s->at += now;
	}
}

static void fill(u8 *page, u64 word)
{
	quad *at = (quad *)(void *)page;

	for (u32 i = 0; i < PAGE_SIZE / sizeof(*at); i++)
		at[i] = (quad){ word, word, word, word };
}

static double restore(bool count)
{
	struct source s = { .began = bench_seconds() };

	for (u64 i = 0; i < bench.pages; i++) {
		u8 *page = bench.memory + i * PAGE_SIZE;

		if (known.uniform[i]) {
			u64 word = first_word(bench.original + i * PAGE_SIZE);

			if (!holds(page, word))
				fill(page, word);
			continue;
		}
		ask_for(page + AHEAD);
		get(&s, page);
		if (count)
			sink = crc32c(0, page, PAGE_SIZE);
	}
	return s.seconds + bench_seconds() - s.began;
}

double limit_restore(void)
{
	return restore(false);
}

double limit_restore_bare(void)
{
	return restore(true);
}
