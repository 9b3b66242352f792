/*
 * hv/interrupt/lapic_timer.c: three modes on the guest's TSC; no tick lost, none twice.
 */
#include "hv/interrupt/lapic.h"
#include "hv/run/exit.h"
#include "include/x86_apic.h"
#include "tests/host/fixture/apic_timer.h"
#include "tests/host/fixture/test.h"

#define VECTOR APIC_TIMER_VECTOR
#define ONE_SHOT VECTOR
#define PERIODIC (VECTOR | APIC_TIMER_PERIODIC)
#define DEADLINE (VECTOR | APIC_TIMER_DEADLINE)

static struct vp *vp;
static u64 id;

static void make(u32 lvt)
{
	vp = apic_timer_make(&id, lvt);
}

static void test_one_shot(void **state)
{
	(void)state;
	make(ONE_SHOT);
	assert_int_equal(lapic_timer_rest(vp), LAPIC_NEVER);
	guest_write_apic(vp, APIC_TIMER_INITIAL, 1000);
	assert_int_equal(guest_read_apic(vp, APIC_TIMER_CURRENT), 1000);
	assert_int_equal(lapic_timer_rest(vp), 1000);
	fake.tsc += 999;
	assert_int_equal(guest_take_ticks(vp, VECTOR), 0);
	assert_int_equal(guest_read_apic(vp, APIC_TIMER_CURRENT), 1);
	fake.tsc += 1;
	assert_int_equal(lapic_timer_rest(vp), 0);
	assert_int_equal(guest_take_ticks(vp, VECTOR), 1);
	assert_int_equal(guest_read_apic(vp, APIC_TIMER_CURRENT), 0);
	assert_int_equal(lapic_timer_rest(vp), LAPIC_NEVER);
	fake.tsc += 5000;
	assert_int_equal(guest_take_ticks(vp, VECTOR), 0);
	guest_write_apic(vp, APIC_TIMER_INITIAL, 10);
	guest_write_apic(vp, APIC_TIMER_INITIAL, 0); /* stops it */
	fake.tsc += 10;
	assert_int_equal(guest_take_ticks(vp, VECTOR), 0);
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
		guest_write_apic(vp, APIC_TIMER_DIVIDE, rows[i].value);
		guest_write_apic(vp, APIC_TIMER_INITIAL, 100);
		assert_int_equal(lapic_timer_rest(vp), 100 * rows[i].by);
		fake.tsc += 50 * rows[i].by;
		assert_int_equal(guest_read_apic(vp, APIC_TIMER_CURRENT), 50);
		/* What is left is as many counts of another length. */
		guest_write_apic(vp, APIC_TIMER_DIVIDE, LAPIC_DIVIDE_BY_1);
		assert_int_equal(guest_read_apic(vp, APIC_TIMER_CURRENT), 50);
		assert_int_equal(lapic_timer_rest(vp), 50);
	}
}

static void test_periodic(void **state)
{
	(void)state;
	make(PERIODIC);
	guest_write_apic(vp, APIC_TIMER_INITIAL, 1000);
	for (u32 i = 0; i < 100; i++) {
		fake.tsc += 400;
		assert_int_equal(guest_read_apic(vp, APIC_TIMER_CURRENT), 600);
		assert_int_equal(guest_take_ticks(vp, VECTOR), 0);
		fake.tsc += 600;
		assert_int_equal(guest_take_ticks(vp, VECTOR), 1);
	}
	/* Away for long: every tick comes, one behind the other. */
	fake.tsc += 123456;
	assert_int_equal(guest_read_apic(vp, APIC_TIMER_CURRENT), 544);
	assert_int_equal(guest_take_ticks(vp, VECTOR), 123);
	fake.tsc += 543;
	assert_int_equal(guest_take_ticks(vp, VECTOR), 0);
	fake.tsc += 1;
	assert_int_equal(guest_take_ticks(vp, VECTOR), 1);
}

/* While one tick waits in IRR the next is kept, and nobody is woken for it. */
static void test_tick_waits_for_the_one_before(void **state)
{
	(void)state;
	make(PERIODIC);
	guest_write_apic(vp, APIC_TIMER_INITIAL, 1000);
	fake.tsc += 2500;
	lapic_timer_update(vp);
	lapic_timer_update(vp);
	assert_int_equal(lapic_timer_rest(vp), LAPIC_NEVER);
	lapic_accept(vp, VECTOR); /* IRR is free: the second is there */
	assert_int_equal(guest_read_apic(vp, 0x826) >> 17 & 1, 1);
	assert_int_equal(lapic_timer_rest(vp), 500);
	lapic_eoi(vp);
	assert_int_equal(guest_take_ticks(vp, VECTOR), 1);
}

