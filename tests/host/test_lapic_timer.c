/*
 * hv/interrupt/lapic_timer.c: three modes on the guest's TSC; no tick lost, none twice.
 */
#include "hv/interrupt/lapic.h"
#include "hv/run/exit.h"
#include "hv/vp/partition.h"
#include "include/x86_apic.h"
#include "tests/host/fake_test.h"

#define VECTOR 0xd1u
#define ONE_SHOT VECTOR
#define PERIODIC (VECTOR | 1u << 17)
#define DEADLINE (VECTOR | 2u << 17)

enum { LVT = 0x832, INITIAL = 0x838, CURRENT = 0x839, DIVIDE = 0x83e };

static struct vp *vp;
static u64 id;

static void put(u32 msr, u64 value)
{
	assert_true(lapic_write_msr(vp, msr, value));
}

static u64 get(u32 msr)
{
	u64 value;

	assert_true(lapic_read_msr(vp, msr, &value));
	return value;
}

static void make(u32 lvt)
{
	id = guest_child(40, 1);
	vp = guest_partition(id)->vps[0];
	assert_true(lapic_write_base(vp, 0xfee00d00));
	put(0x80f, 0x1ff);
	put(DIVIDE, LAPIC_DIVIDE_BY_1);
	put(LVT, lvt);
}

/* The processor takes what is there and ends it; how many there were. */
static u32 ticks(void)
{
	u32 n = 0;

	for (lapic_timer_update(vp); lapic_pending(vp) == VECTOR; n++) {
		lapic_accept(vp, VECTOR);
		lapic_eoi(vp);
		lapic_timer_update(vp);
	}
	return n;
}

static u64 guest_tsc(void)
{
	return fake.tsc + vp->state.tsc_offset;
}

static void test_one_shot(void **state)
{
	(void)state;
	make(ONE_SHOT);
	assert_int_equal(lapic_timer_rest(vp), LAPIC_NEVER);
	put(INITIAL, 1000);
	assert_int_equal(get(CURRENT), 1000);
	assert_int_equal(lapic_timer_rest(vp), 1000);
	fake.tsc += 999;
	assert_int_equal(ticks(), 0);
	assert_int_equal(get(CURRENT), 1);
	fake.tsc += 1;
	assert_int_equal(lapic_timer_rest(vp), 0);
	assert_int_equal(ticks(), 1);
	assert_int_equal(get(CURRENT), 0);
	assert_int_equal(lapic_timer_rest(vp), LAPIC_NEVER);
	fake.tsc += 5000;
	assert_int_equal(ticks(), 0);
	put(INITIAL, 10);
	put(INITIAL, 0); /* stops it */
	fake.tsc += 10;
	assert_int_equal(ticks(), 0);
}

/* SDM 10.5.4: the eight values of the divide register. */
static void test_divide(void **state)
{
	static const struct {
		u32 value, by;
	} rows[] = { { 0, 2 },  { 1, 4 },  { 2, 8 },    { 3, 16 },
		     { 8, 32 }, { 9, 64 }, { 10, 128 }, { 11, 1 } };

	(void)state;
	make(ONE_SHOT);
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		put(DIVIDE, rows[i].value);
		put(INITIAL, 100);
		assert_int_equal(lapic_timer_rest(vp), 100 * rows[i].by);
		fake.tsc += 50 * rows[i].by;
		assert_int_equal(get(CURRENT), 50);
		/* What is left is as many counts of another length. */
		put(DIVIDE, LAPIC_DIVIDE_BY_1);
		assert_int_equal(get(CURRENT), 50);
		assert_int_equal(lapic_timer_rest(vp), 50);
	}
}

