/*
 * A stream's memory is its map, page for page: sets of pages that differ in one
 * page, in all of them, or that a check sum takes for one another.
 */
#include "hv/memory/gpa.h"
#include "hv/stream/context.h"
#include "tests/host/fixture/child.h"
#include "tests/host/fixture/forge.h"
#include "tests/host/fixture/test.h"

#define PAGES 40u /* a set of pages is a word: bit n, the n-th of them */
#define WORD 0x4141414141414141ull

static struct forge empty, f;
static struct guest_stream s;
static u64 target;
static u32 step; /* pages from one of the set to the next */

/* A target of PAGES pages `apart` apart, and a stream without memory. */
static void make(u32 apart)
{
	u64 source = guest_child(60, 1);
	u32 result;

	step = apart;
	target = guest_child(60, 1);
	assert_ok(guest_map(source, 0, guest_page(), 7));
	for (u64 n = 0; n < PAGES; n++)
		assert_ok(guest_map(target, n * step, guest_page(), 7));
	assert_ok(guest_save(source, 0, &s, &result));
	forge_open(&empty, &s);
	for (u32 i = empty.count; i-- > 0;)
		if (empty.chunks[i].id >= STREAM_GPA_MAP &&
		    empty.chunks[i].id <= STREAM_FILL)
			forge_remove(&empty, i);
}

static void put(u32 *at, u32 id, u64 one, u64 two)
{
	struct forge_chunk c = { .id = id, .length = 16 };

	memcpy(c.payload, &one, 8);
	memcpy(c.payload + 8, &two, 8);
	forge_insert(&f, (*at)++, &c);
}

/* The stream with this map, and memory of those pages. */
static void forge(u64 map, u64 memory)
{
	struct forge_chunk m = { .id = STREAM_GPA_MAP };
	u32 at, count = 0;

	f = empty;
	at = (u32)(forge_find(&f, STREAM_PARTITION, 0) - f.chunks);
	((struct stream_partition *)(void *)f.chunks[at++].payload)
		->page_count = (u64)__builtin_popcountll(map);
	for (u64 n = 0; n < PAGES; n++)
		if (map >> n & 1)
			((struct stream_extent *)(void *)m.payload)[count++] =
				(struct stream_extent){ n * step, 1, 7 };
	m.length = count * 16;
	if (map)
		forge_insert(&f, at++, &m);
	for (u64 n = 0; n < PAGES; n++) {
		if (!(memory >> n & 1))
			continue;
		if (n == 0 || step > 1 || !(memory >> (n - 1) & 1))
			put(&at, STREAM_EXTENT, n * step, 0);
		put(&at, STREAM_FILL, 1, WORD);
	}
	forge_close(&f, &s);
}

static u64 *page_of(u64 n)
{
	struct arch_mapping m;

	assert_true(gpa_lookup(&guest_partition(target)->space, n * step, &m));
	return arch_page(m.page);
}

/* Zeroes all pages and restores; the pages that were written. */
static u64 restore(u64 map, u64 memory, u32 *result)
{
	u64 written = 0;

	for (u64 n = 0; n < PAGES; n++)
		arch_zero_page(page_of(n));
	forge(map, memory);
	assert_ok(guest_restore(target, 0, &s, 4080, result));
	for (u64 n = 0; n < PAGES; n++)
		written |= (u64)(*page_of(n) == WORD) << n;
	return written;
}

static void expect_refused(u64 map, u64 memory)
{
	u32 result;
	u64 written = restore(map, memory, &result);

	assert_int_equal(result, HV_STATE_CORRUPT_DATA);
	/* What is beside the map is the target's own. */
	assert_int_equal(written & ~map, 0);
}

static void expect_complete(u64 map)
{
	u32 result;

	assert_int_equal(restore(map, map, &result), map);
	assert_int_equal(result, HV_STATE_COMPLETE);
	assert_false(guest_partition(target)->marked);
}

/* As many pages, and the CRC-32C of (first page, count) of each is the same. */
static void test_sets_with_one_check_sum(void **state)
{
	u64 map = 0x19d2c3fa92, memory = 0xcfdc05e823;

	(void)state;
	make(2);
	expect_refused(map, memory);
	expect_refused(memory, map);
	expect_complete(map);
	expect_complete(memory);
}

static void test_one_page_too_few_or_many_or_beside(void **state)
{
	u64 map = 0x00ff00ff0f;

	(void)state;
	make(1);
	for (u64 n = 0; n < PAGES; n++) {
		u64 other = (n * 7 + 3) % PAGES;

		expect_refused(map, map ^ BIT(n));
		if ((map >> n & 1) != (map >> other & 1))
			expect_refused(map, map ^ BIT(n) ^ BIT(other));
	}
	expect_complete(map);
}

static u64 some_pages(u64 *seed)
{
	u64 all = BIT(PAGES) - 1;

	return fake_random(seed) & fake_random(seed) & all;
}

