/*
 * hv/interrupt/stimer.c: where an expired timer goes, to a slot of the SIM page or as an interrupt,
 * and who waits for whom.
 */
#include "hv/interrupt/lapic.h"
#include "hv/interrupt/stimer.h"
#include "hv/interrupt/synic.h"
#include "hv/run/sched.h"
#include "hv/run/vp_run.h"
#include "include/x86_apic.h"
#include "tests/host/fixture/stimer.h"
#include "tests/host/fixture/test.h"

#define TICKS TIMED_TICKS
#define SINT TIMED_SINT
#define VECTOR TIMED_VECTOR
#define DIRECT_VECTOR TIMED_DIRECT_VECTOR
#define ENABLE HV_STIMER_ENABLE
#define PERIODIC HV_STIMER_PERIODIC
#define AUTO HV_STIMER_AUTO_ENABLE
#define TO_SINT TIMED_TO_SINT
#define DIRECT TIMED_DIRECT

/* The slot is taken: the message waits, the guest is asked for an EOM. */
static void test_slot_taken(void **state)
{
	u64 begin;

	(void)state;
	timed_make();
	begin = timed_now();
	timed_start(0, TO_SINT | PERIODIC, 100);
	timed_pass(100);
	vp_update(timed);
	assert_int_equal(timed_slot(SINT)->flags, 0);
	timed_pass(100);
	vp_update(timed);
	assert_int_equal(timed_slot(SINT)->flags, HV_MESSAGE_FLAG_PENDING);
	assert_int_equal(stimer_sints(timed), BIT(SINT));

	/* Nobody is to be woken for what waits for the guest. */
	assert_int_equal(stimer_rest(timed), LAPIC_NEVER);
	timed_take_interrupt(VECTOR);
	timed_put(HV_MSR_EOM, 0); /* too early: it is still taken */
	assert_false(timed_irr(VECTOR));
	timed_take_one(0, begin + 100);
	assert_true(timed_irr(VECTOR));
	assert_int_equal(stimer_sints(timed), 0);
	assert_int_equal(stimer_rest(timed), 100 * TICKS);
	timed_take_one(0, begin + 200);
}

/* SINT0 is not for timers; in direct mode no SINT is looked at. */
static void test_sint_zero(void **state)
{
	(void)state;
	timed_make();
	timed_pass(10);
	timed_put(HV_MSR_SINT0, VECTOR);
	timed_start(0, 0, 1);
	assert_int_equal(timed_get(timed_config(0)), 0);
	timed_put(timed_config(0), AUTO);
	timed_put(timed_config(0) + 1, 1);
	assert_int_equal(timed_get(timed_config(0)), AUTO);
	assert_int_equal(timed_slot(0)->type, HV_MESSAGE_NONE);
	timed_start(0, DIRECT, 1);
	assert_true(timed_irr(DIRECT_VECTOR));
	assert_int_equal(timed_slot(0)->type, HV_MESSAGE_NONE);
}

static void test_direct(void **state)
{
	u32 n = 0;

	(void)state;
	timed_make();
	assert_false(stimer_watches_apic(timed));
	timed_put(HV_MSR_SCONTROL, 0); /* it does without a SynIC */
	timed_start(2, DIRECT | PERIODIC, 100);
	assert_true(stimer_watches_apic(timed));
	timed_pass(99);
	vp_update(timed);
	assert_false(timed_irr(DIRECT_VECTOR));
	/* Four ticks: the next comes when the one before was taken. */
	for (timed_pass(301); vp_update(timed), timed_irr(DIRECT_VECTOR); n++) {
		vp_update(timed);
		if (n < 3)
			assert_int_equal(stimer_rest(timed), LAPIC_NEVER);
		lapic_accept(timed, DIRECT_VECTOR);
		assert_int_equal(timed_irr(DIRECT_VECTOR), n < 3);
		lapic_eoi(timed);
	}
	assert_int_equal(n, 4);
	timed_put(timed_config(2), DIRECT);
	assert_false(stimer_watches_apic(timed));
	timed_start(2, DIRECT, timed_now() + 5);
	assert_true(stimer_watches_apic(timed));
	timed_pass(5);
	vp_update(timed);
	timed_take_interrupt(DIRECT_VECTOR);
	assert_int_equal(timed_get(timed_config(2)), DIRECT);
	assert_false(stimer_watches_apic(timed));
}

/* An APIC that is off takes none: nobody is woken, the beat is kept. */
static void test_direct_without_apic(void **state)
{
	(void)state;
	timed_make();
	lapic_write_page(timed, LAPIC_SVR, 0xff);
	timed_start(2, DIRECT | PERIODIC, 100);
	assert_int_equal(stimer_rest(timed), LAPIC_NEVER);
	timed_pass(1030);
	vp_update(timed);
	assert_false(timed_irr(DIRECT_VECTOR));
	lapic_write_page(timed, LAPIC_SVR, 0x1ff);
	vp_update(timed);
	assert_false(timed_irr(DIRECT_VECTOR));
	assert_int_equal(stimer_rest(timed), 70 * TICKS);
	timed_pass(70);
	vp_update(timed);
	timed_take_interrupt(DIRECT_VECTOR);
	/* A message is none of the APIC's business. */
	lapic_write_page(timed, LAPIC_SVR, 0xff);
	timed_start(0, TO_SINT, timed_now() + 10);
	assert_int_equal(stimer_rest(timed), 10 * TICKS);
}

