/*
 * hv/stream/save.c: the stream goes out as its table says, in bounded calls.
 */
#include "hv/stream/context.h"
#include "hv/stream/save.h"
#include "hv/vp/partition.h"
#include "tests/host/fixture/child.h"
#include "tests/host/fixture/forge.h"
#include "tests/host/fixture/test.h"

static struct forge forge;

static void open_saved(u64 id, u32 flags)
{
	struct guest_stream s = { .data = NULL };
	u32 result;

	assert_ok(guest_save(id, flags, &s, &result));
	assert_int_equal(result, HV_STATE_COMPLETE);
	forge_open(&forge, &s);
	guest_stream_free(&s);
}

static void assert_ids(const u32 *ids, u32 count)
{
	for (u32 i = 0; i < count && i < forge.count; i++)
		assert_int_equal(forge.chunks[i].id, ids[i]);
	assert_int_equal(forge.count, count);
}

static void test_order_of_chunks(void **state)
{
	static const u32 ids[] = {
		STREAM_PROLOG,     STREAM_COMPAT,
		STREAM_VP_INDICES, STREAM_OS_ID,
		STREAM_PARTITION,  STREAM_GPA_MAP,
		STREAM_EXTENT,     STREAM_PAGE,
		STREAM_FILL,       STREAM_FILL,
		STREAM_EXTENT,     STREAM_PAGE,
		STREAM_VP,         STREAM_VP_GP,
		STREAM_VP_FP,      STREAM_VP_CONTROL,
		STREAM_VP_DEBUG,   STREAM_VP_SEGMENT,
		STREAM_VP_TABLE,   STREAM_VP_XSAVE_CONTROL,
		STREAM_VP_MSRS,    STREAM_VP_XSAVE,
		STREAM_VP_EVENTS,  STREAM_VP_APIC,
		STREAM_VP_SYNIC,   STREAM_VP_MESSAGE,
		STREAM_EPILOG,
	};
	u64 id = guest_child(60, 1);

	(void)state;
	for (u32 i = 0; i < 5; i++) {
		u64 page = guest_page();
		u8 *at = guest_at(page << PAGE_SHIFT);

		memset(at, i < 3 ? 0 : 9, PAGE_SIZE);
		at[8] = i == 0 || i == 4 ? 1 : at[8];
		assert_ok(guest_map(id, i < 4 ? i : 10, page, 7));
	}
	exit_triple_fault(guest_partition(id)->vps[0]);
	open_saved(id, 0);
	assert_ids(ids, ARRAY_LEN(ids));
}

static void test_d18_without_memory(void **state)
{
	u64 id = guest_child(60, 1), page = guest_page();
	const struct stream_partition *p;

	(void)state;
	assert_ok(guest_map(id, 0, page, 7));
	assert_ok(guest_set_property(id, HV_PROPERTY_STASIS_SAVE_MEMORY, 0));
	open_saved(id, 0);
	assert_null(forge_find(&forge, STREAM_GPA_MAP, 0));
	assert_null(forge_find(&forge, STREAM_EXTENT, 0));
	p = (void *)forge_find(&forge, STREAM_PARTITION, 0)->payload;
	assert_int_equal(p->flags | p->page_count, 0);
}

static void test_summaries(void **state)
{
	static const u32 system_ids[] = { STREAM_PROLOG, STREAM_COMPAT,
		                          STREAM_EPILOG };
	static const u32 ids[] = { STREAM_PROLOG, STREAM_COMPAT,
		                   STREAM_VP_INDICES, STREAM_EPILOG };
	u64 id = guest_child(60, 2);
	const struct stream_vp_indices *indices;

	(void)state;
	open_saved(0, GUEST_SUMMARY);
	assert_ids(system_ids, 3);
	assert_int_equal(forge.chunks[1].payload[0], 0);
	/* No suspension is needed to get it. */
	assert_ok(guest_set(id, 0, HV_REGISTER_EXPLICIT_SUSPEND, 0));
	open_saved(id, GUEST_SUMMARY);
	assert_ids(ids, 4);
	assert_int_equal(forge.chunks[0].payload[4], 1);
	assert_int_equal(forge.chunks[1].payload[0], 1);
	indices = (void *)forge.chunks[2].payload;
	assert_int_equal(indices->bitmap[0], 3);
}

