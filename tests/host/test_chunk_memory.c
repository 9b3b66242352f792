/*
 * hv/stream/chunk_memory.c: maps and memory of streams whose checks hold, and that are
 * none of this target.
 */
#include <sys/mman.h>

#include "hv/memory/gpa.h"
#include "hv/stream/context.h"
#include "hv/vp/partition.h"
#include "tests/host/fixture/child.h"
#include "tests/host/fixture/forge.h"
#include "tests/host/fixture/test.h"

static struct forge good, f;
static struct guest_stream s;
static u64 target;

/* Two runs of three pages, a target that fits. */
static void make(void)
{
	struct child_shape shape;
	u64 source;

	child_shape_small(&shape, 6);
	for (u32 i = 3; i < 6; i++)
		shape.gpns[i] += 100;
	source = child_make(&shape);
	child_fill(source, &shape, 4);
	guest_save_whole(source, &s);
	forge_open(&good, &s);
	f = good;
	target = child_make_target(&shape);
}

/* Restores the forged stream; the next one begins as the good one again. */
static u32 restore(void)
{
	u32 result;

	forge_close(&f, &s);
	assert_ok(guest_restore(target, 0, &s, 4080, &result));
	f = good;
	return result;
}

/* D19: no page is written before the whole map was seen. */
static void test_d19_map_first(void **state)
{
	struct stream_extent *e;
	struct forge_chunk *map, second;

	(void)state;
	make();
	/* The map in two chunks is as good. */
	map = forge_find(&f, STREAM_GPA_MAP, 0);
	second = *map;
	memcpy(second.payload, map->payload + 16, 16);
	map->length = second.length = 16;
	forge_insert(&f, (u32)(map - f.chunks) + 1, &second);
	assert_int_equal(restore(), HV_STATE_COMPLETE);
	/* The half of it is not. */
	forge_find(&f, STREAM_GPA_MAP, 0)->length = 16;
	assert_int_equal(restore(), HV_STATE_CORRUPT_DATA);
	assert_false(guest_partition(target)->half_restored);
	/* A page that the target has not, or not writable. */
	assert_ok(guest_unmap(target, 104));
	assert_int_equal(restore(), HV_STATE_PROCESSOR_INSUFFICIENT_MEMORY);
	assert_ok(guest_map(target, 104, guest_page(), 5));
	assert_int_equal(restore(), HV_STATE_PROCESSOR_INSUFFICIENT_MEMORY);
	assert_false(guest_partition(target)->half_restored);
	assert_ok(guest_map(target, 104, guest_page(), 7));
	e = (void *)forge_find(&f, STREAM_GPA_MAP, 0)->payload;
	assert_int_equal(e[1].gpn, 103);
	assert_int_equal(restore(), HV_STATE_COMPLETE);
}

/* Memory of another place than the map says, which the target has too. */
static void test_memory_elsewhere(void **state)
{
	struct stream_position *p;

	(void)state;
	make();
	for (u32 i = 0; i < 6; i++)
		assert_ok(guest_map(target, 200 + i, guest_page(), 7));
	p = (void *)forge_find(&f, STREAM_EXTENT, 1)->payload;
	p->gpn = 201;
	assert_int_equal(restore(), HV_STATE_CORRUPT_DATA);
	assert_true(guest_partition(target)->half_restored);
	assert_int_equal(restore(), HV_STATE_COMPLETE);
	assert_false(guest_partition(target)->half_restored);
}

/* An extent lies below the physical width, all of it. */
static void test_map_ends_at_the_physical_width(void **state)
{
	static const struct {
		u64 below; /* pages from the first one to the limit */
		u32 count;
		u32 result;
	} rows[] = {
		{ 0, 1, HV_STATE_CORRUPT_DATA },
		{ 1, 2, HV_STATE_CORRUPT_DATA },
		{ 3, 4, HV_STATE_CORRUPT_DATA },
		/* It could be, but the target has no page there. */
		{ 1, 1, HV_STATE_PROCESSOR_INSUFFICIENT_MEMORY },
		{ 3, 3, HV_STATE_PROCESSOR_INSUFFICIENT_MEMORY },
	};

	(void)state;
	make();
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		struct stream_extent *e =
			(void *)forge_find(&f, STREAM_GPA_MAP, 0)->payload;

		e->gpn = gpa_limit() - rows[i].below;
		e->count = rows[i].count;
		assert_int_equal(restore(), rows[i].result);
		assert_false(guest_partition(target)->half_restored);
	}
}

