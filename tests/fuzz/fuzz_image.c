/*
 * Keeping a machine, and putting it back.
 */
#include "tests/fuzz/fuzz_image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "hv/vp/partition.h"
#include "tests/host/fake/tlb.h"
#include "tests/host/fixture/guest.h"

/* What hv/ keeps outside of pages (state.ld). */
extern u8 fuzz_hv_begin[], fuzz_hv_end[];

static const struct fuzz_image *current;
static u8 *pristine; /* hv's, before there was any machine */

static u64 hv_bytes(void)
{
	return (u64)(fuzz_hv_end - fuzz_hv_begin);
}

/*
 * Between hv's objects lie the sanitizer's zones, which no memcpy may touch; of pages
 * it would only look at the zones of each again.
 */
__attribute__((no_sanitize("address"))) static void copy_raw(void *to,
                                                             const void *from,
                                                             u64 bytes)
{
	__asm__ volatile("rep movsb"
	                 : "+D"(to), "+S"(from), "+c"(bytes)
	                 :
	                 : "memory");
}

static u8 *room(u64 bytes)
{
	u8 *at = malloc(bytes + 1);

	FUZZ_CHECK(at != NULL);
	return at;
}

static struct fake_span span_of(u32 which)
{
	switch (which) {
	case FUZZ_KEEP_HARDWARE:
		return fake_arch_span();
	case FUZZ_KEEP_TLB:
		return fake_tlb_span();
	default:
		return guest_span();
	}
}

/* ---- Taking ---- */

static void let_go(struct fuzz_image *image, hpa_t page, u64 count)
{
	for (; count > 0; count--) {
		image->held[page.v >> PAGE_SHIFT] = 0;
		page.v = *fuzz_image_look(page);
	}
}

/* What was used to build it, but for pages that lie free in a pool. */
static void find_held(struct fuzz_image *image)
{
	const struct partition *p = partition_root();
	u64 id = 0;

	memcpy(image->held, image->touched, sizeof(image->held));
	do {
		const struct pool *pool = &p->pool;

		let_go(image, pool->deposited, pool->withdrawable);
		let_go(image, pool->reserved,
		       pool->available - pool->withdrawable);
		FUZZ_CHECK(!partition_next_child(partition_root(), id, &id));
		p = id ? partition_find(id) : NULL;
	} while (p);
}

static void keep_span(struct fuzz_image *image, u32 which)
{
	struct fake_span span = span_of(which);
	struct fuzz_kept *kept = &image->kept[which];

	free(kept->at);
	*kept = (struct fuzz_kept){ room(span.bytes), span.bytes };
	memcpy(kept->at, span.at, span.bytes);
}

/* Most pages are zero, or lie in a pool: of these a word is all there is to be read. */
FUZZ_QUICK static void keep_pages(struct fuzz_image *image)
{
	for (u64 i = 0; i < FUZZ_FRAMES; i++) {
		u8 *was = image->ram_was + i * PAGE_SIZE;
		const u64 *words = (const u64 *)(const void *)was;

		image->first[i] = 0;
		image->zero[i] = true;
		if (!image->touched[i])
			continue;
		copy_raw(was, image->ram + i * PAGE_SIZE, PAGE_SIZE);
		image->first[i] = words[0];
		image->zero[i] = fake_is_zero(words + 1, PAGE_SIZE / 8 - 1);
	}
}

static void take(struct fuzz_image *image)
{
	find_held(image);
	keep_pages(image);
	memset(image->touched, 0, sizeof(image->touched));
	image->fake = fake;
	copy_raw(image->hv, fuzz_hv_begin, hv_bytes());
	for (u32 i = 0; i < FUZZ_KEEPS; i++)
		keep_span(image, i);
	image->longest = guest_longest;
}

/* ---- Putting back ---- */

/* Most of what a child had has come back from it, and was looked at then. */
FUZZ_QUICK static void put_back_page(struct fuzz_image *image, u64 gpn)
{
	u8 *page = image->ram + gpn * PAGE_SIZE;
	bool is_empty = image->touched[gpn] == FAKE_EMPTIED;

	image->touched[gpn] = FAKE_UNTOUCHED;
	if (!image->zero[gpn]) {
		copy_raw(page, image->ram_was + gpn * PAGE_SIZE, PAGE_SIZE);
		return;
	}
	if (!is_empty)
		fake_fill(page, 0, PAGE_SIZE / 8);
	*(u64 *)(void *)page = image->first[gpn];
}

FUZZ_QUICK static void put_back_pages(struct fuzz_image *image)
{
	for (u64 i = 0; i < FUZZ_FRAMES; i++)
		if (image->touched[i] | image->held[i])
			put_back_page(image, i);
}