/* Extents join what touches and has the same rights. */
static void test_map_is_the_map(void **state)
{
	static const struct stream_extent expected[] = {
		{ 0, 3, 7 },
		{ 3, 2, 1 },
		{ 8, 1, 1 },
		{ 1ull << 30, 1, 0 },
	};
	u64 id = guest_child(60, 1);
	const struct forge_chunk *c;

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(expected); i++)
		for (u32 k = 0; k < expected[i].count; k++)
			assert_ok(guest_map(id, expected[i].gpn + k,
			                    guest_page(), expected[i].rights));
	assert_ok(guest_set(id, 0, HV_REGISTER_GUEST_OS_ID, 1));
	/* One overlay on top of a page, it changes nothing here. */
	assert_ok(guest_set(id, 0, HV_REGISTER_HYPERCALL, 0x3001));
	open_saved(id, 0);
	c = forge_find(&forge, STREAM_GPA_MAP, 0);
	assert_int_equal(c->length, sizeof(expected));
	assert_memory_equal(c->payload, expected, sizeof(expected));
}

/* More extents than a chunk holds. */
static void test_long_map(void **state)
{
	u64 id = guest_child(60, 0), page = guest_page();
	u32 pages = STREAM_EXTENTS_MAX * 2 + 1;

	(void)state;
	assert_ok(guest_create_vp(id, 0));
	for (u32 i = 0; i < pages; i++)
		assert_ok(gpa_map(&guest_partition(id)->space, i * 2,
		                  hpa_of_page(page), 7));
	assert_ok(guest_set_property(id, HV_PROPERTY_STASIS_SAVE_MEMORY, 1));
	{
		struct guest_stream s = { .data = NULL };
		u64 target;

		guest_save_whole(id, &s);
		target = guest_child(60, 1);
		for (u32 i = 0; i < pages; i++)
			assert_ok(gpa_map(&guest_partition(target)->space,
			                  i * 2, hpa_of_page(page), 7));
		guest_restore_whole(target, &s, 999);
		guest_stream_free(&s);
	}
}

/* D17: a few pages in 64 GiB; no call walks what the parent chose. */
static void test_d17_every_call_is_bounded(void **state)
{
	u64 id = guest_child(120, 1), target = guest_child(120, 1);
	struct guest_stream s = { .data = NULL };

	(void)state;
	for (u64 i = 0; i < 20; i++) {
		u64 gpn = i * ((64ull << 18) / 20);

		assert_ok(guest_map(id, gpn, guest_page(), 7));
		assert_ok(guest_map(target, gpn, guest_page(), 7));
	}
	/* A dense part of pages to be scanned. */
	for (u64 i = 1; i < 2000; i++) {
		assert_ok(guest_map(id, i, 0x700, 7));
		assert_ok(guest_map(target, i, 0x701, 7));
	}
	guest_longest = 0;
	guest_save_whole(id, &s);
	/* As many calls as the pages that were looked at ask for. */
	assert_true(s.calls >= 2000 * CONTEXT_COST_SCAN / CONTEXT_BUDGET);
	assert_true(s.calls < 1000);
	assert_true(guest_longest < 12000);
	guest_longest = 0;
	guest_restore_whole(target, &s, 4080);
	assert_true(guest_longest < 12000);
	guest_stream_free(&s);
}

/* D17: full pages, one a call, wherever they lie in 64 GiB. */
static void test_d17_full_pages_are_bounded(void **state)
{
	u64 id = guest_child(120, 1), full = guest_page();
	struct guest_stream s = { .data = NULL };
	u64 *word = (void *)guest_at(full << PAGE_SHIFT);
	u32 pages = 0;

	(void)state;
	for (u32 i = 0; i < PAGE_SIZE / 8; i++)
		word[i] = i;
	for (u64 gpn = 0; gpn < 64ull << 18; gpn += (64ull << 18) / 40, pages++)
		assert_ok(guest_map(id, gpn, full, 7));
	for (u64 i = 1; i < 1500; i++, pages++)
		assert_ok(guest_map(id, i, full, 7));
	guest_longest = 0;
	guest_save_whole(id, &s);
	assert_true(s.size > pages * PAGE_SIZE);
	assert_true(s.calls >= s.size / HV_SAVE_DATA_MAX);
	assert_true(guest_longest < 12000);
	guest_stream_free(&s);
}

/* D17: pages of zeroes are looked at a few a call. */
static void test_d17_a_scan_is_bounded(void **state)
{
	u64 id = guest_child(60, 1), pages = 3000;
	struct guest_stream s = { .data = NULL };

	(void)state;
	for (u64 i = 0; i < pages; i++)
		assert_ok(guest_map(id, i, 0x700, 7));
	guest_save_whole(id, &s);
	assert_true(s.calls >= pages * CONTEXT_COST_SCAN / CONTEXT_BUDGET);
	guest_stream_free(&s);
}

