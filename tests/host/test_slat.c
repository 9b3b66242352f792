/*
 * arch/x86_64/common/slat.c in the root's space: large leaves split and collapse.
 */
#include "hv/memory/frame.h"
#include "hv/vp/partition.h"
#include "tests/host/fixture/test.h"

static bool mapped(u64 gpn)
{
	struct arch_mapping m;

	if (!arch_space_lookup(&fake_root()->space.arch, gpa_of_page(gpn), &m))
		return false;
	assert_int_equal(m.page.v >> PAGE_SHIFT, gpn);
	assert_int_equal(m.rights, 7);
	return true;
}

static void test_one_page_splits_and_collapses(void **state)
{
	struct pool *pool = &fake_root()->pool;
	u64 id = guest_child(4, 0);
	u64 in_use = pool->in_use, gpn = 0x2123, back;

	(void)state;
	assert_ok(guest_deposit_page(id, gpn));
	assert_false(mapped(gpn));
	assert_true(mapped(gpn - 1) && mapped(gpn + 1));
	assert_true(mapped(0x2000) && mapped(0x2200) && mapped(0x1fff));
	assert_int_equal(pool->in_use, in_use + 1);
	while (guest_withdraw_page(id, &back) == HV_STATUS_SUCCESS)
		if (back == gpn)
			break;
	assert_true(mapped(gpn));
	assert_int_equal(pool->in_use, in_use);
}

/* The last page of a table is still away, or there is another one in its place. */
static void test_one_that_differs_keeps_a_table(void **state)
{
	static const u8 ours[PAGE_SIZE] __attribute__((aligned(4096))) = { 0 };
	struct gpa_space *space = &fake_root()->space;
	struct gpa_overlay record = { 0 };
	u64 id = guest_child(4, 0), gpn = 0x2123, last = 0x21ff, back;
	struct arch_mapping m;

	(void)state;
	assert_ok(guest_deposit_page(id, last));
	assert_ok(guest_deposit_page(id, gpn));
	assert_ok(guest_withdraw_page(id, &back));
	assert_int_equal(back, gpn);
	assert_true(mapped(gpn));
	assert_false(mapped(last));

	assert_ok(gpa_overlay_set(space, &record, 0x2001, ours, ARCH_READ));
	assert_ok(guest_withdraw_page(id, &back));
	assert_int_equal(back, last);
	assert_true(arch_space_lookup(&space->arch, gpa_of_page(0x2001), &m));
	assert_int_equal(m.rights, ARCH_READ);
	gpa_overlay_clear(space, &record);
	assert_true(mapped(0x2001));
}

/* In any order, to several pools, the root's own among them. */
static void random_order(u64 seed)
{
	struct pool *pool = &fake_root()->pool;
	u64 ids[3] = { guest_child(1, 0), guest_child(1, 0), fake_root()->id };
	u64 available = pool->available, in_use = pool->in_use;
	u32 out = 0;
	u64 gpn;

	for (u32 i = 0; i < 600; i++) {
		u64 r = fake_random(&seed), id = ids[r % 3];

		gpn = 0x1000 + (r >> 8) % 0x1800;
		if (r >> 60 < 11 && mapped(gpn)) {
			assert_ok(guest_deposit_page(id, gpn));
			assert_false(mapped(gpn));
			out++;
		} else if (guest_withdraw_page(id, &gpn) == 0) {
			assert_true(mapped(gpn));
			out--;
		}
	}
	for (u32 turn = 0; turn < 4; turn++)
		for (u32 i = 0; i < 3; i++)
			while (guest_withdraw_page(ids[i], &gpn) == 0)
				out--;
	/* The two children's top tables are their own first pages. */
	assert_int_equal(out, 0);
	assert_int_equal(pool->available, available);
	assert_int_equal(pool->in_use, in_use);
	for (gpn = 0x1000; gpn < 0x2800; gpn++)
		assert_true(mapped(gpn));
}

static void test_random_order_restores_the_identity(void **state)
{
	(void)state;
	for (u32 seed = 1; seed <= 6; seed++)
		random_order(seed);
}

static void test_gigabyte_leaves_split_twice(void **state)
{
	struct fake_options o = { .ram = 6ull << 30, .reserved_pages = 4096 };
	u64 gpn = (1ull << 20) + 0x4567, id, back;
	struct pool *pool;
	u64 in_use;

	(void)state;
	fake_stop();
	assert_int_equal(fake_start(&o), HANDOFF_OK);
	pool = &fake_root()->pool;
	assert_ok(guest_create(&id));
	in_use = pool->in_use;
	assert_ok(guest_deposit_page(id, gpn));
	assert_int_equal(pool->in_use, in_use + 2);
	assert_false(mapped(gpn));
	assert_true(mapped(gpn + 1) && mapped(gpn - 0x200));
	assert_ok(guest_withdraw_page(id, &back));
	assert_int_equal(back, gpn);
	assert_int_equal(pool->in_use, in_use);
	assert_true(mapped(gpn));
}