static void test_periodic(void **state)
{
	(void)state;
	make(PERIODIC);
	put(INITIAL, 1000);
	for (u32 i = 0; i < 100; i++) {
		fake.tsc += 400;
		assert_int_equal(get(CURRENT), 600);
		assert_int_equal(ticks(), 0);
		fake.tsc += 600;
		assert_int_equal(ticks(), 1);
	}
	/* Away for long: every tick comes, one behind the other. */
	fake.tsc += 123456;
	assert_int_equal(get(CURRENT), 544);
	assert_int_equal(ticks(), 123);
	fake.tsc += 543;
	assert_int_equal(ticks(), 0);
	fake.tsc += 1;
	assert_int_equal(ticks(), 1);
}

/* While one tick waits in IRR the next is kept, and nobody is woken for it. */
static void test_tick_waits_for_the_one_before(void **state)
{
	(void)state;
	make(PERIODIC);
	put(INITIAL, 1000);
	fake.tsc += 2500;
	lapic_timer_update(vp);
	lapic_timer_update(vp);
	assert_int_equal(lapic_timer_rest(vp), LAPIC_NEVER);
	lapic_accept(vp, VECTOR); /* IRR is free: the second is there */
	assert_int_equal(get(0x826) >> 17 & 1, 1);
	assert_int_equal(lapic_timer_rest(vp), 500);
	lapic_eoi(vp);
	assert_int_equal(ticks(), 1);
}

/* Ticks while masked are nobody's, but the timer keeps its beat. */
static void test_masked(void **state)
{
	(void)state;
	make(PERIODIC);
	put(INITIAL, 1000);
	put(LVT, PERIODIC | LAPIC_LVT_MASKED);
	assert_int_equal(lapic_timer_rest(vp), LAPIC_NEVER);
	fake.tsc += 3300;
	put(LVT, PERIODIC);
	assert_int_equal(ticks(), 0);
	assert_int_equal(lapic_timer_rest(vp), 700);
	fake.tsc += 700;
	assert_int_equal(ticks(), 1);
	put(LVT, ONE_SHOT | LAPIC_LVT_MASKED);
	put(INITIAL, 50);
	fake.tsc += 50;
	put(LVT, ONE_SHOT);
	assert_int_equal(ticks(), 0);
	assert_int_equal(get(CURRENT), 0);
}

/*
 * A tick that cannot get into IRR wakes nobody: it would do so at once again,
 * for ever when the period is short. Its vector is an error, once.
 */
static void test_ticks_that_nobody_can_take(void **state)
{
	(void)state;
	make(PERIODIC);
	put(LVT, 5 | 1u << 17);
	put(INITIAL, 1);
	fake.tsc += 1000000;
	assert_int_equal(lapic_timer_rest(vp), LAPIC_NEVER);
	lapic_timer_update(vp);
	assert_int_equal(vp->lapic.errors, LAPIC_ESR_RECEIVE_ILLEGAL);
	assert_true(vp->lapic.timer_due > guest_tsc());
	put(LVT, PERIODIC);
	fake.tsc += 1;
	assert_int_equal(lapic_timer_rest(vp), 0);
	/* Off by software and not masked: only a stream can make that. */
	*vp_apic_register(vp, LAPIC_SVR) = 0xff;
	assert_int_equal(lapic_timer_rest(vp), LAPIC_NEVER);
	lapic_timer_update(vp);
	assert_int_equal(lapic_pending(vp), 0);
	assert_true(vp->lapic.timer_due > guest_tsc());
}

static void test_between_modes(void **state)
{
	(void)state;
	make(PERIODIC);
	put(INITIAL, 1000);
	put(LVT, ONE_SHOT); /* goes on, and ends */
	fake.tsc += 3000;
	assert_int_equal(ticks(), 1);
	put(INITIAL, 1000);
	put(LVT, DEADLINE); /* stops */
	assert_int_equal(get(CURRENT), 0);
	assert_int_equal(lapic_timer_deadline(vp), 0);
	lapic_timer_set_deadline(vp, guest_tsc() + 10);
	put(LVT, DEADLINE | LAPIC_LVT_MASKED);
	assert_int_not_equal(lapic_timer_deadline(vp), 0);
	put(LVT, ONE_SHOT); /* stops, too */
	fake.tsc += 5000;
	assert_int_equal(ticks(), 0);
	put(LVT, DEADLINE);
	put(INITIAL, 7);             /* has no effect in this mode */
	put(LVT, VECTOR | 3u << 17); /* reserved: nothing runs */
	lapic_timer_set_deadline(vp, 1);
	fake.tsc += 5000;
	assert_int_equal(ticks(), 0);
}

