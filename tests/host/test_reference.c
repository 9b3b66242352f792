/*
 * hv/vp/reference.c: the counter, and ticks until a time.
 */
#include "hv/run/msr.h"
#include "hv/vp/reference.h"
#include "tests/host/fixture/clock.h"
#include "tests/host/fixture/test.h"

#define TICKS CLOCK_TICKS
#define UNITS CLOCK_UNITS

static u64 id;
static struct partition *p;

static void make(u32 vps)
{
	p = clock_make(&id, vps);
}

/* ---- The counter ---- */

static void test_counter_runs_while_a_vp_may(void **state)
{
	(void)state;
	make(2);
	fake.tsc += 1000 * TICKS;
	assert_int_equal(reference_time(p), 0);
	clock_suspend(id, 1, 0);
	fake.tsc += 1000 * TICKS;
	assert_int_equal(reference_time(p), 1000);
	clock_suspend(id, 0, 0);
	clock_suspend(id, 1, 1);
	fake.tsc += 1000 * TICKS;
	assert_int_equal(reference_time(p), 2000);
	clock_suspend(id, 0, 1);
	fake.tsc += 1000 * TICKS;
	assert_int_equal(reference_time(p), 2000);
	clock_suspend(id, 0,
	              1); /* again, and again off: nothing is counted twice */
	clock_suspend(id, 1, 0);
	clock_suspend(id, 1, 0);
	fake.tsc += 5 * TICKS;
	assert_int_equal(reference_time(p), 2005);
	/* Its parent looks at an intercept: that takes no time out of it. */
	p->vps[1]->intercept_suspend = HV_SUSPENDED;
	fake.tsc += 5 * TICKS;
	assert_int_equal(reference_time(p), 2010);
}

static void test_counter_and_deleted_vps(void **state)
{
	(void)state;
	make(2);
	clock_suspend(id, 1, 0);
	fake.tsc += 10 * TICKS;
	/* The only one that ran has gone. */
	assert_ok(guest_delete_vp(id, 1));
	fake.tsc += 10 * TICKS;
	assert_int_equal(reference_time(p), 10);
	assert_ok(guest_delete_vp(id, 0));
	fake.tsc += 10 * TICKS;
	assert_int_equal(reference_time(p), 10);
	/* One that is new stands still: the partition waits for it. */
	assert_ok(guest_create_vp(id, 0));
	fake.tsc += 10 * TICKS;
	assert_int_equal(reference_time(p), 10);
	clock_suspend(id, 0, 0);
	assert_ok(guest_create_vp(id, 1));
	fake.tsc += 10 * TICKS;
	assert_int_equal(reference_time(p), 20);
}

static void test_property(void **state)
{
	u64 value;

	(void)state;
	make(1);
	assert_ok(guest_set_property(id, HV_PROPERTY_REFERENCE_TIME, 777));
	clock_suspend(id, 0, 0);
	fake.tsc += 3 * TICKS;
	assert_ok(guest_get_property(id, HV_PROPERTY_REFERENCE_TIME, &value));
	assert_int_equal(value, 780);
	assert_int_equal(guest_get64(id, 0, HV_REGISTER_TIME_REF_COUNT), 780);
	assert_int_equal(vp_msr_read(p->vps[0], HV_MSR_TIME_REF_COUNT, &value),
	                 MSR_OK);
	assert_int_equal(value, 780);
	assert_int_equal(guest_set_property(id, HV_PROPERTY_REFERENCE_TIME, 1),
	                 HV_STATUS_INVALID_PARTITION_STATE);
}

/* It never goes back, at any frequency, over stops as well. */
static void test_counter_is_monotonic(void **state)
{
	u64 seed = 3, before = 0, ticks = 0;

	(void)state;
	fake.facts.tsc_hz = 2394230011;
	make(1);
	for (u32 i = 0; i < 5000; i++) {
		u64 by = fake_random(&seed) % 5000;

		if (fake_random(&seed) % 8 == 0)
			clock_suspend(id, 0, fake_random(&seed) % 2);
		fake.tsc += by;
		ticks += p->reference.running ? by : 0;
		assert_true(reference_time(p) >= before);
		before = reference_time(p);
	}
	/* A stop may cost a unit, or give one. */
	assert_in_range(before * 2394 / 10, ticks - ticks / 200,
	                ticks + ticks / 200);
}

/* ---- Ticks ---- */

static void test_ticks(void **state)
{
	static const u64 hz[] = { 2394230011, 10000001, 999999937, 5000000000,
		                  2000000000 };
	u64 seed = 9;

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(hz); i++) {
		u64 unit = hz[i] / UNITS + 1;

		fake.facts.tsc_hz = hz[i];
		make(1);
		clock_suspend(id, 0, 0);
		fake.tsc += hz[i];
		for (u32 k = 0; k < 2000; k++) {
			u64 now = reference_time(p), tsc = fake.tsc;
			u64 left = 1 + (fake_random(&seed) >>
			                (28 + fake_random(&seed) % 36)) %
			                       (3600 * UNITS);
			u64 ticks = reference_ticks(p, now + left);

			fake.tsc = tsc + ticks;
			assert_true(reference_time(p) >= now + left);
			fake.tsc = tsc + ticks - 1;
			assert_true(reference_time(p) <= now + left);
			if (ticks > unit) {
				fake.tsc = tsc + ticks - unit - 1;
				assert_true(reference_time(p) < now + left);
			}
			fake.tsc = tsc + fake_random(&seed) % 100000;
		}
	}
}

static void test_ticks_are_bounded(void **state)
{
	u64 hour = 3600 * UNITS, now;

	(void)state;
	make(1);
	clock_suspend(id, 0, 0);
	fake.tsc += 1000 * TICKS;
	now = reference_time(p);
	assert_int_equal(reference_ticks(p, now), 0);
	assert_int_equal(reference_ticks(p, now - 1), 0);
	assert_int_equal(reference_ticks(p, 0), 0);
	assert_int_equal(reference_ticks(p, now + 1), TICKS);
	assert_int_equal(reference_ticks(p, now + hour), hour * TICKS);
	assert_int_equal(reference_ticks(p, now + hour + 1), hour * TICKS);
	assert_int_equal(reference_ticks(p, ~0ull), hour * TICKS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_counter_runs_while_a_vp_may),
		TEST(test_counter_and_deleted_vps),
		TEST(test_property),
		TEST(test_counter_is_monotonic),
		TEST(test_ticks),
		TEST(test_ticks_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
