/*
 * How often a space is flushed: once behind a turn in which something was changed
 * that a processor can have cached, and never else; and nothing is taken before.
 */
#include "hv/memory/frame.h"
#include "hv/run/msr.h"
#include "hv/vp/partition.h"
#include "tests/host/fake/tlb.h"
#include "tests/host/fixture/test.h"

#define PAGES 32u
#define FAR 0x1200ull /* pages that no test has had, in large mappings */
#define LARGE 0x200ull

static u32 before;

static void start_counting(void)
{
	before = fake.flushes;
}

static u32 flushes(void)
{
	return fake.flushes - before;
}

static enum hv_status map(u64 id, u64 gpn, u64 source, u32 step, u32 flags)
{
	struct hv_input_map_gpa_pages in = { id, gpn, flags, 0 };
	u64 list[PAGES];

	for (u32 i = 0; i < PAGES; i++)
		list[i] = source + i * step;
	start_counting();
	return guest_rep(HVCALL_MAP_GPA_PAGES, &in, sizeof(in), list,
	                 sizeof(list), NULL, 0, PAGES, NULL);
}

static enum hv_status unmap(u64 id, u64 gpn)
{
	struct hv_input_unmap_gpa_pages in = { id, gpn, 0, 0 };

	start_counting();
	return guest_rep(HVCALL_UNMAP_GPA_PAGES, &in, sizeof(in), NULL, 0, NULL,
	                 0, PAGES, NULL);
}

static enum hv_status deposit(u64 id, const u64 *list, u32 pages, u32 *done)
{
	struct hv_input_deposit_memory in = { id };

	start_counting();
	return guest_rep(HVCALL_DEPOSIT_MEMORY, &in, sizeof(in), list,
	                 pages * 8, NULL, 0, pages, done);
}

static void fill(u64 *list, u64 first, u64 step)
{
	for (u32 i = 0; i < PAGES; i++)
		list[i] = first + i * step;
}

/* What was a hole, and what had no right at all, nobody can have cached. */
static void test_new_mappings(void **state)
{
	u64 id = guest_child(40, 1);

	(void)state;
	assert_ok(map(id, 0x100, FAR, 1, 7));
	assert_int_equal(flushes(), 0);
	assert_ok(map(id, 0x5000000 - 16, FAR, 1, HV_MAP_GPA_NO_ACCESS));
	assert_int_equal(flushes(), 0);
	assert_ok(map(id, 0x5000000 - 16, FAR, 1, 7));
	assert_int_equal(flushes(), 0);
	guest_destroy(id);
}

static void test_mappings_that_replace_others(void **state)
{
	u64 id = guest_child(40, 1);

	(void)state;
	assert_ok(map(id, 0x100, FAR, 1, 7));
	assert_ok(map(id, 0x100, FAR, 1, 7));
	assert_int_equal(flushes(), 0);
	assert_ok(map(id, 0x100, FAR, 1, 1));
	assert_int_equal(flushes(), 1);
	assert_ok(map(id, 0x100, FAR + PAGES, 1, 1));
	assert_int_equal(flushes(), 1);
	/* Half of them are new. */
	assert_ok(map(id, 0x110, FAR, 0, 7));
	assert_int_equal(flushes(), 1);
	guest_destroy(id);
}

/* Tables that are empty then come back, by the same flush. */
static void test_unmap(void **state)
{
	u64 id = guest_child(40, 1);
	struct partition *p = guest_partition(id);
	u64 in_use = p->pool.in_use;

	(void)state;
	assert_ok(unmap(id, 0x100));
	assert_int_equal(flushes(), 0);
	for (u64 gpn = 0x4000000 - 16; gpn < 0x4000000 + 4; gpn += 10) {
		assert_ok(map(id, gpn, FAR, 1, 7));
		assert_true(p->pool.in_use > in_use);
		assert_ok(unmap(id, gpn));
		assert_int_equal(flushes(), 1);
		assert_int_equal(p->pool.in_use, in_use);
		assert_ok(unmap(id, gpn));
		assert_int_equal(flushes(), 0);
	}
	guest_destroy(id);
}

static void test_deposit(void **state)
{
	u64 id = guest_child(8, 0), list[PAGES];
	struct pool *pool = &guest_partition(id)->pool;
	u64 available = pool->available;
	u32 done;

	(void)state;
	/* In one large page, and across two of them. */
	for (u32 i = 0; i < 2; i++) {
		fill(list, FAR + i * (2 * LARGE - 16), 1);
		assert_ok(deposit(id, list, PAGES, &done));
		assert_int_equal(guest_turns, 1);
		assert_int_equal(flushes(), 1);
		assert_int_equal(pool->available, available + (i + 1) * PAGES);
	}
	/* The first is a wrong one; then the sixth is, by being there twice. */
	assert_int_equal(deposit(id, list, PAGES, &done),
	                 HV_STATUS_OPERATION_DENIED);
	assert_int_equal(done, 0);
	assert_int_equal(flushes(), 0);
	fill(list, FAR + 5 * LARGE, 1);
	list[5] = list[2];
	assert_int_equal(deposit(id, list, PAGES, &done),
	                 HV_STATUS_OPERATION_DENIED);
	assert_int_equal(done, 5);
	assert_int_equal(flushes(), 1);
	assert_int_equal(pool->available, available + 2 * PAGES + 5);
}

