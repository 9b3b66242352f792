/*
 * Do two streams say the same? Memory page by page, whatever form it has; the
 * registers, whatever the one leaves to reset; all else byte for byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/fixture/golden.h"

/* ---- Memory ---- */

struct memory {
	u32 count; /* pages of the map */
	u64 gpns[GOLDEN_PAGES];
	u32 rights[GOLDEN_PAGES];
	const u8 *pages[GOLDEN_PAGES]; /* content: a page, ... */
	u64 words[GOLDEN_PAGES];       /* ... or, where that is NULL, a word */
};

static void read_pages(struct memory *m, const struct golden_row *row)
{
	u32 done = 0;

	for (u32 i = 0; i < row->count; i++) {
		const struct golden_chunk *c = &row->at[i];
		struct stream_fill f;

		if (c->id == STREAM_PAGE)
			m->pages[done++] = golden_payload(c);
		if (c->id != STREAM_FILL)
			continue;
		memcpy(&f, golden_payload(c), sizeof(f));
		for (; f.count > 0; f.count--)
			m->words[done++] = f.word;
	}
	assert_int_equal(done, m->count);
}

/* A page in full, in `room` where it is only a word. */
static const u8 *page_of(const struct memory *m, u32 n, u64 room[PAGE_SIZE / 8])
{
	if (m->pages[n])
		return m->pages[n];
	for (u32 i = 0; i < PAGE_SIZE / 8; i++)
		room[i] = m->words[n];
	return (const u8 *)room;
}

static u32 page_at(const struct memory *m, u64 gpn)
{
	u32 n = 0;

	while (n < m->count && m->gpns[n] != gpn)
		n++;
	assert_true(n < m->count);
	return n;
}

static void same_memory(const struct golden_row *was,
                        const struct golden_row *now, bool exact)
{
	struct memory a = { .count = 0 }, b = { .count = 0 };
	u64 one[PAGE_SIZE / 8], two[PAGE_SIZE / 8];

	a.count = golden_map(was, a.gpns, a.rights);
	b.count = golden_map(now, b.gpns, b.rights);
	read_pages(&a, was);
	read_pages(&b, now);
	assert_true(!exact || a.count == b.count);
	for (u32 i = 0; i < a.count; i++) {
		u32 n = page_at(&b, a.gpns[i]);

		assert_true(!exact || a.rights[i] == b.rights[n]);
		assert_true(!memcmp(page_of(&a, i, one), page_of(&b, n, two),
		                    PAGE_SIZE));
	}
}

/* ---- Chunk by chunk ---- */

static void same_bytes(const struct golden_chunk *a,
                       const struct golden_chunk *b, u32 from, u32 to)
{
	assert_non_null(a);
	assert_non_null(b);
	assert_true(a->length >= to && b->length >= to);
	if (memcmp(golden_payload(a) + from, golden_payload(b) + from,
	           to - from) != 0)
		fail_msg("chunk %x differs in bytes %u to %u", a->id, from, to);
}

static void same_chunk(const struct golden_row *was,
                       const struct golden_row *now, u32 id)
{
	const struct golden_chunk *a = golden_find(was, id, 0);

	same_bytes(a, golden_find(now, id, 0), 0, a->length);
}

/* The value of a register in VP_MSRS; NULL: it is not there. */
static const u8 *msr_of(const struct golden_chunk *c, u32 name)
{
	for (u32 at = 0; at < c->length; at += 16)
		if (!memcmp(golden_payload(c) + at, &name, 4))
			return golden_payload(c) + at + 8;
	return NULL;
}

/* What the stream did not name has its value after reset (3.18). */
static void same_msrs(const struct golden_chunk *a,
                      const struct golden_chunk *b,
                      const struct golden_chunk *reset)
{
	for (u32 at = 0; at < b->length; at += 16) {
		const u8 *expected, *found = golden_payload(b) + at + 8;
		u32 name;

		memcpy(&name, golden_payload(b) + at, sizeof(name));
		expected = msr_of(a, name);
		if (!expected)
			expected = msr_of(reset, name);
		assert_non_null(expected);
		if (memcmp(expected, found, 8) != 0)
			fail_msg("register %x differs", name);
	}
	for (u32 at = 0; at < a->length; at += 16) {
		u32 name;

		memcpy(&name, golden_payload(a) + at, sizeof(name));
		assert_non_null(msr_of(b, name));
	}
}

