/*
 * hv/interrupt/stimer.c: when a timer expires: none is lost, none comes twice.
 */
#include "hv/interrupt/lapic.h"
#include "hv/interrupt/stimer.h"
#include "hv/run/msr.h"
#include "hv/run/vp_run.h"
#include "include/x86_apic.h"
#include "tests/host/fixture/stimer.h"
#include "tests/host/fixture/test.h"

#define TICKS TIMED_TICKS
#define SINT TIMED_SINT
#define VECTOR TIMED_VECTOR
#define ENABLE HV_STIMER_ENABLE
#define PERIODIC HV_STIMER_PERIODIC
#define AUTO HV_STIMER_AUTO_ENABLE
#define TO_SINT TIMED_TO_SINT

static void test_one_shot(void **state)
{
	struct hv_timer_message m;
	u64 due;

	(void)state;
	timed_make();
	assert_int_equal(stimer_rest(timed), LAPIC_NEVER);
	due = timed_now() + 1000;
	timed_start(1, TO_SINT, due);
	assert_int_equal(stimer_rest(timed), 1000 * TICKS);
	timed_pass(999);
	vp_update(timed);
	assert_false(timed_take(&m));
	assert_false(timed_irr(VECTOR));
	timed_pass(6);
	vp_update(timed);
	assert_true(timed_irr(VECTOR));
	assert_int_equal(timed_slot(SINT)->flags, 0);
	assert_int_equal(timed_slot(SINT)->sender, 0);
	assert_true(timed_take(&m));
	assert_int_equal(m.timer, 1);
	assert_int_equal(m.rsvd, 0);
	assert_int_equal(m.expiration_time, due);
	assert_int_equal(m.delivery_time, due + 5);
	/* It says so itself that it is over. */
	assert_int_equal(timed_get(timed_config(1)), TO_SINT);
	assert_int_equal(timed_get(timed_config(1) + 1), due);
	assert_int_equal(stimer_rest(timed), LAPIC_NEVER);
	timed_pass(100000);
	vp_update(timed);
	assert_false(timed_take(&m));
}

static void test_one_shot_in_the_past(void **state)
{
	u64 due;

	(void)state;
	timed_make();
	timed_pass(500);
	due = timed_now() - 100;
	timed_start(0, TO_SINT, due);
	timed_take_one(0, due);
	assert_int_equal(timed_get(timed_config(0)) & ENABLE, 0);
	/* This very moment is not too early. */
	timed_start(0, TO_SINT, timed_now());
	timed_take_one(0, timed_now());
	/* By the count: it was waiting to be told. */
	timed_put(timed_config(0), TO_SINT | AUTO);
	timed_put(timed_config(0) + 1, 1);
	timed_take_one(0, 1);
}

static void test_periodic(void **state)
{
	struct hv_timer_message m;
	u64 begin;

	(void)state;
	timed_make();
	timed_pass(77);
	begin = timed_now();
	timed_start(3, TO_SINT | PERIODIC, 100);
	for (u32 i = 1; i < 50; i++) {
		timed_pass(99);
		vp_update(timed);
		assert_false(timed_take(&m));
		assert_int_equal(stimer_rest(timed), TICKS);
		timed_pass(1);
		vp_update(timed);
		timed_take_one(3, begin + 100 * i);
	}
	assert_int_equal(timed_get(timed_config(3)),
	                 TO_SINT | PERIODIC | ENABLE);
	timed_put(timed_config(3), TO_SINT | PERIODIC); /* stopped */
	timed_pass(1000);
	vp_update(timed);
	assert_false(timed_take(&m));
}

/* A guest that is slow, and away for long: as many messages as periods. */
static void test_none_lost_none_twice(void **state)
{
	u64 seed = 5, begin, n = 0;
	struct hv_timer_message m;

	(void)state;
	timed_make();
	begin = timed_now();
	timed_start(0, TO_SINT | PERIODIC, 100);
	for (u32 i = 0; i < 20000; i++) {
		timed_pass(fake_random(&seed) % 64);
		if (fake_random(&seed) % 500 == 0)
			timed_pass(5000);
		if (fake_random(&seed) % 4)
			vp_update(timed);
		if (fake_random(&seed) % 2 && timed_take(&m))
			assert_int_equal(m.expiration_time, begin + 100 * ++n);
		assert_true(stimer_valid(&timed->stimer[0]));
	}
	for (vp_update(timed); timed_take(&m); vp_update(timed))
		assert_int_equal(m.expiration_time, begin + 100 * ++n);
	assert_int_equal(n, (timed_now() - begin) / 100);
	assert_true(n > 5000);
}

