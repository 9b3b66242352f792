/*
 * hv/memory/gpa.c over arch/x86_64/common/slat.c: what is mapped, and what tables it takes.
 */
#include "hv/memory/frame.h"
#include "hv/memory/gpa.h"
#include "hv/vp/partition.h"
#include "tests/host/fixture/test.h"

static struct partition *child(u32 pages)
{
	return guest_partition(guest_child(pages, 0));
}

static void test_rights(void **state)
{
	static const struct {
		u32 flags;
		bool legal;
		u32 rights;
	} rows[] = {
		{ 0, true, 0 },           { 1, true, 1 },
		{ 2, false, 0 },          { 3, true, 3 },
		{ 4, false, 0 },          { 5, true, 5 },
		{ 6, false, 0 },          { 7, true, 7 },
		{ 8, false, 0 },          { 9, false, 0 },
		{ 0xd, true, 5 },         { 0xf, true, 7 },
		{ 0xb, false, 0 },        { 0xc, false, 0 },
		{ 0x10, false, 0 },       { 0x10000, true, 0 },
		{ 0x10001, false, 0 },    { 0x10004, false, 0 },
		{ 0x80000001, false, 0 },
	};
	u32 rights;

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(gpa_rights(rows[i].flags, &rights),
		                 rows[i].legal);
		if (rows[i].legal)
			assert_int_equal(rights, rows[i].rights);
	}
}

static void test_map_replace_unmap(void **state)
{
	struct partition *p = child(20);
	hpa_t a = hpa_of_page(guest_page()), b = hpa_of_page(guest_page());
	struct arch_mapping m;

	(void)state;
	assert_false(gpa_lookup(&p->space, 5, &m));
	assert_ok(gpa_map(&p->space, 5, a, 7));
	assert_true(gpa_lookup(&p->space, 5, &m));
	assert_int_equal(m.page.v, a.v);
	assert_int_equal(m.rights, 7);
	assert_ok(gpa_map(&p->space, 5, b, 1));
	assert_int_equal(frame_mappings(a), 0);
	assert_int_equal(frame_mappings(b), 1);
	assert_int_equal(p->space.mapped, 1);
	assert_ok(gpa_map(&p->space, 5, b, 0));
	assert_int_equal(frame_mappings(b), 1);
	assert_true(gpa_lookup(&p->space, 5, &m));
	assert_int_equal(m.rights, 0);
	gpa_unmap(&p->space, 5);
	gpa_unmap(&p->space, 5);
	gpa_unmap(&p->space, 6);
	assert_int_equal(p->space.mapped, 0);
	assert_int_equal(frame_mappings(b), 0);
}

/* Tables go back with their last mapping, wherever they were. */
static void test_tables_come_and_go(void **state)
{
	static const u64 places[] = {
		0, 511, 512, 1ull << 18, 1ull << 27, (1ull << 34) - 1
	};
	struct partition *p = child(40);
	hpa_t page = hpa_of_page(guest_page());
	u64 in_use = p->pool.in_use;
	struct arch_mapping m;

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(places); i++)
		assert_ok(gpa_map(&p->space, places[i], page, 3));
	assert_int_equal(frame_mappings(page), ARRAY_LEN(places));
	assert_true(p->pool.in_use > in_use + 9);
	for (u32 i = 0; i < ARRAY_LEN(places); i++) {
		assert_true(gpa_lookup(&p->space, places[i], &m));
		gpa_unmap(&p->space, places[i]);
		assert_false(gpa_lookup(&p->space, places[i], &m));
	}
	arch_space_flush(&p->space.arch);
	assert_int_equal(p->pool.in_use, in_use);
}

/* With n pages for tables the mapping fails, and nothing of it is left. */
static void test_dry_pool_leaves_nothing(void **state)
{
	struct arch_mapping m;

	(void)state;
	for (u32 n = 0; n < 4; n++) {
		u64 id = guest_child(1 + n, 0);
		struct partition *p = guest_partition(id);
		hpa_t page = hpa_of_page(guest_page());
		enum hv_status s = gpa_map(&p->space, 77, page, 7);

		assert_int_equal(s, n < 3 ? HV_STATUS_INSUFFICIENT_MEMORY
		                          : HV_STATUS_SUCCESS);
		assert_int_equal(gpa_lookup(&p->space, 77, &m), n == 3);
		assert_int_equal(frame_mappings(page), n == 3);
		assert_int_equal(p->space.mapped, n == 3);
		assert_int_equal(p->pool.in_use, n < 3 ? 1 : 4);
		guest_destroy(id);
		assert_int_equal(frame_mappings(page), 0);
	}
}

/* The count of a page's mappings is full: refused, and nothing has changed. */
static void test_mapped_too_often(void **state)
{
	u32 *frames = (u32 *)(void *)(fake.ram + fake.handoff.free_base);
	struct partition *p = child(20);
	u64 gpn = guest_page(), in_use = p->pool.in_use;
	struct arch_mapping m;

	(void)state;
	frames[gpn] |= 0x0fffffff;
	assert_int_equal(gpa_map(&p->space, 5, hpa_of_page(gpn), 7),
	                 HV_STATUS_NO_RESOURCES);
	assert_false(gpa_lookup(&p->space, 5, &m));
	assert_int_equal(frame_mappings(hpa_of_page(gpn)), 0x0fffffff);
	assert_int_equal(p->space.mapped, 0);
	assert_int_equal(p->pool.in_use, in_use);
	frames[gpn] -= 0x0fffffff;
}

static void test_pin(void **state)
{
	struct partition *p = child(20);
	hpa_t page = hpa_of_page(guest_page());

	(void)state;
	assert_ok(gpa_map(&p->space, 3, page, 1));
	assert_ptr_equal(gpa_pin(&p->space, gpa_of(0x3010), 16, 1),
	                 (u8 *)arch_page(page) + 0x10);
	assert_null(gpa_pin(&p->space, gpa_of(0x3010), 16, 3));
	assert_null(gpa_pin(&p->space, gpa_of(0x4000), 16, 1));
	assert_null(
		gpa_pin(&p->space, gpa_of(gpa_limit() << PAGE_SHIFT), 8, 1));
	/* The root cannot name the hypervisor's pages. */
	assert_null(
		gpa_pin(&fake_root()->space, gpa_of(fake.reserved_base), 8, 1));
	assert_null(gpa_pin(&fake_root()->space, gpa_of(FAKE_HOLE_BASE), 8, 1));
	assert_non_null(gpa_pin(&fake_root()->space, gpa_of(0x5000), 8, 3));
}

/* What mapping a page would take is what it takes. */
static void test_missing_tables_are_counted(void **state)
{
	static const u64 gpns[] = { 0, 1, 512, 1 << 18, 1 << 27, 511, 1 << 9 };
	struct partition *p = child(64);
	u64 page = guest_page();

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(gpns); i++) {
		u64 before = p->pool.in_use;
		u32 missing = arch_space_missing(&p->space.arch,
		                                 gpa_of_page(gpns[i]));

		assert_ok(gpa_map(&p->space, gpns[i], hpa_of_page(page), 7));
		assert_int_equal(p->pool.in_use - before, missing);
		assert_int_equal(arch_space_missing(&p->space.arch,
		                                    gpa_of_page(gpns[i])),
		                 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_rights),
		TEST(test_map_replace_unmap),
		TEST(test_tables_come_and_go),
		TEST(test_dry_pool_leaves_nothing),
		TEST(test_mapped_too_often),
		TEST(test_pin),
		TEST(test_missing_tables_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