/* Where no message can go it waits, until it can. */
static void test_masked_sint(void **state)
{
	static const struct {
		u32 msr;
		u64 closed, open;
	} rows[] = {
		{ HV_MSR_SINT0 + SINT, VECTOR | HV_SINT_MASKED, VECTOR },
		{ HV_MSR_SCONTROL, 0, 1 },
		{ HV_MSR_SIMP, TIMED_SIM_GPN << PAGE_SHIFT,
		  TIMED_SIM_GPN << PAGE_SHIFT | 1 },
	};

	(void)state;
	timed_make();
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		u64 due = timed_now() + 10;

		timed_put(rows[i].msr, rows[i].closed);
		timed_start(i, TO_SINT, due);
		timed_pass(20);
		vp_update(timed);
		vp_update(timed);
		assert_int_equal(stimer_sints(timed), BIT(SINT));
		assert_int_equal(timed_get(timed_config(i)) & ENABLE, 0);
		assert_int_equal(stimer_rest(timed), LAPIC_NEVER);
		assert_false(timed_irr(VECTOR));
		timed_put(rows[i].msr, rows[i].open);
		timed_take_one(i, due);
		timed_take_interrupt(VECTOR);
	}
	timed_put(HV_MSR_SINT0 + SINT, HV_SINT_MASKED | HV_SINT_POLLING);
	timed_start(0, TO_SINT, 1);
	timed_take_one(0, 1);
	assert_false(timed_irr(VECTOR));
}

static void test_two_timers_one_sint(void **state)
{
	u64 due;

	(void)state;
	timed_make();
	due = timed_now() + 10;
	timed_start(0, TO_SINT, due);
	timed_start(1, TO_SINT, due);
	timed_start(2, 5ull << HV_STIMER_SINT_SHIFT, due);
	timed_pass(10);
	vp_update(timed);
	assert_int_equal(timed_slot(SINT)->flags, HV_MESSAGE_FLAG_PENDING);
	timed_take_one(0, due);
	assert_int_equal(timed_slot(SINT)->flags, 0);
	timed_take_one(1, due);
	assert_int_equal(timed_slot(5)->type, HV_MESSAGE_NONE); /* masked */
	timed_put(HV_MSR_SINT0 + 5, VECTOR + 1);
	assert_int_equal(timed_slot(5)->type, HV_MESSAGE_TIMER_EXPIRED);
}

/* TLFS: the message goes to the SINT of its config, whatever waits for another one. */
static void test_a_message_goes_to_its_own_sint(void **state)
{
	const u32 other = SINT + 1; /* masked */
	u64 due;

	(void)state;
	timed_make();
	due = timed_now() + 10;
	timed_start(0, (u64)other << HV_STIMER_SINT_SHIFT, due);
	timed_start(1, TO_SINT, due);
	timed_pass(10);
	vp_update(timed);
	timed_take_one(1, due);
	vp_update(timed);
	assert_int_equal(timed_slot(SINT)->type, HV_MESSAGE_NONE);
	assert_int_equal(timed_slot(other)->type, HV_MESSAGE_NONE);
	timed_put(HV_MSR_SINT0 + other, VECTOR + 1);
	assert_int_equal(timed_slot(other)->type, HV_MESSAGE_TIMER_EXPIRED);
	assert_int_equal(timed_slot(SINT)->type, HV_MESSAGE_NONE);
}

/*
 * A guest frees a slot and then looks whether more waits. Between the two a
 * timer may put its own message there: what waits must not be forgotten.
 */
static void test_message_of_a_port_waits_behind_a_timers(void **state)
{
	struct hv_message m = { .type = 7, .payload_size = 8 };

	(void)state;
	timed_make();
	timed_start(0, TO_SINT, timed_now() + 10);
	assert_ok(synic_post(timed, SINT, &m));
	m.type = 8;
	assert_ok(synic_post(timed, SINT, &m));
	timed_slot(SINT)->type = HV_MESSAGE_NONE;
	timed_pass(10);
	vp_update(timed);
	assert_int_equal(timed_slot(SINT)->type, HV_MESSAGE_TIMER_EXPIRED);
	assert_int_equal(timed_slot(SINT)->flags, HV_MESSAGE_FLAG_PENDING);
	timed_slot(SINT)->type = HV_MESSAGE_NONE;
	timed_put(HV_MSR_EOM, 0);
	assert_int_equal(timed_slot(SINT)->type, 8);
	assert_int_equal(timed_slot(SINT)->flags, 0);
}

/* A halted VP is woken when its timer is due, and not before. */
static void test_scheduler(void **state)
{
	struct sched_plan plan;

	(void)state;
	timed_make();
	timed->state.activity = HV_ACTIVITY_HALT_SUSPEND;
	timed->state.rflags |= BIT(9);
	timed_start(0, TO_SINT, timed_now() + 1000);
	plan = sched_next(&fake.cpu, SCHED_GO_ON);
	assert_ptr_equal(plan.vp, fake_root_vp());
	assert_true(plan.timed);
	assert_int_equal(plan.ticks, 1000 * TICKS);
	fake.tsc += plan.ticks - 1;
	plan = sched_next(&fake.cpu, SCHED_SLICE_END);
	assert_ptr_equal(plan.vp, fake_root_vp());
	fake.tsc += plan.ticks;
	plan = sched_next(&fake.cpu, SCHED_SLICE_END);
	assert_true(timed_irr(VECTOR));
	plan = sched_next(&fake.cpu, SCHED_SLICE_END);
	assert_ptr_equal(plan.vp, timed);
	assert_int_equal(timed->state.activity, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_slot_taken),
		TEST(test_sint_zero),
		TEST(test_direct),
		TEST(test_direct_without_apic),
		TEST(test_masked_sint),
		TEST(test_two_timers_one_sint),
		TEST(test_a_message_goes_to_its_own_sint),
		TEST(test_message_of_a_port_waits_behind_a_timers),
		TEST(test_scheduler),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