/* The second of two tables is missing: as if nothing had been tried. */
static void test_split_without_memory_changes_nothing(void **state)
{
	struct fake_options o = { .ram = 6ull << 30, .reserved_pages = 4096 };
	u64 gpn = (1ull << 20) + 0x4567, id;
	struct pool *pool;

	(void)state;
	fake_stop();
	assert_int_equal(fake_start(&o), HANDOFF_OK);
	pool = &fake_root()->pool;
	assert_ok(guest_create(&id));
	while (pool->available > 1)
		assert_non_null(pool_alloc(pool));
	assert_int_equal(guest_deposit_page(id, gpn),
	                 HV_STATUS_INSUFFICIENT_MEMORY);
	assert_int_equal(pool->available, 1);
	assert_true(mapped(gpn));
	assert_non_null(pool_alloc(pool));
	assert_int_equal(guest_deposit_page(id, gpn),
	                 HV_STATUS_INSUFFICIENT_MEMORY);
	assert_true(mapped(gpn));
	assert_int_equal(frame_owner(hpa_of_page(gpn)), FRAME_ROOT);
}

static void test_without_gigabyte_leaves(void **state)
{
	struct fake_options o = { .no_gigabyte = true };
	u64 id, back;

	(void)state;
	fake_stop();
	assert_int_equal(fake_start(&o), HANDOFF_OK);
	assert_true(mapped(0) && mapped(0x1234) && mapped(0xfee00));
	assert_ok(guest_create(&id));
	assert_ok(guest_deposit_page(id, 0x1234));
	assert_ok(guest_withdraw_page(id, &back));
	assert_true(mapped(0x1234));
}

/* Freeing is cut into steps and gives back every table. */
static void test_free_in_steps(void **state)
{
	struct partition *p = guest_partition(guest_child(200, 0));
	hpa_t page = hpa_of_page(guest_page());
	u32 turns = 0, budget = 3;

	(void)state;
	for (u64 i = 0; i < 40; i++)
		assert_true(arch_space_map(&p->space.arch, gpa_of(i << 30),
		                           page, 7));
	while (!arch_space_free(&p->space.arch, &budget)) {
		assert_int_equal(budget, 0);
		budget = 3;
		turns++;
	}
	assert_int_equal(p->pool.in_use, 0);
	assert_int_equal(turns, (1 + 1 + 2 * 40) / 3);
}

/* Whatever it looked at before, a cursor finds what a lookup finds. */
static void test_a_cursor_finds_the_same(void **state)
{
	static const u64 places[] = { 0,    1,           0x1ff,      0x200,
		                      513,  0x3ffff,     0x40000,    0xfffff,
		                      4711, 0x1234567,   0x8000000,  0xffffff,
		                      5,    0xfffffffff, 0x100000000 };
	struct partition *p = guest_partition(guest_child(200, 0));
	const struct partition *spaces[] = { p, fake_root() };
	struct arch_cursor cursors[2] = { { 0 } };
	hpa_t page = hpa_of_page(guest_page());
	u64 seed = 5;

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(places) - 2; i += 2)
		assert_true(arch_space_map(
			&p->space.arch, gpa_of_page(places[i]), page, i % 8));
	for (u32 i = 0; i < 4000; i++) {
		u64 r = fake_random(&seed);
		gpa_t gpa = gpa_of_page(places[r % ARRAY_LEN(places)] +
		                        (r >> 8 & 1));
		struct arch_mapping near = { .rights = 0 }, far = near;
		const struct arch_space *s = &spaces[r >> 9 & 1]->space.arch;
		bool found = arch_space_lookup(s, gpa, &far);

		assert_int_equal(arch_space_lookup_near(s, &cursors[r >> 9 & 1],
		                                        gpa, &near),
		                 found);
		if (!found)
			continue;
		assert_int_equal(near.page.v, far.page.v);
		assert_int_equal(near.rights, far.rights);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_page_splits_and_collapses),
		TEST(test_one_that_differs_keeps_a_table),
		TEST(test_random_order_restores_the_identity),
		TEST(test_gigabyte_leaves_split_twice),
		TEST(test_split_without_memory_changes_nothing),
		TEST(test_without_gigabyte_leaves),
		TEST(test_free_in_steps),
		TEST(test_a_cursor_finds_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
