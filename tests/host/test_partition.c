/*
 * hv/vp/partition.c: the state machine, the list, reference time, finalizing.
 */
#include "hv/call/finalize.h"
#include "hv/stream/context.h"
#include "hv/vp/partition.h"
#include "tests/host/fixture/test.h"

enum { FAILS = HV_STATUS_INVALID_PARTITION_STATE };

/* Every step in every state. */
static void test_state_machine(void **state)
{
	u64 id, value, source = guest_page();

	(void)state;
	assert_ok(guest_create(&id));
	assert_int_equal(guest_finalize(id), FAILS);
	assert_int_equal(guest_create_vp(id, 0), FAILS);
	assert_int_equal(guest_map(id, 0, source, 7), FAILS);
	assert_int_equal(guest_initialize(id), HV_STATUS_INSUFFICIENT_MEMORY);
	guest_deposit(id, 40);
	assert_int_equal(guest_delete(id), HV_STATUS_OPERATION_DENIED);
	assert_ok(guest_initialize(id));
	assert_int_equal(guest_initialize(id), FAILS);
	assert_int_equal(guest_delete(id), FAILS);
	assert_ok(guest_create_vp(id, 0));
	assert_ok(guest_map(id, 0, source, 7));
	assert_ok(guest_finalize(id));
	assert_int_equal(guest_finalize(id), FAILS);
	assert_int_equal(guest_initialize(id), FAILS);
	assert_int_equal(guest_create_vp(id, 0), FAILS);
	assert_int_equal(guest_map(id, 0, source, 7), FAILS);
	assert_int_equal(
		guest_get_property(id, HV_PROPERTY_CLFLUSH_SIZE, &value),
		FAILS);
	assert_int_equal(guest_deposit_page(id, source), FAILS);
	assert_int_equal(guest_delete(id), HV_STATUS_OPERATION_DENIED);
	assert_int_equal(guest_withdraw_all(id), 40);
	assert_ok(guest_delete(id));
	assert_int_equal(guest_delete(id), HV_STATUS_INVALID_PARTITION_ID);
}

/* AccessTscInvariant is of processors: beyond the last leaf are another one's bits. */
static void test_tsc_of_the_root(void **state)
{
	static _Alignas(PAGE_SIZE) u8 page[PAGE_SIZE];
	static const struct {
		u32 max;
		u64 want;
	} rows[] = {
		{ 0x80000006, 0 },
		{ 0x80000007, HV_PRIVILEGE_ACCESS_TSC_INVARIANT },
		{ 0x80000008, HV_PRIVILEGE_ACCESS_TSC_INVARIANT },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		fake.facts.cpuid_max_extended = rows[i].max;
		memset(page, 0, sizeof(page));
		assert_int_equal(partition_create_root(page)->privileges &
		                         HV_PRIVILEGE_ACCESS_TSC_INVARIANT,
		                 rows[i].want);
	}
}

static void test_d28_uninitialized_may_go(void **state)
{
	u64 id;

	(void)state;
	assert_ok(guest_create(&id));
	guest_deposit(id, 3);
	assert_int_equal(guest_withdraw_all(id), 3);
	assert_ok(guest_delete(id));
}

static void test_d5_ids(void **state)
{
	struct partition *p;
	u64 id = guest_child(1, 0);
	struct partition *child = guest_partition(id);

	(void)state;
	assert_ok(partition_find_child(fake_root(), id, &p));
	assert_ptr_equal(p, child);
	assert_int_equal(
		partition_find_child(fake_root(), HV_PARTITION_ID_SELF, &p),
		HV_STATUS_ACCESS_DENIED);
	assert_int_equal(partition_find_child(fake_root(), 1, &p),
	                 HV_STATUS_ACCESS_DENIED);
	assert_int_equal(partition_find_child(fake_root(), 0, &p),
	                 HV_STATUS_INVALID_PARTITION_ID);
	assert_int_equal(partition_find_child(fake_root(), id + 1, &p),
	                 HV_STATUS_INVALID_PARTITION_ID);
	/* A child is not told who exists. */
	assert_int_equal(partition_find_child(child, 1, &p),
	                 HV_STATUS_ACCESS_DENIED);
	assert_int_equal(partition_find_child(child, id + 1, &p),
	                 HV_STATUS_ACCESS_DENIED);
	assert_int_equal(partition_create(child, &p),
	                 HV_STATUS_PARTITION_TOO_DEEP);
}

static void test_list_of_children(void **state)
{
	u64 ids[PARTITION_MAX], id, next = 0;
	u32 count = 0;

	(void)state;
	while (guest_create(&ids[count]) == HV_STATUS_SUCCESS)
		count++;
	assert_int_equal(count, PARTITION_MAX - 1);
	assert_int_equal(guest_create(&id), HV_STATUS_NO_RESOURCES);
	for (u32 i = 0; i < count; i++) {
		assert_ok(partition_next_child(fake_root(), next, &next));
		assert_int_equal(next, ids[i]);
	}
	assert_ok(partition_next_child(fake_root(), next, &id));
	assert_int_equal(id, 0);
	/* From the middle; the order of ids stays, slots are used again. */
	assert_ok(guest_delete(ids[20]));
	assert_ok(partition_next_child(fake_root(), ids[19], &next));
	assert_int_equal(next, ids[21]);
	assert_int_equal(partition_next_child(fake_root(), ids[20], &next),
	                 HV_STATUS_INVALID_PARTITION_ID);
	assert_int_equal(partition_next_child(fake_root(), 1, &next),
	                 HV_STATUS_INVALID_PARTITION_ID);
	assert_ok(guest_create(&id));
	assert_true(id > ids[count - 1]);
	for (u32 i = 0; i < PARTITION_MAX - 1; i++)
		for (u32 k = 0; k < i && i != 20; k++)
			if (k != 20)
				assert_int_not_equal(
					guest_partition(ids[i])->slot,
					guest_partition(ids[k])->slot);
}