static bool all_zero(const u8 *at, u32 bytes)
{
	u8 seen = 0;

	for (u32 i = 0; i < bytes; i++)
		seen |= at[i];
	return seen == 0;
}

/* Without the chunk VP_FP is the state; a larger area has more components. */
static void same_xsave(const struct golden_chunk *a,
                       const struct golden_chunk *b)
{
	static const u8 legacy[8] = { 3 };

	if (!b) {
		assert_null(a);
		return;
	}
	if (!a) {
		assert_memory_equal(golden_payload(b), legacy, 8);
		assert_true(all_zero(golden_payload(b) + 8, b->length - 8));
		return;
	}
	same_bytes(a, b, 0, a->length);
	assert_true(
		all_zero(golden_payload(b) + a->length, b->length - a->length));
}

/* ---- VPs ---- */

/* The next chunk of an id, in the group of a VP that begins at `from`. */
static const struct golden_chunk *of_vp(const struct golden_row *row, u32 id,
                                        u32 from)
{
	const struct golden_chunk *c = golden_find(row, id, from + 1);
	const struct golden_chunk *end = golden_find(row, STREAM_VP, from + 1);

	return end && c > end ? NULL : c;
}

static void same_vp(const struct golden_row *was, u32 at,
                    const struct golden_row *now, u32 now_at,
                    const struct golden_row *fresh, u32 fresh_at)
{
	static const u32 plain[] = {
		STREAM_VP_GP,      STREAM_VP_CONTROL, STREAM_VP_DEBUG,
		STREAM_VP_SEGMENT, STREAM_VP_TABLE,   STREAM_VP_XSAVE_CONTROL,
		STREAM_VP_EVENTS,
	};
	const struct golden_chunk *a;

	for (u32 i = 0; i < ARRAY_LEN(plain); i++) {
		a = of_vp(was, plain[i], at);
		same_bytes(a, of_vp(now, plain[i], now_at), 0, a->length);
	}
	/* The last word is the mask of MXCSR, a fact of the machine. */
	same_bytes(of_vp(was, STREAM_VP_FP, at),
	           of_vp(now, STREAM_VP_FP, now_at), 0, 412);
	same_msrs(of_vp(was, STREAM_VP_MSRS, at),
	          of_vp(now, STREAM_VP_MSRS, now_at),
	          of_vp(fresh, STREAM_VP_MSRS, fresh_at));
	same_xsave(of_vp(was, STREAM_VP_XSAVE, at),
	           of_vp(now, STREAM_VP_XSAVE, now_at));
	a = of_vp(was, STREAM_VP_MESSAGE, at);
	assert_true(!a == !of_vp(now, STREAM_VP_MESSAGE, now_at));
	if (!a)
		return;
	/* The sender, at 8, is the target's own id. */
	same_bytes(a, of_vp(now, STREAM_VP_MESSAGE, now_at), 0, 8);
	same_bytes(a, of_vp(now, STREAM_VP_MESSAGE, now_at), 16, 256);
}

/* The number of the n-th VP chunk; the row's count: there are fewer. */
static u32 vp_at(const struct golden_row *row, u32 n)
{
	u32 i = 0;

	while (i < row->count && (row->at[i].id != STREAM_VP || n-- > 0))
		i++;
	return i;
}

void golden_same(const struct golden_row *was, const struct golden_row *now,
                 const struct golden_row *fresh, bool exact)
{
	const struct golden_chunk *partition =
		golden_find(was, STREAM_PARTITION, 0);
	u32 n = 0;

	same_chunk(was, now, STREAM_VP_INDICES);
	same_chunk(was, now, STREAM_OS_ID);
	same_bytes(partition, golden_find(now, STREAM_PARTITION, 0), 0,
	           exact ? 32 : 16);
	same_memory(was, now, exact);
	for (; vp_at(was, n) < was->count; n++) {
		u32 a = vp_at(was, n), b = vp_at(now, n);

		assert_true(b < now->count);
		same_bytes(&was->at[a], &now->at[b], 0, 16);
		same_vp(was, a, now, b, fresh, vp_at(fresh, n));
	}
	assert_true(n > 0 && vp_at(now, n) == now->count);
}