/* Ticks while masked are nobody's, but the timer keeps its beat. */
static void test_masked(void **state)
{
	(void)state;
	make(PERIODIC);
	guest_write_apic(vp, APIC_TIMER_INITIAL, 1000);
	guest_write_apic(vp, APIC_TIMER_LVT, PERIODIC | LAPIC_LVT_MASKED);
	assert_int_equal(lapic_timer_rest(vp), LAPIC_NEVER);
	fake.tsc += 3300;
	guest_write_apic(vp, APIC_TIMER_LVT, PERIODIC);
	assert_int_equal(guest_take_ticks(vp, VECTOR), 0);
	assert_int_equal(lapic_timer_rest(vp), 700);
	fake.tsc += 700;
	assert_int_equal(guest_take_ticks(vp, VECTOR), 1);
	guest_write_apic(vp, APIC_TIMER_LVT, ONE_SHOT | LAPIC_LVT_MASKED);
	guest_write_apic(vp, APIC_TIMER_INITIAL, 50);
	fake.tsc += 50;
	guest_write_apic(vp, APIC_TIMER_LVT, ONE_SHOT);
	assert_int_equal(guest_take_ticks(vp, VECTOR), 0);
	assert_int_equal(guest_read_apic(vp, APIC_TIMER_CURRENT), 0);
}

/*
 * A tick that cannot get into IRR wakes nobody: it would do so at once again,
 * for ever when the period is short. Its vector is an error, once.
 */
static void test_ticks_that_nobody_can_take(void **state)
{
	(void)state;
	make(PERIODIC);
	guest_write_apic(vp, APIC_TIMER_LVT, 5 | 1u << 17);
	guest_write_apic(vp, APIC_TIMER_INITIAL, 1);
	fake.tsc += 1000000;
	assert_int_equal(lapic_timer_rest(vp), LAPIC_NEVER);
	lapic_timer_update(vp);
	assert_int_equal(vp->lapic.errors, LAPIC_ESR_RECEIVE_ILLEGAL);
	assert_true(vp->lapic.timer_due > guest_tsc(vp));
	guest_write_apic(vp, APIC_TIMER_LVT, PERIODIC);
	fake.tsc += 1;
	assert_int_equal(lapic_timer_rest(vp), 0);
	/* Off by software and not masked: only a stream can make that. */
	*vp_apic_register(vp, LAPIC_SVR) = 0xff;
	assert_int_equal(lapic_timer_rest(vp), LAPIC_NEVER);
	lapic_timer_update(vp);
	assert_int_equal(lapic_pending(vp), 0);
	assert_true(vp->lapic.timer_due > guest_tsc(vp));
}

static void test_between_modes(void **state)
{
	(void)state;
	make(PERIODIC);
	guest_write_apic(vp, APIC_TIMER_INITIAL, 1000);
	guest_write_apic(vp, APIC_TIMER_LVT, ONE_SHOT); /* goes on, and ends */
	fake.tsc += 3000;
	assert_int_equal(guest_take_ticks(vp, VECTOR), 1);
	guest_write_apic(vp, APIC_TIMER_INITIAL, 1000);
	guest_write_apic(vp, APIC_TIMER_LVT, DEADLINE); /* stops */
	assert_int_equal(guest_read_apic(vp, APIC_TIMER_CURRENT), 0);
	assert_int_equal(lapic_timer_deadline(vp), 0);
	lapic_timer_set_deadline(vp, guest_tsc(vp) + 10);
	guest_write_apic(vp, APIC_TIMER_LVT, DEADLINE | LAPIC_LVT_MASKED);
	assert_int_not_equal(lapic_timer_deadline(vp), 0);
	guest_write_apic(vp, APIC_TIMER_LVT, ONE_SHOT); /* stops, too */
	fake.tsc += 5000;
	assert_int_equal(guest_take_ticks(vp, VECTOR), 0);
	guest_write_apic(vp, APIC_TIMER_LVT, DEADLINE);
	guest_write_apic(vp, APIC_TIMER_INITIAL,
	                 7); /* has no effect in this mode */
	guest_write_apic(vp, APIC_TIMER_LVT,
	                 VECTOR | 3u << 17); /* reserved: nothing runs */
	lapic_timer_set_deadline(vp, 1);
	fake.tsc += 5000;
	assert_int_equal(guest_take_ticks(vp, VECTOR), 0);
}

