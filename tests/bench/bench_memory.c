/*
 * Guest memories to measure with.
 *
 * "linux" has the shares that were measured in a guest of 512 MiB (QEMU, TCG),
 * with Debian's cloud kernel 6.1 and a busybox in its initramfs, some seconds
 * after boot, pages of 4 KiB:
 *
 *     81.2 %  zero: memory that was never used, nearly all of it in a few runs
 *      2.8 %  one word over and over: 0xcc, the initial sections that were freed
 *      2.7 %  a copy of another page, many in a row
 *      1.7 %  data, then at least 64 bytes of zeroes up to the end
 *     11.6 %  other
 *
 * Half of the runs of used pages had one or two pages, but most of these pages
 * lay in runs of some thousands; here of some hundreds, so that small memories
 * get the same shares. (With the kernel's modules in the initramfs it was 62.3,
 * 6.5, 0.5, 3.4 and 27.3 %.)
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

#define USED_SHARE 188 /* pages of a thousand */
#define KEPT 64        /* the last full pages, to make copies of */
#define FREED 0xccccccccccccccccull

struct filler {
	u64 *memory;
	u64 pages;
	u64 at; /* the page that is filled next */
	u64 used;
	u64 seed;
	u64 full[KEPT];
	u64 full_count;
};

static u64 below(struct filler *f, u64 limit)
{
	return next_random(&f->seed) % limit;
}

/* Every power of two up to 2^(classes - 1) as often: mostly short, some long. */
static u64 run_length(struct filler *f, u32 classes)
{
	u64 least = 1ull << below(f, classes);

	return least + below(f, least);
}

enum used_kind { USED_WORD, USED_COPY, USED_PART, USED_FULL };

/* In the shares of the table above, of a hundred used pages. */
static enum used_kind draw_kind(struct filler *f)
{
	u64 share = below(f, 100);

	if (share < 15)
		return USED_WORD;
	if (share < 29)
		return USED_COPY;
	return share < 38 ? USED_PART : USED_FULL;
}

static void fill_used(struct filler *f, enum used_kind kind)
{
	u64 *page = f->memory + f->at * WORDS;

	if (kind == USED_WORD) {
		fill_word(page, FREED);
	} else if (kind == USED_COPY && f->full_count >= KEPT) {
		memcpy(page, f->memory + f->full[below(f, KEPT)] * WORDS,
		       PAGE_SIZE);
	} else if (kind == USED_PART) {
		fill_random(page, 1 + (u32)below(f, WORDS - 8), &f->seed);
	} else {
		fill_random(page, WORDS, &f->seed);
		f->full[f->full_count++ % KEPT] = f->at;
	}
	f->at++;
	f->used++;
}

/* Pages of one kind lie together, 1 to 15 in a row. */
static void fill_used_run(struct filler *f, u64 count)
{
	while (count > 0 && f->at < f->pages) {
		enum used_kind kind = draw_kind(f);
		u64 row = run_length(f, 4);

		for (; row > 0 && count > 0 && f->at < f->pages; row--, count--)
			fill_used(f, kind);
	}
}

/* A short run, or the long one that makes the shares of all so far right. */
static void fill_free_run(struct filler *f)
{
	u64 wanted = f->used * 1000 / USED_SHARE;
	u64 count = run_length(f, 6);

	if (wanted > f->at + f->pages / 64)
		count = wanted - f->at;
	if (count > f->pages - f->at)
		count = f->pages - f->at;
	memset(f->memory + f->at * WORDS, 0, count * PAGE_SIZE);
	f->at += count;
}

static void fill_linux(u8 *memory, u64 pages)
{
	struct filler f = { .memory = (u64 *)(void *)memory,
		            .pages = pages,
		            .seed = 88172645463325252ull };

	while (f.at < pages) {
		fill_used_run(&f, run_length(&f, 10));
		fill_free_run(&f);
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
