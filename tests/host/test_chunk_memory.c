/*
 * hv/chunk_memory.c: maps and memory of streams whose checks hold, and that are
 * none of this target.
 */
#include "hv/gpa.h"
#include "hv/partition.h"
#include "tests/host/fake_child.h"
#include "tests/host/fake_forge.h"
#include "tests/host/fake_test.h"

static struct forge good, f;
static struct guest_stream s;
static u64 target;

/* Two runs of three pages, a target that fits. */
static void make(void)
{
	struct child_shape shape;
	u64 source;
	u32 result;

	child_shape_small(&shape, 6);
	for (u32 i = 3; i < 6; i++)
		shape.gpns[i] += 100;
	source = child_make(&shape);
	child_fill(source, &shape, 4);
	assert_ok(guest_save(source, 0, &s, &result));
	assert_int_equal(result, HV_STATE_COMPLETE);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_d19_map_first),
		TEST(test_memory_elsewhere),
		TEST(test_map_ends_at_the_physical_width),
		TEST(test_memory_in_a_read_only_page),
		TEST(test_pages_are_missing),
		TEST(test_fill_counts),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	guest_stream_free(&s);
	return failed;
}