/* Periods that went by while one waited are left out, the beat is kept. */
static void test_lazy(void **state)
{
	struct hv_timer_message m;
	u64 begin;

	(void)state;
	timed_make();
	begin = timed_now();
	timed_start(0, TO_SINT | PERIODIC | HV_STIMER_LAZY, 100);
	timed_pass(1050);
	vp_update(timed);
	timed_take_one(0, begin + 100);
	vp_update(timed);
	assert_false(timed_take(&m));
	assert_int_equal(stimer_rest(timed), 50 * TICKS);
	timed_pass(50);
	vp_update(timed);
	timed_take_one(0, begin + 1100);
	timed_pass(100);
	vp_update(timed);
	timed_take_one(0, begin + 1200);
}

static void test_auto_enable(void **state)
{
	u64 begin;

	(void)state;
	timed_make();
	timed_put(timed_config(0), TO_SINT);
	timed_put(timed_config(0) + 1, timed_now() + 10);
	assert_int_equal(timed_get(timed_config(0)), TO_SINT);
	assert_int_equal(stimer_rest(timed), LAPIC_NEVER);
	timed_put(timed_config(0), TO_SINT | AUTO | PERIODIC);
	assert_int_equal(stimer_rest(timed), LAPIC_NEVER);
	begin = timed_now();
	timed_put(timed_config(0) + 1, 10);
	assert_int_equal(timed_get(timed_config(0)),
	                 TO_SINT | AUTO | PERIODIC | ENABLE);
	timed_pass(10);
	vp_update(timed);
	timed_take_one(0, begin + 10);
	/* Written again, it begins again. */
	timed_pass(5);
	timed_put(timed_config(0) + 1, 20);
	assert_int_equal(stimer_rest(timed), 20 * TICKS);
}

static void test_count_of_zero(void **state)
{
	struct hv_timer_message m;

	(void)state;
	timed_make();
	timed_start(0, TO_SINT | PERIODIC | AUTO, 100);
	timed_put(timed_config(0) + 1, 0);
	assert_int_equal(timed_get(timed_config(0)), TO_SINT | PERIODIC | AUTO);
	assert_int_equal(timed_get(timed_config(0) + 1), 0);
	timed_put(timed_config(0), TO_SINT | PERIODIC | ENABLE);
	assert_int_equal(stimer_rest(timed), LAPIC_NEVER);
	timed_pass(1000);
	vp_update(timed);
	assert_false(timed_take(&m));
	/* It takes with it what had expired and waits. */
	timed_start(0, TO_SINT | PERIODIC, 100);
	timed_pass(200);
	vp_update(timed);
	vp_update(timed);
	assert_int_equal(stimer_sints(timed), BIT(SINT));
	timed_put(timed_config(0) + 1, 0);
	assert_int_equal(stimer_sints(timed), 0);
	assert_true(timed_take(&m));
	assert_false(timed_take(&m));
}

static void test_reserved_bits(void **state)
{
	struct stimer before;

	(void)state;
	timed_make();
	timed_start(1, TO_SINT | PERIODIC, 1234);
	before = timed->stimer[1];
	for (u32 bit = 0; bit < 64; bit++) {
		if (HV_STIMER_ALLOWED & BIT(bit))
			continue;
		assert_int_equal(vp_msr_write(timed, timed_config(1), BIT(bit)),
		                 MSR_FAULT);
	}
	/* Vectors that a local APIC does not take; else the field is free. */
	for (u64 v = 0; v < 16; v++)
		assert_int_equal(vp_msr_write(timed, timed_config(1),
		                              HV_STIMER_DIRECT | v << 4),
		                 MSR_FAULT);
	assert_memory_equal(&timed->stimer[1], &before, sizeof(before));
	timed_put(timed_config(1), HV_STIMER_DIRECT | 16 << 4);
	timed_put(timed_config(1), HV_STIMER_ALLOWED & ~ENABLE);
	assert_int_equal(timed_get(timed_config(1)),
	                 HV_STIMER_ALLOWED & ~ENABLE);
	timed_put(timed_config(1), 3 << 4);
	timed_put(timed_config(1) + 1, ~0ull);
	assert_int_equal(timed_get(timed_config(1) + 1), ~0ull);
}