/* Any map, any memory; in one target, after whatever came before. */
static void test_any_two_sets(void **state)
{
	u64 seed = 12;

	(void)state;
	for (step = 1; step <= 700; step += 233) {
		make(step);
		for (u32 i = 0; i < 60; i++) {
			u64 map = some_pages(&seed), memory = map;

			if (i % 3)
				memory = some_pages(&seed);
			if (map == memory)
				expect_complete(map);
			else
				expect_refused(map, memory);
		}
	}
}

/* Feeds a stream as far as its first EXTENT, and no further. */
static void abandon(u64 map)
{
	u32 at = 0, end = 0, flags = GUEST_START, consumed, result;

	forge(map, map);
	for (u32 i = 0; f.chunks[i].id != STREAM_EXTENT; i++)
		end += 16 + f.chunks[i].length;
	for (; at < end; at += consumed, flags = 0) {
		u32 size = end - at < 4080 ? end - at : 4080;

		assert_ok(guest_restore_call(target, flags, s.data + at, size,
		                             &result, &consumed));
		assert_int_equal(result, HV_STATE_INCOMPLETE);
	}
	while (context_find(fake_root(), guest_partition(target))
	               ->restore.mapped < (u64)__builtin_popcountll(map))
		assert_ok(guest_restore_call(target, 0, s.data, 0, &result,
		                             &consumed));
	assert_true(guest_partition(target)->marked);
}

/* The pages of a map that was checked, of which no memory came, are no others'. */
static void test_a_restore_that_was_left_says_nothing(void **state)
{
	u64 low = 0xfffff, high = 0xfffff00000, odd = 0xaaaaaaaaaa;

	(void)state;
	for (u32 apart = 1; apart <= 513; apart += 512) {
		make(apart);
		abandon(low);
		expect_refused(high, low);
		abandon(odd);
		abandon(high);
		expect_refused(low, odd);
		abandon(BIT(PAGES) - 1);
		expect_refused(odd, low);
		abandon(BIT(PAGES) - 1);
		expect_complete(odd);
	}
}

/* Of a page that an overlay hides, too; it comes and goes between restores. */
static void test_what_an_overlay_hides(void **state)
{
	u64 under = BIT(7), map = 0xf0, on = 7 << 12 | 1;

	(void)state;
	make(1);
	assert_ok(guest_set(target, 0, HV_REGISTER_GUEST_OS_ID, 1));
	assert_ok(guest_set(target, 0, HV_REGISTER_HYPERCALL, on));
	assert_true(gpa_has_overlay(&guest_partition(target)->space, 7));
	expect_refused(map, map ^ under ^ 1);
	expect_refused(map ^ under ^ 1, map);
	abandon(map);
	expect_refused(map ^ under ^ 1, map);
	assert_ok(guest_set(target, 0, HV_REGISTER_HYPERCALL, on));
	abandon(map);
	assert_ok(guest_set(target, 0, HV_REGISTER_HYPERCALL, 0));
	expect_refused(map ^ under ^ 1, map);
	abandon(map);
	assert_ok(guest_set(target, 0, HV_REGISTER_HYPERCALL, on));
	expect_refused(map ^ under ^ 1, map);
	expect_complete(map);
}

/* A page that takes the place of one with a mark has none. */
static void test_a_page_that_was_mapped_anew(void **state)
{
	(void)state;
	make(1);
	abandon(3);
	assert_ok(guest_map(target, 0, guest_page(), 7));
	assert_ok(guest_unmap(target, 1));
	assert_ok(guest_map(target, 1, guest_page(), 7));
	expect_refused(4, 1);
	expect_refused(4, 2);
	expect_complete(7);
}

/* D17: marks go in turns, as they came. */
static void test_d17_marks_go_in_turns(void **state)
{
	u32 most = CONTEXT_BUDGET / CONTEXT_COST_MAP, result, consumed;
	u32 at = 0, calls = 0;
	u64 page = guest_page();
	const struct context *c;

	(void)state;
	make(1);
	for (u64 n = PAGES; n < 4ull * most; n++)
		assert_ok(guest_map(target, n, page, 7));
	abandon(BIT(PAGES) - 1);
	forge(6, 6);
	assert_ok(guest_restore_call(target, GUEST_START, s.data, 4080, &result,
	                             &consumed));
	at = consumed;
	while (at < s.size - 1000) {
		assert_ok(guest_restore_call(target, 0, s.data + at, 1000,
		                             &result, &consumed));
		assert_int_equal(result, HV_STATE_INCOMPLETE);
		at += consumed;
		c = context_find(fake_root(), guest_partition(target));
		if (c->header.id == STREAM_GPA_MAP && !c->restore.marking)
			calls++;
	}
	/* And three tables that end the map: 511 entries or so each. */
	assert_in_range(calls, 3, 4 + 3 * 512 / most);
	expect_refused(1, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_sets_with_one_check_sum),
		TEST(test_one_page_too_few_or_many_or_beside),
		TEST(test_any_two_sets),
		TEST(test_a_restore_that_was_left_says_nothing),
		TEST(test_what_an_overlay_hides),
		TEST(test_a_page_that_was_mapped_anew),
		TEST(test_d17_marks_go_in_turns),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	guest_stream_free(&s);
	return failed;
}