static void test_deadline(void **state)
{
	(void)state;
	make(DEADLINE);
	fake.tsc += 100000;
	lapic_timer_set_deadline(vp, guest_tsc() + 500);
	assert_int_equal(lapic_timer_deadline(vp), guest_tsc() + 500);
	fake.tsc += 499;
	assert_int_equal(ticks(), 0);
	fake.tsc += 1;
	assert_int_equal(ticks(), 1);
	assert_int_equal(lapic_timer_deadline(vp), 0);
	lapic_timer_set_deadline(vp, 1); /* in the past: at once */
	assert_int_equal(ticks(), 1);
	assert_int_equal(ticks(), 0);
	lapic_timer_set_deadline(vp, guest_tsc() + 5);
	lapic_timer_set_deadline(vp, 0);
	fake.tsc += 5;
	assert_int_equal(ticks(), 0);
	lapic_timer_set_deadline(vp, ~0ull); /* never, as far as we live */
	assert_int_equal(ticks(), 0);
	assert_int_equal(lapic_timer_rest(vp), ~0ull - guest_tsc());
}

/* Through the exits: MSR 0x6e0 is there in every mode, and 0 out of its own. */
static void test_deadline_msr(void **state)
{
	struct vp_state *s;

	(void)state;
	make(DEADLINE);
	s = vp_state_write(vp);
	s->gpr[VP_RCX] = 0x6e0;
	s->gpr[VP_RAX] = 0x89abcdef;
	s->gpr[VP_RDX] = 0x01234567;
	assert_int_equal(exit_wrmsr(vp, 2), EXIT_SKIP);
	s->gpr[VP_RAX] = s->gpr[VP_RDX] = 0;
	assert_int_equal(exit_rdmsr(vp, 2), EXIT_SKIP);
	assert_int_equal(s->gpr[VP_RAX], 0x89abcdef);
	assert_int_equal(s->gpr[VP_RDX], 0x01234567);
	put(LVT, ONE_SHOT);
	assert_int_equal(exit_wrmsr(vp, 2), EXIT_SKIP);
	assert_int_equal(exit_rdmsr(vp, 2), EXIT_SKIP);
	assert_int_equal(s->gpr[VP_RAX], 0);
}

/* The TSC is set: counts do not notice, a deadline is a value of it. */
static void test_tsc_is_set(void **state)
{
	(void)state;
	make(ONE_SHOT);
	put(INITIAL, 1000);
	assert_ok(guest_set(id, 0, HV_REGISTER_TSC, 0xffffffffffffff00));
	assert_int_equal(get(CURRENT), 1000);
	fake.tsc += 900; /* over 2^64 */
	assert_int_equal(ticks(), 0);
	assert_int_equal(get(CURRENT), 100);
	fake.tsc += 100;
	assert_int_equal(ticks(), 1);
	put(LVT, DEADLINE);
	assert_ok(guest_set(id, 0, HV_REGISTER_TSC, 1000));
	lapic_timer_set_deadline(vp, 2000);
	assert_ok(guest_set(id, 0, HV_REGISTER_TSC, 1999));
	assert_int_equal(ticks(), 0);
	fake.tsc += 1;
	assert_int_equal(ticks(), 1);
}

/* By the parent: initial count is stored, setting the current count arms. */
static void test_set_by_name(void **state)
{
	(void)state;
	make(PERIODIC);
	assert_ok(guest_set(id, 0, 0x84838, 1000));
	assert_int_equal(lapic_timer_rest(vp), LAPIC_NEVER);
	assert_ok(guest_set(id, 0, 0x84839, 300));
	assert_int_equal(guest_get64(id, 0, 0x84839), 300);
	fake.tsc += 300;
	assert_int_equal(ticks(), 1);
	assert_int_equal(lapic_timer_rest(vp), 1000);
}