/* Splitting a large page is work: few of them a turn, and a flush each turn. */
static void test_deposit_out_of_many_large_pages(void **state)
{
	u64 id = guest_child(8, 0), list[PAGES];
	struct pool *pool = &guest_partition(id)->pool;
	u64 available = pool->available;
	u32 done;

	(void)state;
	fill(list, FAR, LARGE);
	assert_ok(deposit(id, list, 16, &done));
	assert_int_equal(guest_turns, 6);
	assert_int_equal(flushes(), 6);
	assert_int_equal(pool->available, available + 16);
}

/* A page that the root gives itself may be the table that the next one needs. */
static void test_deposit_into_the_roots_dry_pool(void **state)
{
	struct pool *pool = &fake_root()->pool;
	u64 list[PAGES];
	u32 done;

	(void)state;
	fill(list, FAR, LARGE);
	while (pool->available > 1)
		assert_non_null(pool_alloc(pool));
	assert_ok(deposit(HV_PARTITION_ID_SELF, list, 9, &done));
	assert_int_equal(done, 9);
	assert_int_equal(pool->available, 1);
	assert_non_null(pool_alloc(pool));
	assert_int_equal(deposit(HV_PARTITION_ID_SELF, list + 9, 9, &done),
	                 HV_STATUS_INSUFFICIENT_MEMORY);
	assert_int_equal(done, 0);
	assert_int_equal(flushes(), 0);
}

/* None, but for the table that goes when the large page is whole again. */
static void test_withdraw(void **state)
{
	u64 id, list[PAGES], back, total = 0;
	u32 done;

	(void)state;
	assert_ok(guest_create(&id));
	fill(list, FAR, 1);
	assert_ok(deposit(id, list, PAGES, &done));
	for (u32 i = 0; i < PAGES; i++) {
		start_counting();
		assert_ok(guest_withdraw_page(id, &back));
		total += flushes();
		assert_int_equal(flushes(), i == PAGES - 1);
	}
	assert_int_equal(total, 1);
}

static void test_overlays(void **state)
{
	u64 id = guest_child(40, 1), page = guest_page();

	(void)state;
	assert_ok(guest_map(id, 0x20, page, 7));
	assert_ok(guest_set(id, 0, HV_REGISTER_GUEST_OS_ID, 1));
	start_counting();
	assert_ok(guest_set(id, 0, HV_REGISTER_HYPERCALL, 0x10001));
	assert_int_equal(flushes(), 0);
	assert_ok(guest_set(id, 0, HV_REGISTER_HYPERCALL, 0x20001));
	assert_int_equal(flushes(), 1);
	assert_ok(guest_set(id, 0, HV_REGISTER_HYPERCALL, 0));
	assert_int_equal(flushes(), 2);
	guest_destroy(id);
}

/* A turn has one, whatever number of tables goes. */
static void test_finalize(void **state)
{
	u64 id = guest_child(250, 0);

	(void)state;
	for (u64 i = 0; i < 64; i++)
		assert_ok(guest_map(id, i << 18, FAR + i, 7));
	start_counting();
	assert_ok(guest_finalize(id));
	assert_true(guest_turns > 3);
	assert_in_range(flushes(), 1, guest_turns);
	assert_int_equal(guest_partition(id)->pool.in_use, 0);
}

/* ---- Is a flush that is missing noticed? ---- */

static void take_too_early(void *argument)
{
	struct pool *pool = &fake_root()->pool;
	hpa_t page = hpa_of_page(FAR);

	assert_true(arch_space_unmap(&fake_root()->space.arch, gpa_of(page.v)));
	if (argument)
		arch_space_flush(&fake_root()->space.arch);
	frame_set_owner(page, FRAME_DEPOSITED);
	pool_add(pool, page);
}

static void test_a_missing_flush_is_noticed(void **state)
{
	u64 id = guest_child(40, 1);
	struct partition *p = guest_partition(id);

	(void)state;
	assert_true(fake_fails_check(take_too_early, NULL));
	assert_false(fake_fails_check(take_too_early, &before));
	assert_null(fake_tlb_wrong());
	assert_ok(guest_map(id, 5, FAR, 7));
	gpa_unmap(&p->space, 5);
	assert_non_null(fake_tlb_wrong());
	arch_space_flush(&p->space.arch);
	assert_null(fake_tlb_wrong());
	guest_destroy(id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_new_mappings),
		TEST(test_mappings_that_replace_others),
		TEST(test_unmap),
		TEST(test_deposit),
		TEST(test_deposit_out_of_many_large_pages),
		TEST(test_deposit_into_the_roots_dry_pool),
		TEST(test_withdraw),
		TEST(test_overlays),
		TEST(test_finalize),
		TEST(test_a_missing_flush_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