static void test_create_with_a_dry_pool(void **state)
{
	struct pool *pool = &fake_root()->pool;
	u64 id;

	(void)state;
	while (pool->available)
		assert_non_null(pool_alloc(pool));
	assert_int_equal(guest_create(&id), HV_STATUS_INSUFFICIENT_MEMORY);
	assert_int_equal(fake_root()->child_count, 0);
}

/* It counts only while a VP is not suspended. */
static void test_reference_time(void **state)
{
	u64 id = guest_child(40, 2), hz = fake.facts.tsc_hz, value;
	struct partition *p = guest_partition(id);

	(void)state;
	fake.tsc += hz;
	assert_int_equal(reference_time(p), 0);
	assert_ok(guest_set(id, 1, HV_REGISTER_EXPLICIT_SUSPEND, 0));
	fake.tsc += 3 * hz;
	assert_int_equal(reference_time(p), 30000000);
	assert_int_equal(guest_set_property(id, HV_PROPERTY_REFERENCE_TIME, 5),
	                 FAILS);
	assert_ok(guest_set(id, 1, HV_REGISTER_EXPLICIT_SUSPEND, 1));
	fake.tsc += hz;
	assert_int_equal(guest_get64(id, 0, HV_REGISTER_TIME_REF_COUNT),
	                 30000000);
	assert_ok(guest_set_property(id, HV_PROPERTY_REFERENCE_TIME, 7));
	assert_ok(guest_get_property(id, HV_PROPERTY_REFERENCE_TIME, &value));
	assert_int_equal(value, 7);
	assert_ok(guest_set(id, 0, HV_REGISTER_EXPLICIT_SUSPEND, 0));
	fake.tsc += hz / 10;
	assert_int_equal(reference_time(p), 1000007);
	/* Far up, the product must not overflow. */
	fake.tsc += hz * 3600 * 24 * 365 * 20;
	assert_int_equal(reference_time(p) - 1000007,
	                 10000000ull * 3600 * 24 * 365 * 20);
}

static void test_finalize_is_bounded(void **state)
{
	struct partition *p = guest_partition(guest_child(160, 4));
	hpa_t page = hpa_of_page(guest_page());
	u64 most = 0;
	u32 turns = 0;
	bool done = false;

	(void)state;
	for (u64 i = 0; i < 5000; i++)
		assert_ok(gpa_map(&p->space, i * 7, page, 7));
	assert_non_null(context_open(fake_root(), p));
	while (!done) {
		u64 before = fake.steps;

		done = partition_finalize(p);
		most = fake.steps - before > most ? fake.steps - before : most;
		turns++;
	}
	assert_true(turns > 5);
	assert_true(most < 20000);
	assert_null(p->context);
	assert_int_equal(p->state, PARTITION_FINALIZED);
	assert_int_equal(p->pool.in_use, 0);
	assert_int_equal(p->pool.available, 160);
}

/* A child that may create has a process of its own for id 0. */
static void test_finalize_ends_the_childs_own_process(void **state)
{
	u64 id = guest_child(40, 1);
	struct partition *p = guest_partition(id);

	(void)state;
	assert_non_null(context_open(p, NULL));
	assert_ok(guest_finalize(id));
	assert_int_equal(p->pool.in_use, 0);
	assert_int_equal(guest_withdraw_all(id), 40);
	assert_ok(guest_delete(id));
}

/* A life, a thousand times: nothing is lost, every page comes back zero. */
static void test_thousand_lives(void **state)
{
	u64 available, in_use, a, u;

	(void)state;
	assert_ok(guest_balance(1, &available, &in_use));
	for (u32 i = 0; i < 1000; i++) {
		u64 id = guest_child(32, 1 + i % 2), source = guest_page();
		struct guest_stream s = { .data = NULL };

		assert_ok(guest_map(id, i, source, 7));
		memset(guest_at(source << PAGE_SHIFT), (int)i, PAGE_SIZE);
		assert_ok(guest_set(id, 0, HV_REGISTER_EXPLICIT_SUSPEND, 0));
		fake_enter(guest_partition(id)->vps[0])->rip = i;
		fake_exit(guest_partition(id)->vps[0]);
		assert_ok(guest_set(id, 0, HV_REGISTER_EXPLICIT_SUSPEND, 1));
		guest_save_whole(id, &s);
		guest_restore_whole(id, &s, 4080);
		guest_destroy(id);
		guest_free(source);
		guest_stream_free(&s);
	}
	assert_ok(guest_balance(1, &a, &u));
	assert_int_equal(a, available);
	assert_int_equal(u, in_use);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_state_machine),
		TEST(test_tsc_of_the_root),
		TEST(test_d28_uninitialized_may_go),
		TEST(test_d5_ids),
		TEST(test_list_of_children),
		TEST(test_create_with_a_dry_pool),
		TEST(test_reference_time),
		TEST(test_finalize_is_bounded),
		TEST(test_finalize_ends_the_childs_own_process),
		TEST(test_thousand_lives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
