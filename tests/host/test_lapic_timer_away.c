/*
 * hv/interrupt/lapic_timer.c: what ticks there are of the time in which a VP was away: held by
 * its parent, or between a save and a restore.
 */
#include "hv/interrupt/lapic.h"
#include "include/x86_apic.h"
#include "tests/host/fixture/apic_timer.h"
#include "tests/host/fixture/test.h"

#define VECTOR APIC_TIMER_VECTOR
#define PERIODIC (VECTOR | APIC_TIMER_PERIODIC)
#define DEADLINE (VECTOR | APIC_TIMER_DEADLINE)

static struct vp *vp;
static u64 id;

static void make(u32 lvt)
{
	vp = apic_timer_make(&id, lvt);
}

/* ---- While its parent has it suspended ---- */

static void hold(bool suspend)
{
	assert_ok(guest_set(id, 0, HV_REGISTER_EXPLICIT_SUSPEND, suspend));
}

/* An hour of ticks is one; the beat goes on. */
static void test_ticks_while_suspended_are_one(void **state)
{
	static const u64 away[] = { 1000, 1999, 12345, 7200000000000 };
	u64 begin;

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(away); i++) {
		make(PERIODIC);
		hold(false);
		guest_write_apic(vp, APIC_TIMER_INITIAL, 1000);
		begin = guest_tsc(vp);
		hold(true);
		fake.tsc += away[i];
		hold(true); /* it was already */
		hold(false);
		assert_int_equal(guest_take_ticks(vp, VECTOR), 1);
		fake.tsc += 999 - (guest_tsc(vp) - begin) % 1000;
		assert_int_equal(guest_take_ticks(vp, VECTOR), 0);
		fake.tsc += 1;
		assert_int_equal(guest_take_ticks(vp, VECTOR), 1);
		guest_destroy(id);
	}
}

/* Those of before and of after are all there; without one there is none. */
static void test_ticks_beside_a_suspension(void **state)
{
	(void)state;
	make(PERIODIC);
	hold(false);
	guest_write_apic(vp, APIC_TIMER_INITIAL, 1000);
	fake.tsc += 3500; /* three that it did not get to */
	hold(true);
	fake.tsc += 499;
	hold(false);
	hold(true);
	fake.tsc += 10001; /* eleven */
	hold(false);
	fake.tsc += 2000; /* two */
	assert_int_equal(guest_take_ticks(vp, VECTOR), 3 + 1 + 2);
	hold(true);
	fake.tsc += 10;
	hold(false);
	assert_int_equal(guest_take_ticks(vp, VECTOR), 0);
	/* Each time for itself. */
	for (u32 i = 0; i < 5; i++) {
		hold(true);
		fake.tsc += 5000;
		hold(false);
	}
	assert_int_equal(guest_take_ticks(vp, VECTOR), 5);
}

/* One of that time that got into IRR meanwhile is the one. */
static void test_a_tick_that_was_latched_while_suspended(void **state)
{
	(void)state;
	make(PERIODIC);
	hold(false);
	guest_write_apic(vp, APIC_TIMER_INITIAL, 1000);
	hold(true);
	fake.tsc += 1500;
	lapic_timer_update(vp);
	fake.tsc += 100000;
	hold(false);
	assert_int_equal(guest_take_ticks(vp, VECTOR), 1);
	fake.tsc += 500;
	assert_int_equal(guest_take_ticks(vp, VECTOR), 1);
}

/* The parent sets the TSC, or starts the timer, while it holds the VP. */
static void test_what_a_parent_does_meanwhile(void **state)
{
	(void)state;
	make(PERIODIC);
	hold(false);
	guest_write_apic(vp, APIC_TIMER_INITIAL, 1000);
	fake.tsc += 2100;
	hold(true);
	assert_ok(guest_set(id, 0, HV_REGISTER_TSC, 0xffffffffffffff00));
	fake.tsc += 54321;
	hold(false);
	assert_int_equal(guest_take_ticks(vp, VECTOR), 2 + 1);
	hold(true);
	assert_ok(guest_set(id, 0, 0x84839, 300));
	fake.tsc += 100000;
	hold(false);
	assert_int_equal(guest_take_ticks(vp, VECTOR), 1);
	assert_int_equal(lapic_timer_rest(vp), 300);
}

/* ---- Over save and restore ---- */

static void restored(u64 away)
{
	id = guest_move(id, 40, away);
	vp = guest_partition(id)->vps[0];
}

/* Rounds at every place of the beat: as many ticks as periods of the TSC. */
static void test_periodic_over_rounds(void **state)
{
	u64 seed = 11, begin, count = 0;

	(void)state;
	make(PERIODIC);
	guest_write_apic(vp, APIC_TIMER_INITIAL, 777);
	begin = guest_tsc(vp);
	for (u32 round = 0; round < 1000; round++) {
		fake.tsc += fake_random(&seed) % 2000;
		if (fake_random(&seed) & 1)
			count += guest_take_ticks(vp, VECTOR);
		restored(fake_random(&seed) % 100000);
		if (fake_random(&seed) & 1)
			count += guest_take_ticks(vp, VECTOR);
		lapic_timer_update(vp);
	}
	count += guest_take_ticks(vp, VECTOR);
	assert_int_equal(count, (guest_tsc(vp) - begin) / 777);
	assert_true(count > 1000);
}

/* Suspended for long, saved, restored: no more than on the machine it came from. */
static void test_a_long_suspension_before_a_save(void **state)
{
	(void)state;
	make(PERIODIC);
	hold(false);
	guest_write_apic(vp, APIC_TIMER_INITIAL, 1000);
	fake.tsc += 2500; /* two */
	hold(true);
	fake.tsc += 3600000;
	restored(77777);
	hold(false);
	assert_int_equal(guest_take_ticks(vp, VECTOR), 2 + 1);
	assert_int_equal(lapic_timer_rest(vp), 500);
	/* Held for long where it was restored, and behind the restore. */
	restored(1);
	fake.tsc += 7000000;
	hold(false);
	assert_int_equal(guest_take_ticks(vp, VECTOR), 1);
}

/* Before it is due, when it is due, latched, taken: once in each case. */
static void test_deadline_over_a_round(void **state)
{
	(void)state;
	make(DEADLINE);
	for (u32 place = 0; place < 5; place++) {
		u32 count = 0;

		lapic_timer_set_deadline(vp, guest_tsc(vp) + 100);
		fake.tsc += place == 0 ? 99 : 100;
		if (place == 2)
			lapic_timer_update(vp);
		if (place == 3) {
			lapic_timer_update(vp);
			lapic_accept(vp, VECTOR);
			count++;
		}
		if (place == 4)
			count += guest_take_ticks(vp, VECTOR);
		restored(1000000);
		if (place == 0)
			assert_int_equal(lapic_timer_rest(vp), 1);
		if (place == 3)
			lapic_eoi(vp);
		fake.tsc += 1;
		count += guest_take_ticks(vp, VECTOR);
		assert_int_equal(count, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ticks_while_suspended_are_one),
		TEST(test_ticks_beside_a_suspension),
		TEST(test_a_tick_that_was_latched_while_suspended),
		TEST(test_what_a_parent_does_meanwhile),
		TEST(test_periodic_over_rounds),
		TEST(test_a_long_suspension_before_a_save),
		TEST(test_deadline_over_a_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