static void test_deadline(void **state)
{
	(void)state;
	make(DEADLINE);
	fake.tsc += 100000;
	lapic_timer_set_deadline(vp, guest_tsc(vp) + 500);
	assert_int_equal(lapic_timer_deadline(vp), guest_tsc(vp) + 500);
	fake.tsc += 499;
	assert_int_equal(guest_take_ticks(vp, VECTOR), 0);
	fake.tsc += 1;
	assert_int_equal(guest_take_ticks(vp, VECTOR), 1);
	assert_int_equal(lapic_timer_deadline(vp), 0);
	lapic_timer_set_deadline(vp, 1); /* in the past: at once */
	assert_int_equal(guest_take_ticks(vp, VECTOR), 1);
	assert_int_equal(guest_take_ticks(vp, VECTOR), 0);
	lapic_timer_set_deadline(vp, guest_tsc(vp) + 5);
	lapic_timer_set_deadline(vp, 0);
	fake.tsc += 5;
	assert_int_equal(guest_take_ticks(vp, VECTOR), 0);
	lapic_timer_set_deadline(vp, ~0ull); /* never, as far as we live */
	assert_int_equal(guest_take_ticks(vp, VECTOR), 0);
	assert_int_equal(lapic_timer_rest(vp), ~0ull - guest_tsc(vp));
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
	guest_write_apic(vp, APIC_TIMER_LVT, ONE_SHOT);
	assert_int_equal(exit_wrmsr(vp, 2), EXIT_SKIP);
	assert_int_equal(exit_rdmsr(vp, 2), EXIT_SKIP);
	assert_int_equal(s->gpr[VP_RAX], 0);
}

/* The TSC is set: counts do not notice, a deadline is a value of it. */
static void test_tsc_is_set(void **state)
{
	(void)state;
	make(ONE_SHOT);
	guest_write_apic(vp, APIC_TIMER_INITIAL, 1000);
	assert_ok(guest_set(id, 0, HV_REGISTER_TSC, 0xffffffffffffff00));
	assert_int_equal(guest_read_apic(vp, APIC_TIMER_CURRENT), 1000);
	fake.tsc += 900; /* over 2^64 */
	assert_int_equal(guest_take_ticks(vp, VECTOR), 0);
	assert_int_equal(guest_read_apic(vp, APIC_TIMER_CURRENT), 100);
	fake.tsc += 100;
	assert_int_equal(guest_take_ticks(vp, VECTOR), 1);
	guest_write_apic(vp, APIC_TIMER_LVT, DEADLINE);
	assert_ok(guest_set(id, 0, HV_REGISTER_TSC, 1000));
	lapic_timer_set_deadline(vp, 2000);
	assert_ok(guest_set(id, 0, HV_REGISTER_TSC, 1999));
	assert_int_equal(guest_take_ticks(vp, VECTOR), 0);
	fake.tsc += 1;
	assert_int_equal(guest_take_ticks(vp, VECTOR), 1);
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
	assert_int_equal(guest_take_ticks(vp, VECTOR), 1);
	assert_int_equal(lapic_timer_rest(vp), 1000);
}

/* SDM 10.5.4.1: writes of the initial count are ignored, it reads as before. */
static void test_initial_count_in_deadline_mode(void **state)
{
	(void)state;
	make(ONE_SHOT);
	guest_write_apic(vp, APIC_TIMER_INITIAL, 1000);
	guest_write_apic(vp, APIC_TIMER_LVT, DEADLINE);
	guest_write_apic(vp, APIC_TIMER_INITIAL, 7);
	assert_int_equal(guest_read_apic(vp, APIC_TIMER_INITIAL), 1000);
	assert_int_equal(guest_read_apic(vp, APIC_TIMER_CURRENT), 0);
	guest_write_apic(vp, APIC_TIMER_INITIAL, 0);
	assert_int_equal(guest_read_apic(vp, APIC_TIMER_INITIAL), 1000);
	guest_write_apic(vp, APIC_TIMER_LVT, DEADLINE | LAPIC_LVT_MASKED);
	guest_write_apic(vp, APIC_TIMER_INITIAL, 9);
	assert_int_equal(guest_read_apic(vp, APIC_TIMER_INITIAL), 1000);
	lapic_timer_set_deadline(vp, guest_tsc(vp) + 50);
	guest_write_apic(vp, APIC_TIMER_INITIAL, 3);
	assert_int_equal(lapic_timer_deadline(vp), guest_tsc(vp) + 50);
	guest_write_apic(vp, APIC_TIMER_LVT, PERIODIC);
	guest_write_apic(vp, APIC_TIMER_INITIAL, 20);
	assert_int_equal(guest_read_apic(vp, APIC_TIMER_INITIAL), 20);
	fake.tsc += 20;
	assert_int_equal(guest_take_ticks(vp, VECTOR), 1);
	/* And in the page. */
	guest_destroy(id);
	id = guest_child(40, 1);
	vp = guest_partition(id)->vps[0];
	lapic_write_page(vp, LAPIC_SVR, 0x1ff);
	lapic_write_page(vp, LAPIC_LVT_TIMER, DEADLINE);
	lapic_write_page(vp, LAPIC_INITIAL_COUNT, 5);
	assert_int_equal(lapic_read_page(vp, LAPIC_INITIAL_COUNT), 0);
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