/* The parent's read-only page is not written, whatever the stream says. */
static void test_memory_in_a_read_only_page(void **state)
{
	u64 page = guest_page();
	const u8 *at = guest_at(page << PAGE_SHIFT);

	(void)state;
	make();
	memset(guest_at(page << PAGE_SHIFT), 0xb7, PAGE_SIZE);
	assert_ok(guest_map(target, 200, page, 5));
	for (u32 n = 0; n < 2; n++) {
		struct stream_position *p =
			(void *)forge_find(&f, STREAM_EXTENT, n)->payload;

		p->gpn = 200;
		assert_int_equal(restore(), HV_STATE_CORRUPT_DATA);
		assert_int_equal(at[0], 0xb7);
		assert_memory_equal(at, at + 1, PAGE_SIZE - 1);
	}
}

static void remove_memory(void)
{
	for (u32 i = f.count; i-- > 0;)
		if (f.chunks[i].id == STREAM_EXTENT ||
		    f.chunks[i].id == STREAM_PAGE ||
		    f.chunks[i].id == STREAM_FILL)
			forge_remove(&f, i);
}

/* The EPILOG asks for every page of the map, and for the whole map. */
static void test_pages_are_missing(void **state)
{
	struct partition *p;
	struct vp_state before;

	(void)state;
	make();
	p = guest_partition(target);
	before = *vp_state_read(p->vps[0]);
	remove_memory();
	assert_int_equal(restore(), HV_STATE_CORRUPT_DATA);
	remove_memory();
	forge_find(&f, STREAM_GPA_MAP, 0)->length = 16;
	assert_int_equal(restore(), HV_STATE_CORRUPT_DATA);
	assert_false(p->half_restored);
	assert_memory_equal(&p->vps[0]->state, &before, sizeof(before));
}

static void test_fill_counts(void **state)
{
	static const u64 counts[] = { 0, 7, 0xffff, UINT64_MAX };
	struct forge_chunk fill = { .id = STREAM_FILL, .length = 16 };

	(void)state;
	make();
	for (u32 i = 0; i < ARRAY_LEN(counts); i++) {
		u32 at = (u32)(forge_find(&f, STREAM_EXTENT, 0) - f.chunks);

		memcpy(fill.payload, &counts[i], 8);
		forge_insert(&f, at + 1, &fill);
		assert_int_equal(restore(), HV_STATE_CORRUPT_DATA);
	}
}

/* A length that is no multiple of 16, of any kind, an unknown one too. */
static void test_lengths_are_multiples_of_16(void **state)
{
	struct forge_chunk unknown = { .id = 0x78000000, .length = 16 };

	(void)state;
	make();
	forge_insert(&f, 2, &unknown);
	assert_int_equal(restore(), HV_STATE_COMPLETE);
	for (u32 more = 1; more < 16; more++) {
		unknown.length = 16 + more;
		forge_insert(&f, 2, &unknown);
		assert_int_equal(restore(), HV_STATE_CORRUPT_DATA);
		forge_find(&f, STREAM_GPA_MAP, 0)->length += more;
		assert_int_equal(restore(), HV_STATE_CORRUPT_DATA);
		forge_find(&f, STREAM_VP_MSRS, 0)->length -= more;
		assert_int_equal(restore(), HV_STATE_CORRUPT_DATA);
	}
}

/* Beside two that are good. */
static void test_an_extent_of_no_pages(void **state)
{
	struct stream_extent none = { .gpn = 50, .count = 0, .rights = 7 };
	struct forge_chunk *map, second;

	(void)state;
	make();
	map = forge_find(&f, STREAM_GPA_MAP, 0);
	assert_int_equal(map->length, 32);
	memcpy(map->payload + 32, map->payload + 16, 16);
	memcpy(map->payload + 16, &none, sizeof(none));
	map->length = 48;
	assert_int_equal(restore(), HV_STATE_CORRUPT_DATA);
	/* In a chunk of its own. */
	map = forge_find(&f, STREAM_GPA_MAP, 0);
	second = *map;
	second.length = 16;
	none.gpn = 300;
	memcpy(second.payload, &none, sizeof(none));
	forge_insert(&f, (u32)(map - f.chunks) + 1, &second);
	assert_int_equal(restore(), HV_STATE_CORRUPT_DATA);
	assert_false(guest_partition(target)->half_restored);
}