/* One word that differs, wherever it is, makes a page a page. */
static void test_each_word_of_a_page_counts(void **state)
{
	static const u64 fills[] = { 0, 0x5555555555555555 };
	u64 id = guest_child(60, 1), page = guest_page();
	u64 *word = (void *)guest_at(page << PAGE_SHIFT);

	(void)state;
	assert_ok(guest_map(id, 0, page, 7));
	for (u32 k = 0; k < ARRAY_LEN(fills); k++) {
		for (u32 i = 0; i < PAGE_SIZE / 8; i++)
			word[i] = fills[k];
		open_saved(id, 0);
		assert_null(forge_find(&forge, STREAM_PAGE, 0));
		assert_non_null(forge_find(&forge, STREAM_FILL, 0));
		for (u32 i = 0; i < PAGE_SIZE / 8; i++) {
			const struct forge_chunk *c;

			word[i] ^= 1ull << i % 64;
			open_saved(id, 0);
			c = forge_find(&forge, STREAM_PAGE, 0);
			assert_non_null(c);
			assert_memory_equal(c->payload, word, PAGE_SIZE);
			assert_null(forge_find(&forge, STREAM_FILL, 0));
			word[i] = fills[k];
		}
	}
}

/* The stream is the state: no other stream of the same is different but in
 * the id and what follows from it. */
static void test_same_state_same_chunks(void **state)
{
	static struct forge other;
	struct child_shape shape;
	u64 id;

	(void)state;
	child_shape_small(&shape, 4);
	id = child_make(&shape);
	child_fill(id, &shape, 5);
	open_saved(id, 0);
	other = forge;
	open_saved(id, 0);
	assert_int_equal(forge.count, other.count);
	assert_memory_not_equal(forge.chunks[0].payload + 32,
	                        other.chunks[0].payload + 32, 8);
	for (u32 i = 1; i < forge.count; i++) {
		assert_int_equal(forge.chunks[i].id, other.chunks[i].id);
		assert_int_equal(forge.chunks[i].length,
		                 other.chunks[i].length);
		assert_memory_equal(forge.chunks[i].payload,
		                    other.chunks[i].payload,
		                    forge.chunks[i].length);
	}
}

/* One turn into `room` bytes, which nothing else is written to. */
static u32 save_piece(struct context *c, u32 room, struct guest_stream *s)
{
	static u8 block[4 * PAGE_SIZE];
	u32 count, result;

	memset(block, 0x5a, sizeof(block));
	c->budget = CONTEXT_BUDGET;
	result = save_run(c, block, room, &count);
	assert_true(count <= room);
	for (u32 i = count; i < sizeof(block); i++)
		assert_int_equal(block[i], 0x5a);
	memcpy(s->data + s->size, block, count);
	s->size += count;
	return result;
}

/* Room for any multiple of 16 bytes: the chunks are the same. */
static void test_pieces_of_any_size(void **state)
{
	static const u32 sizes[] = { 16,   32,   80,   400,          704,
		                     4080, 4096, 4112, 3 * PAGE_SIZE };
	static struct forge other;
	struct child_shape shape;
	struct partition *p;
	u64 id;

	(void)state;
	child_shape_small(&shape, 6);
	id = child_make(&shape);
	child_fill(id, &shape, 5);
	p = guest_partition(id);
	open_saved(id, 0);
	for (u32 i = 0; i < ARRAY_LEN(sizes); i++) {
		struct guest_stream s = { .data = malloc(1 << 20) };
		struct context *c = context_open(fake_root(), p);

		assert_non_null(c);
		while (save_piece(c, sizes[i], &s) != HV_STATE_COMPLETE)
			continue;
		context_close(p);
		forge_open(&other, &s);
		assert_int_equal(other.count, forge.count);
		for (u32 n = 1; n < forge.count; n++)
			assert_memory_equal(other.chunks[n].payload,
			                    forge.chunks[n].payload,
			                    forge.chunks[n].length);
		guest_stream_free(&s);
	}
}

/* The output block has nothing but the stream in it. */
static void test_prolog_fills_the_first_piece(void **state)
{
	struct guest_stream s = { .data = NULL };
	u64 id = guest_child(60, 1);
	u32 result;

	(void)state;
	assert_ok(guest_save_call(id, GUEST_START, &s, &result));
	assert_int_equal(result, HV_STATE_INCOMPLETE);
	assert_int_equal(s.size, 4080);
	for (u32 i = 16 + 40; i < 4080; i++)
		assert_int_equal(s.data[i], 0);
	guest_stream_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_order_of_chunks),
		TEST(test_d18_without_memory),
		TEST(test_summaries),
		TEST(test_map_is_the_map),
		TEST(test_long_map),
		TEST(test_d17_every_call_is_bounded),
		TEST(test_d17_full_pages_are_bounded),
		TEST(test_d17_a_scan_is_bounded),
		TEST(test_each_word_of_a_page_counts),
		TEST(test_same_state_same_chunks),
		TEST(test_pieces_of_any_size),
		TEST(test_prolog_fills_the_first_piece),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