/* What has grown meanwhile, here or in another machine, goes to zero again. */
static void put_back_span(const struct fuzz_image *image, u32 which)
{
	const struct fuzz_kept *kept = &image->kept[which];
	struct fake_span span = span_of(which);

	if (span.bytes > kept->bytes)
		memset((u8 *)span.at + kept->bytes, 0,
		       span.bytes - kept->bytes);
	memcpy(span.at, kept->at, kept->bytes);
}

static void put_back(struct fuzz_image *image)
{
	fake = image->fake;
	put_back_pages(image);
	for (u32 i = 0; i < FUZZ_KEEPS; i++)
		put_back_span(image, i);
	copy_raw(fuzz_hv_begin, image->hv, hv_bytes());
	guest_longest = image->longest;
}

/* ---- Building ---- */

/* Its addresses are the same each time. */
static void build(struct fuzz_image *image, fuzz_image_make *make,
                  const void *argument)
{
	if (!pristine) {
		pristine = room(hv_bytes());
		copy_raw(pristine, fuzz_hv_begin, hv_bytes());
	}
	copy_raw(fuzz_hv_begin, pristine, hv_bytes());
	make(image, argument);
	take(image);
}

static void check_same(const void *a, const void *b, u64 bytes,
                       const char *what)
{
	const u8 *x = a, *y = b;
	u64 at = 0;

	if (!memcmp(x, y, bytes))
		return;
	while (x[at] == y[at])
		at++;
	fprintf(stderr, "put back and built anew differ: %s at %#llx\n", what,
	        (unsigned long long)at);
	abort();
}

/* What lies in memory now. */
static struct fuzz_image *note_now(const struct fuzz_image *image)
{
	struct fuzz_image *now = malloc(sizeof(*now));

	FUZZ_CHECK(now != NULL);
	*now = *image;
	now->ram = room(FUZZ_RAM);
	memcpy(now->ram, image->ram, FUZZ_RAM);
	now->hv = room(hv_bytes());
	copy_raw(now->hv, fuzz_hv_begin, hv_bytes());
	now->fake = fake;
	memset(now->kept, 0, sizeof(now->kept));
	for (u32 i = 0; i < FUZZ_KEEPS; i++)
		keep_span(now, i);
	return now;
}

void fuzz_image_compare(struct fuzz_image *image, fuzz_image_make *make,
                        const void *argument)
{
	struct fuzz_image *now;

	/* Behind the door's back, to see that it is noticed. */
	if (getenv("FUZZ_SPOIL"))
		image->ram[FUZZ_RAM / 2] ^= 1;
	put_back(image);
	now = note_now(image);
	FUZZ_CHECK(!madvise(image->ram, FUZZ_RAM, MADV_DONTNEED));
	build(image, make, argument);
	check_same(now->ram, image->ram, FUZZ_RAM, "RAM");
	check_same(now->hv, image->hv, hv_bytes(), "hv");
	check_same(&now->fake, &image->fake, sizeof(fake), "fake");
	check_same(now->held, image->held, sizeof(now->held), "held");
	check_same(now->zero, image->zero, sizeof(now->zero), "zero");
	check_same(now->first, image->first, sizeof(now->first), "first");
	check_same(&now->books, &image->books, sizeof(now->books), "books");
	for (u32 i = 0; i < FUZZ_KEEPS; i++) {
		FUZZ_CHECK(now->kept[i].bytes == image->kept[i].bytes);
		check_same(now->kept[i].at, image->kept[i].at,
		           now->kept[i].bytes, "a fake");
		free(now->kept[i].at);
	}
	free(now->ram);
	free(now->hv);
	free(now);
}

void fuzz_image_begin(struct fuzz_image *image, fuzz_image_make *make,
                      const void *argument)
{
	current = image;
	if (!image->ram) {
		image->ram = fake_memory(FUZZ_RAM);
		image->ram_was = fake_memory(FUZZ_RAM);
		image->hv = room(hv_bytes());
		build(image, make, argument);
		return;
	}
	put_back(image);
}

const struct fuzz_image *fuzz_image(void)
{
	return current;
}

bool fuzz_image_may_differ(u64 gpn)
{
	return current->touched[gpn] || current->held[gpn];
}

FUZZ_QUICK bool fuzz_page_same(const void *a, const void *b)
{
	const u64 *x = a, *y = b;
	u64 differ = 0;

	for (u32 i = 0; i < PAGE_SIZE / 8 && !differ; i += 8)
		for (u32 j = i; j < i + 8; j++)
			differ |= x[j] ^ y[j];
	return !differ;
}

void fuzz_page_copy(void *to, const void *from)
{
	copy_raw(to, from, PAGE_SIZE);
}

FUZZ_QUICK const u64 *fuzz_image_look(hpa_t page)
{
	FUZZ_CHECK(page.v < FUZZ_RAM);
	return (const u64 *)(const void *)(fake.ram + page.v);
}
