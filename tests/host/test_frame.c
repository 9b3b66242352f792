/*
 * hv/memory/frame.c: owners and mapping counts of pages.
 */
#include "hv/memory/frame.h"
#include "tests/host/fixture/test.h"

static void test_owners_after_start(void **state)
{
	(void)state;
	assert_int_equal(frame_owner(hpa_of(0)), FRAME_ROOT);
	assert_int_equal(frame_owner(hpa_of(FAKE_HOLE_BASE - 1)), FRAME_ROOT);
	assert_int_equal(frame_owner(hpa_of(FAKE_HOLE_BASE)), FRAME_NONE);
	assert_int_equal(frame_owner(hpa_of(FAKE_HOLE_END)), FRAME_ROOT);
	assert_int_equal(frame_owner(hpa_of(fake.reserved_base - PAGE_SIZE)),
	                 FRAME_ROOT);
	assert_int_equal(frame_owner(hpa_of(fake.reserved_base)),
	                 FRAME_RESERVED);
	assert_int_equal(frame_owner(hpa_of(fake.ram_bytes - 1)),
	                 FRAME_RESERVED);
	assert_int_equal(frame_owner(hpa_of(fake.ram_bytes)), FRAME_NONE);
	assert_int_equal(frame_owner(hpa_of(UINT64_MAX)), FRAME_NONE);
	assert_int_equal(frame_ram_end(), fake.ram_bytes);
}

static void test_mappings_count(void **state)
{
	hpa_t page = hpa_of_page(guest_page());

	(void)state;
	for (u32 i = 0; i < 100; i++) {
		assert_int_equal(frame_mappings(page), i);
		assert_true(frame_add_mapping(page));
	}
	assert_int_equal(frame_owner(page), FRAME_ROOT);
	for (u32 i = 100; i > 0; i--) {
		assert_int_equal(frame_mappings(page), i);
		frame_drop_mapping(page);
	}
	assert_int_equal(frame_mappings(page), 0);
	assert_int_equal(frame_mappings(hpa_of(fake.ram_bytes)), 0);
}

/* The counter's limit, set in the database itself. */
static void test_count_has_a_limit(void **state)
{
	hpa_t page = hpa_of_page(guest_page());
	u32 *frames = (u32 *)(void *)(fake.ram + fake.handoff.free_base);

	(void)state;
	frames[page.v >> PAGE_SHIFT] |= 0x0ffffffe;
	assert_true(frame_add_mapping(page));
	assert_false(frame_add_mapping(page));
	assert_int_equal(frame_mappings(page), 0x0fffffff);
	assert_int_equal(frame_owner(page), FRAME_ROOT);
}

static void drop_nothing(void *page)
{
	frame_drop_mapping(*(hpa_t *)page);
}

static void own_mapped(void *page)
{
	frame_set_owner(*(hpa_t *)page, FRAME_DEPOSITED);
}

static void map_reserved(void *page)
{
	(void)page;
	frame_add_mapping(hpa_of(fake.reserved_base));
}

static void test_our_own_mistakes_stop_us(void **state)
{
	hpa_t page = hpa_of_page(guest_page());

	(void)state;
	assert_true(fake_fails_check(drop_nothing, &page));
	assert_false(fake_fails_check(own_mapped, &page));
	assert_true(frame_add_mapping(page));
	assert_true(fake_fails_check(own_mapped, &page));
	assert_true(fake_fails_check(map_reserved, &page));
}

static void test_database_size(void **state)
{
	struct handoff h = { .range_count = 1 };

	(void)state;
	h.ranges[0] = (struct handoff_range){ 0, PAGE_SIZE };
	assert_int_equal(frame_database_size(&h), PAGE_SIZE);
	h.ranges[0].size = 1024 * PAGE_SIZE;
	assert_int_equal(frame_database_size(&h), PAGE_SIZE);
	h.ranges[0].size += PAGE_SIZE;
	assert_int_equal(frame_database_size(&h), 2 * PAGE_SIZE);
	/* The end counts, in whatever order the ranges come. */
	h.range_count = 2;
	h.ranges[1] = (struct handoff_range){ 0, PAGE_SIZE };
	assert_int_equal(frame_database_size(&h), 2 * PAGE_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_owners_after_start),
		TEST(test_mappings_count),
		TEST(test_count_has_a_limit),
		TEST(test_our_own_mistakes_stop_us),
		TEST(test_database_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