/* EXTENTs of what is there already, or of nothing. */
static void test_a_position_grows_and_a_page_follows(void **state)
{
	struct forge_chunk extent, *second;
	u64 gpns[] = { 0, 1, 2, 3 }, end = 106;
	u32 at;

	(void)state;
	make();
	second = forge_find(&f, STREAM_EXTENT, 1);
	extent = *second;
	at = (u32)(second - f.chunks);
	for (u32 i = 0; i < ARRAY_LEN(gpns); i++) {
		/* Behind the first run, the position is 3. */
		memcpy(extent.payload, &gpns[i], 8);
		forge_insert(&f, at, &extent);
		assert_int_equal(restore(), HV_STATE_CORRUPT_DATA);
	}
	/* The same again in front of the pages of the second run. */
	forge_insert(&f, at, second);
	assert_int_equal(restore(), HV_STATE_CORRUPT_DATA);
	/* One that no page follows, in the middle and at the end. */
	gpns[0] = 50;
	memcpy(extent.payload, &gpns[0], 8);
	forge_insert(&f, at, &extent);
	assert_int_equal(restore(), HV_STATE_CORRUPT_DATA);
	memcpy(extent.payload, &end, 8);
	forge_insert(&f, (u32)(forge_find(&f, STREAM_VP, 0) - f.chunks),
	             &extent);
	assert_int_equal(restore(), HV_STATE_CORRUPT_DATA);
	assert_int_equal(restore(), HV_STATE_COMPLETE);
}

/* A position where the engine stands already, between two pages of a run. */
static void test_a_position_is_not_said_twice(void **state)
{
	struct forge_chunk extent;
	struct child_shape shape;
	u64 source, here = 1;
	u32 result, at;

	(void)state;
	child_shape_small(&shape, 2);
	source = child_make(&shape);
	for (u32 i = 0; i < 2; i++) {
		struct arch_mapping m;

		assert_true(gpa_lookup(&guest_partition(source)->space,
		                       shape.gpns[i], &m));
		*(u64 *)arch_page(m.page) = 77 + i;
		*((u64 *)arch_page(m.page) + 9) = 1;
	}
	assert_ok(guest_save(source, 0, &s, &result));
	forge_open(&good, &s);
	f = good;
	target = child_make_target(&shape);
	at = (u32)(forge_find(&f, STREAM_PAGE, 1) - f.chunks);
	extent = *forge_find(&f, STREAM_EXTENT, 0);
	memcpy(extent.payload, &here, 8);
	forge_insert(&f, at, &extent);
	assert_int_equal(restore(), HV_STATE_CORRUPT_DATA);
	assert_int_equal(restore(), HV_STATE_COMPLETE);
}

/* D17: one extent of many pages is checked in as many calls as it needs. */
static void test_d17_a_long_extent_is_checked_in_turns(void **state)
{
	u32 most = CONTEXT_BUDGET / CONTEXT_COST_MAP, result, consumed, flags;
	u64 source = guest_child(60, 1), pages = most * 3 + 1, page;
	const struct context *c;
	u32 at = 0, calls = 0, end;

	(void)state;
	page = guest_page();
	target = guest_child(60, 1);
	for (u64 i = 0; i < pages; i++) {
		assert_ok(guest_map(source, i, page, 7));
		assert_ok(guest_map(target, i, page, 7));
	}
	assert_ok(guest_save(source, 0, &s, &result));
	/* Up to the first EXTENT, which is one header and 16 bytes. */
	forge_open(&good, &s);
	for (end = 0; good.chunks[at].id != STREAM_EXTENT; at++)
		end += 16 + good.chunks[at].length;
	flags = HV_SAVE_RESTORE_STATE_START;
	for (at = 0; at < end; at += consumed, flags = 0) {
		u32 size = end - at < 4080 ? end - at : 4080;

		assert_ok(guest_restore_call(target, flags, s.data + at, size,
		                             &result, &consumed));
		assert_int_equal(result, HV_STATE_INCOMPLETE);
	}
	c = context_find(fake_root(), guest_partition(target));
	for (; c->restore.mapped < pages; calls++) {
		u64 before = c->restore.extent_at;

		assert_ok(guest_restore_call(target, 0, s.data, 0, &result,
		                             &consumed));
		assert_int_equal(result, HV_STATE_INCOMPLETE);
		if (c->restore.mapped == 0)
			assert_in_range(c->restore.extent_at - before, 1, most);
	}
	/* One part was checked by the call that brought the chunk. */
	assert_int_equal(calls, 3);
}

/* ---- Pages of one word ---- */

#define FILL_WORDS (PAGE_SIZE / 8)
static const u64 fill_words[] = { 0, 1, 0xcccccccccccccccc, UINT64_MAX };

static void fill_with(u64 *page, u64 word)
{
	for (u32 i = 0; i < FILL_WORDS; i++)
		page[i] = word;
}