/* SDM 10.5.4.1: writes of the initial count are ignored, it reads as before. */
static void test_initial_count_in_deadline_mode(void **state)
{
	(void)state;
	make(ONE_SHOT);
	put(INITIAL, 1000);
	put(LVT, DEADLINE);
	put(INITIAL, 7);
	assert_int_equal(get(INITIAL), 1000);
	assert_int_equal(get(CURRENT), 0);
	put(INITIAL, 0);
	assert_int_equal(get(INITIAL), 1000);
	put(LVT, DEADLINE | LAPIC_LVT_MASKED);
	put(INITIAL, 9);
	assert_int_equal(get(INITIAL), 1000);
	lapic_timer_set_deadline(vp, guest_tsc() + 50);
	put(INITIAL, 3);
	assert_int_equal(lapic_timer_deadline(vp), guest_tsc() + 50);
	put(LVT, PERIODIC);
	put(INITIAL, 20);
	assert_int_equal(get(INITIAL), 20);
	fake.tsc += 20;
	assert_int_equal(ticks(), 1);
	/* And in the page. */
	guest_destroy(id);
	id = guest_child(40, 1);
	vp = guest_partition(id)->vps[0];
	lapic_write_page(vp, LAPIC_SVR, 0x1ff);
	lapic_write_page(vp, LAPIC_LVT_TIMER, DEADLINE);
	lapic_write_page(vp, LAPIC_INITIAL_COUNT, 5);
	assert_int_equal(lapic_read_page(vp, LAPIC_INITIAL_COUNT), 0);
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
		put(INITIAL, 1000);
		begin = guest_tsc();
		hold(true);
		fake.tsc += away[i];
		hold(true); /* it was already */
		hold(false);
		assert_int_equal(ticks(), 1);
		fake.tsc += 999 - (guest_tsc() - begin) % 1000;
		assert_int_equal(ticks(), 0);
		fake.tsc += 1;
		assert_int_equal(ticks(), 1);
		guest_destroy(id);
	}
}

/* Those of before and of after are all there; without one there is none. */
static void test_ticks_beside_a_suspension(void **state)
{
	(void)state;
	make(PERIODIC);
	hold(false);
	put(INITIAL, 1000);
	fake.tsc += 3500; /* three that it did not get to */
	hold(true);
	fake.tsc += 499;
	hold(false);
	hold(true);
	fake.tsc += 10001; /* eleven */
	hold(false);
	fake.tsc += 2000; /* two */
	assert_int_equal(ticks(), 3 + 1 + 2);
	hold(true);
	fake.tsc += 10;
	hold(false);
	assert_int_equal(ticks(), 0);
	/* Each time for itself. */
	for (u32 i = 0; i < 5; i++) {
		hold(true);
		fake.tsc += 5000;
		hold(false);
	}
	assert_int_equal(ticks(), 5);
}

/* One of that time that got into IRR meanwhile is the one. */
static void test_a_tick_that_was_latched_while_suspended(void **state)
{
	(void)state;
	make(PERIODIC);
	hold(false);
	put(INITIAL, 1000);
	hold(true);
	fake.tsc += 1500;
	lapic_timer_update(vp);
	fake.tsc += 100000;
	hold(false);
	assert_int_equal(ticks(), 1);
	fake.tsc += 500;
	assert_int_equal(ticks(), 1);
}

/* The parent sets the TSC, or starts the timer, while it holds the VP. */
static void test_what_a_parent_does_meanwhile(void **state)
{
	(void)state;
	make(PERIODIC);
	hold(false);
	put(INITIAL, 1000);
	fake.tsc += 2100;
	hold(true);
	assert_ok(guest_set(id, 0, HV_REGISTER_TSC, 0xffffffffffffff00));
	fake.tsc += 54321;
	hold(false);
	assert_int_equal(ticks(), 2 + 1);
	hold(true);
	assert_ok(guest_set(id, 0, 0x84839, 300));
	fake.tsc += 100000;
	hold(false);
	assert_int_equal(ticks(), 1);
	assert_int_equal(lapic_timer_rest(vp), 300);
}