/* Frequencies that units do not divide: never early, not late by a unit. */
static void test_rest_is_exact(void **state)
{
	static const u64 hz[] = { 2394230011, 10000001, 999999937, 5000000000 };
	u64 seed = 1;

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(hz); i++) {
		u64 unit = hz[i] / 10000000 + 1;

		fake.facts.tsc_hz = hz[i];
		timed_make();
		for (u32 k = 0; k < 300; k++) {
			u64 due = timed_now() + 1 +
			          (fake_random(&seed) >>
			           (30 + fake_random(&seed) % 34)) %
			                  36000000000;
			u64 rest;

			timed_start(0, TO_SINT, due);
			rest = stimer_rest(timed);
			if (rest > unit) {
				fake.tsc += rest - unit - 1;
				assert_true(timed_now() < due);
				fake.tsc += unit + 1;
			} else {
				fake.tsc += rest;
			}
			assert_int_equal(stimer_rest(timed), 0);
			vp_update(timed);
			timed_take_one(0, due);
		}
	}
}

/* What is further away than an hour is looked at again after an hour. */
static void test_counts_without_end(void **state)
{
	struct hv_timer_message m;

	(void)state;
	timed_make();
	timed_pass(1000);
	timed_start(0, TO_SINT, ~0ull);
	timed_start(1, TO_SINT | PERIODIC, ~0ull);
	timed_start(2, TO_SINT | PERIODIC, ~0ull - 500);
	for (u32 i = 0; i < 3; i++) {
		assert_int_equal(stimer_rest(timed), 3600 * fake.facts.tsc_hz);
		fake.tsc += stimer_rest(timed);
		vp_update(timed);
		assert_false(timed_take(&m));
		for (u32 k = 0; k < 3; k++)
			assert_true(stimer_valid(&timed->stimer[k]));
	}
	assert_int_equal(timed_get(timed_config(2)),
	                 TO_SINT | PERIODIC | ENABLE);
}

/* The clock's own end: nothing turns over and fires for ever. */
static void test_end_of_time(void **state)
{
	struct hv_timer_message m;

	(void)state;
	timed_make();
	assert_ok(guest_set(timed_id, 0, HV_REGISTER_EXPLICIT_SUSPEND, 1));
	assert_ok(guest_set_property(timed_id, HV_PROPERTY_REFERENCE_TIME,
	                             ~0ull - 250));
	assert_ok(guest_set(timed_id, 0, HV_REGISTER_EXPLICIT_SUSPEND, 0));
	timed_start(0, TO_SINT | PERIODIC, 100);
	for (u32 i = 1; i < 3; i++) {
		timed_pass(100);
		vp_update(timed);
		timed_take_one(0, ~0ull - 250 + i * 100);
	}
	timed_pass(60); /* over the end */
	vp_update(timed);
	assert_false(timed_take(&m));
	assert_true(stimer_valid(&timed->stimer[0]));
}

static void test_suspended_partition_stands_still(void **state)
{
	struct hv_timer_message m;
	u64 rest, begin;

	(void)state;
	timed_make();
	begin = timed_now();
	timed_start(0, TO_SINT | PERIODIC, 100);
	timed_pass(40);
	rest = stimer_rest(timed);
	assert_ok(guest_set(timed_id, 0, HV_REGISTER_EXPLICIT_SUSPEND, 1));
	timed_pass(1000000);
	assert_int_equal(timed_now(), begin + 40);
	vp_update(timed);
	assert_false(timed_take(&m));
	assert_int_equal(stimer_rest(timed), rest);
	assert_ok(guest_set(timed_id, 0, HV_REGISTER_EXPLICIT_SUSPEND, 0));
	assert_int_equal(stimer_rest(timed), 60 * TICKS);
	timed_pass(60);
	vp_update(timed);
	timed_take_one(0, begin + 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_shot),
		TEST(test_one_shot_in_the_past),
		TEST(test_periodic),
		TEST(test_none_lost_none_twice),
		TEST(test_lazy),
		TEST(test_auto_enable),
		TEST(test_count_of_zero),
		TEST(test_reserved_bits),
		TEST(test_rest_is_exact),
		TEST(test_counts_without_end),
		TEST(test_end_of_time),
		TEST(test_suspended_partition_stands_still),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