/* A stream of a child that has one page, which is `word` over and over. */
static u64 *make_filled(u64 word)
{
	struct child_shape shape;
	struct arch_mapping m;
	u64 source, gpn = 0;

	child_shape_small(&shape, 1);
	source = child_make(&shape);
	assert_true(gpa_lookup(&guest_partition(source)->space, gpn, &m));
	fill_with(arch_page(m.page), word);
	guest_save_whole(source, &s);
	target = child_make_target(&shape);
	assert_true(gpa_lookup(&guest_partition(target)->space, gpn, &m));
	return arch_page(m.page);
}

static u64 words_written(void)
{
	u64 before = fake.filled;

	guest_restore_whole(target, &s, 4080);
	return fake.filled - before;
}

/* What holds the word is looked at: a write to it would end the program. */
static void test_a_page_that_is_right_is_not_written(void **state)
{
	u64 *page;

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(fill_words); i++) {
		page = make_filled(fill_words[i]);
		fill_with(page, fill_words[i]);
		assert_int_equal(mprotect(page, PAGE_SIZE, PROT_READ), 0);
		words_written();
		assert_int_equal(
			mprotect(page, PAGE_SIZE, PROT_READ | PROT_WRITE), 0);
		assert_int_equal(page[0], fill_words[i]);
	}
}

/* Any one bit, and what was looked at in front of it is not written. */
static void test_a_page_of_one_wrong_bit_is_written(void **state)
{
	u64 *page, before;

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(fill_words); i++) {
		page = make_filled(fill_words[i]);
		fill_with(page, fill_words[i]);
		before = words_written();
		for (u32 at = 0; at < FILL_WORDS; at++) {
			page[at] ^= BIT((at * 7 + i) % 64);
			assert_in_range(words_written() - before, 1,
			                FILL_WORDS - at / 64 * 64);
			assert_int_equal(page[0], fill_words[i]);
			assert_memory_equal(page, page + 1, PAGE_SIZE - 8);
		}
	}
}

static void test_a_page_of_other_words_is_written(void **state)
{
	u64 *page;

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(fill_words); i++) {
		page = make_filled(fill_words[i]);
		for (u32 old = 0; old < ARRAY_LEN(fill_words); old++) {
			fill_with(page, fill_words[old]);
			words_written();
			assert_int_equal(page[0], fill_words[i]);
			assert_memory_equal(page, page + 1, PAGE_SIZE - 8);
		}
	}
}

/* D17: one FILL of many pages, `most` of them in a call. */
static void restore_in_turns(u64 pages, u64 most)
{
	u32 flags = HV_SAVE_RESTORE_STATE_START, at = 0, result, consumed;
	const struct context *c;
	u64 done = 0;

	do {
		u32 left = s.size - at;

		assert_ok(guest_restore_call(target, flags, s.data + at,
		                             left < 4080 ? left : 4080, &result,
		                             &consumed));
		at += consumed;
		flags = 0;
		c = context_find(fake_root(), guest_partition(target));
		if (!c)
			continue;
		assert_in_range(c->memory.done - done, 0, most);
		done = c->memory.done;
	} while (result == HV_STATE_INCOMPLETE);
	assert_int_equal(result, HV_STATE_COMPLETE);
	assert_in_range(pages - done, 0, most);
}

static void test_d17_a_long_fill_is_written_in_turns(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(fill_words); i++) {
		u64 most = CONTEXT_BUDGET / (fill_words[i] ? CONTEXT_COST_WORD
		                                           : CONTEXT_COST_SCAN);
		u64 source = guest_child(60, 1), page = guest_page();
		u64 pages = most * 3 + 1;

		target = guest_child(60, 1);
		fill_with((void *)guest_at(page << PAGE_SHIFT), fill_words[i]);
		for (u64 gpn = 0; gpn < pages; gpn++) {
			assert_ok(guest_map(source, gpn, page, 7));
			assert_ok(guest_map(target, gpn, page, 7));
		}
		guest_save_whole(source, &s);
		restore_in_turns(pages, most);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_d19_map_first),
		TEST(test_memory_elsewhere),
		TEST(test_map_ends_at_the_physical_width),
		TEST(test_memory_in_a_read_only_page),
		TEST(test_pages_are_missing),
		TEST(test_fill_counts),
		TEST(test_lengths_are_multiples_of_16),
		TEST(test_an_extent_of_no_pages),
		TEST(test_a_position_grows_and_a_page_follows),
		TEST(test_a_position_is_not_said_twice),
		TEST(test_a_page_that_is_right_is_not_written),
		TEST(test_a_page_of_one_wrong_bit_is_written),
		TEST(test_a_page_of_other_words_is_written),
		TEST(test_d17_a_long_extent_is_checked_in_turns),
		TEST(test_d17_a_long_fill_is_written_in_turns),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	guest_stream_free(&s);
	return failed;
}