/* ---- Over save and restore ---- */

static void restored(u64 away)
{
	struct guest_stream s = { .data = NULL };
	u32 result;

	assert_ok(guest_set(id, 0, HV_REGISTER_EXPLICIT_SUSPEND, 1));
	assert_ok(guest_save(id, 0, &s, &result));
	assert_int_equal(result, HV_STATE_COMPLETE);
	guest_destroy(id);
	fake.tsc += away;
	id = guest_child(40, 1);
	assert_ok(guest_restore(id, 0, &s, 4080, &result));
	assert_int_equal(result, HV_STATE_COMPLETE);
	vp = guest_partition(id)->vps[0];
	guest_stream_free(&s);
}

/* Rounds at every place of the beat: as many ticks as periods of the TSC. */
static void test_periodic_over_rounds(void **state)
{
	u64 seed = 11, begin, count = 0;

	(void)state;
	make(PERIODIC);
	put(INITIAL, 777);
	begin = guest_tsc();
	for (u32 round = 0; round < 1000; round++) {
		fake.tsc += fake_random(&seed) % 2000;
		if (fake_random(&seed) & 1)
			count += ticks();
		restored(fake_random(&seed) % 100000);
		if (fake_random(&seed) & 1)
			count += ticks();
		lapic_timer_update(vp);
	}
	count += ticks();
	assert_int_equal(count, (guest_tsc() - begin) / 777);
	assert_true(count > 1000);
}

/* Suspended for long, saved, restored: no more than on the machine it came from. */
static void test_a_long_suspension_before_a_save(void **state)
{
	(void)state;
	make(PERIODIC);
	hold(false);
	put(INITIAL, 1000);
	fake.tsc += 2500; /* two */
	hold(true);
	fake.tsc += 3600000;
	restored(77777);
	hold(false);
	assert_int_equal(ticks(), 2 + 1);
	assert_int_equal(lapic_timer_rest(vp), 500);
	/* Held for long where it was restored, and behind the restore. */
	restored(1);
	fake.tsc += 7000000;
	hold(false);
	assert_int_equal(ticks(), 1);
}

/* Before it is due, when it is due, latched, taken: once in each case. */
static void test_deadline_over_a_round(void **state)
{
	(void)state;
	make(DEADLINE);
	for (u32 place = 0; place < 5; place++) {
		u32 count = 0;

		lapic_timer_set_deadline(vp, guest_tsc() + 100);
		fake.tsc += place == 0 ? 99 : 100;
		if (place == 2)
			lapic_timer_update(vp);
		if (place == 3) {
			lapic_timer_update(vp);
			lapic_accept(vp, VECTOR);
			count++;
		}
		if (place == 4)
			count += ticks();
		restored(1000000);
		if (place == 0)
			assert_int_equal(lapic_timer_rest(vp), 1);
		if (place == 3)
			lapic_eoi(vp);
		fake.tsc += 1;
		count += ticks();
		assert_int_equal(count, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_shot),
		TEST(test_divide),
		TEST(test_periodic),
		TEST(test_tick_waits_for_the_one_before),
		TEST(test_masked),
		TEST(test_ticks_that_nobody_can_take),
		TEST(test_between_modes),
		TEST(test_deadline),
		TEST(test_deadline_msr),
		TEST(test_tsc_is_set),
		TEST(test_set_by_name),
		TEST(test_initial_count_in_deadline_mode),
		TEST(test_ticks_while_suspended_are_one),
		TEST(test_ticks_beside_a_suspension),
		TEST(test_a_tick_that_was_latched_while_suspended),
		TEST(test_what_a_parent_does_meanwhile),
		TEST(test_a_long_suspension_before_a_save),
		TEST(test_periodic_over_rounds),
		TEST(test_deadline_over_a_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
