/*
 * hv/main.c: what start-up leaves behind.
 */
#include "hv/memory/frame.h"
#include "hv/memory/gpa.h"
#include "hv/run/vp_run.h"
#include "hv/vp/partition.h"
#include "tests/host/fixture/test.h"

static void check_map(u64 gpa, bool there)
{
	struct arch_mapping m;

	assert_int_equal(
		arch_space_lookup(&fake_root()->space.arch, gpa_of(gpa), &m),
		there);
	if (there) {
		assert_int_equal(m.page.v, gpa & ~(u64)(PAGE_SIZE - 1));
		assert_int_equal(m.rights, 7);
	}
}

/* TLFS 22.3: all but the hypervisor's own pages. */
static void test_root_sees_all_but_us(void **state)
{
	(void)state;
	check_map(0, true);
	check_map(FAKE_HOLE_BASE, true);
	check_map(FAKE_HOLE_END, true);
	check_map(fake.reserved_base - 1, true);
	for (u64 at = fake.reserved_base; at < fake.ram_bytes; at += PAGE_SIZE)
		check_map(at, false);
	check_map(fake.ram_bytes, true);
	check_map(0xfee00000, true);
	check_map(0xffffffff, true);
	check_map(1ull << 32, false);
}

static void test_root_and_its_vp(void **state)
{
	struct partition *root = fake_root();
	struct vp *vp = fake_root_vp();

	(void)state;
	assert_int_equal(root->state, PARTITION_ACTIVE);
	assert_null(root->parent);
	assert_int_equal(root->id, 1);
	assert_ptr_equal(fake.cpu.current, vp);
	assert_ptr_equal(root->vps[0], vp);
	assert_true(vp->is_root);
	assert_true(vp_runnable(vp));
	assert_int_not_equal(vp->vpid, 0);
	assert_false(list_linked(&fake.cpu.ready));
}

static void test_every_reserved_page_is_accounted_for(void **state)
{
	struct partition *root = fake_root();
	u64 pages = (fake.ram_bytes - fake.handoff.free_base) >> PAGE_SHIFT;
	u64 frames = frame_database_size(&fake.handoff) >> PAGE_SHIFT;

	(void)state;
	assert_int_equal(root->pool.available + root->pool.in_use + frames + 1,
	                 pages);
	assert_int_equal(root->pool.withdrawable, 0);
}

/* From too little for the page database up to enough. */
static void test_too_little_memory_is_refused(void **state)
{
	enum handoff_result result = HANDOFF_NO_MEMORY;
	u32 pages;

	(void)state;
	for (pages = 10; result == HANDOFF_NO_MEMORY && pages < 200; pages++) {
		struct fake_options o = { .reserved_pages = pages };

		/* The area is 2-MiB aligned: shrink it from its end. */
		fake_stop();
		o.ram = (62ull << 20) + pages * PAGE_SIZE;
		result = fake_start(&o);
	}
	assert_int_equal(result, HANDOFF_OK);
	assert_in_range(pages, 30, 100);
}

static void test_ram_above_4_gib(void **state)
{
	struct fake_options o = { .ram = 6ull << 30, .reserved_pages = 4096 };

	(void)state;
	fake_stop();
	assert_int_equal(fake_start(&o), HANDOFF_OK);
	check_map(1ull << 32, true);
	check_map(fake.reserved_base - PAGE_SIZE, true);
	check_map(fake.reserved_base, false);
	check_map(fake.ram_bytes, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_root_sees_all_but_us),
		TEST(test_root_and_its_vp),
		TEST(test_every_reserved_page_is_accounted_for),
		TEST(test_too_little_memory_is_refused),
		TEST(test_ram_above_4_gib),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
