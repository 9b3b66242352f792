/*
 * hv/run/sched.c, hv/vp/ready.c: VPs of more than one processor, and those that one of them is
 * asked for.
 */
#include "hv/interrupt/lapic.h"
#include "hv/run/sched.h"
#include "hv/run/vp_run.h"
#include "hv/vp/partition.h"
#include "hv/vp/ready.h"
#include "tests/host/fake/others.h"
#include "tests/host/fixture/test.h"
#include "tests/host/oracle/sched.h"

#define HOLD 1000u

static struct cpu *other;
static struct vp *vp, *mine;

/* Two VPs that could run: one of the other processor, one of this. */
static int set_up(void **state)
{
	struct partition *p;

	if (guest_setup(state) != 0)
		return -1;
	other = fake_processor_add(7);
	p = guest_partition(guest_child(100, 2));
	vp = p->vps[0];
	mine = p->vps[1];
	vp->explicit_suspend = mine->explicit_suspend = 0;
	vp->state.activity = mine->state.activity = 0;
	fake_others.sent_count = 0;
	cpu_arch(other)->kicked = 0;
	return 0;
}

static void test_who_wakes_kicks_its_processor(void **state)
{
	(void)state;
	ready_wake(mine);
	assert_int_equal(fake_others.sent_count, 0);
	assert_true(list_holds_only(&fake.cpu.ready, &mine->ready));
	ready_wake(vp);
	assert_int_equal(fake_others.sent_count, 1);
	assert_int_equal(fake_others.sent[0].to, 7);
	assert_true(list_holds_only(&other->ready, &vp->ready));
	/* It has its turn already: there is nothing to tell. */
	cpu_arch(other)->kicked = 0;
	ready_wake(vp);
	assert_int_equal(fake_others.sent_count, 1);
	/* The root's is always asked. */
	ready_wake(other->root);
	assert_int_equal(fake_others.sent_count, 1);
}

static void test_a_sleeper_of_another(void **state)
{
	(void)state;
	ready_wake(vp);
	sched_halt_with_timer(vp, SCHED_TEST_SLICE);
	fake_go_to(other);
	sched_next(other, SCHED_GO_ON);
	assert_false(list_linked(&vp->ready));
	assert_int_equal(other->alarm_count, 1);
	assert_int_equal(fake.cpu.alarm_count, 0);
	/* What comes for it takes the alarm away, and is told there. */
	fake_go_to(&fake.cpu);
	fake_others.sent_count = cpu_arch(other)->kicked = 0;
	lapic_raise(vp, 0x55, false);
	assert_int_equal(other->alarm_count, 0);
	assert_int_equal(fake_others.sent_count, 1);
}

/* Nobody comes back for it: it sleeps for as long as it is held, and no longer. */
static void test_a_held_one_has_an_alarm(void **state)
{
	struct sched_plan plan;

	(void)state;
	ready_wake(mine);
	mine->hold_end = fake.tsc + HOLD;
	fake.cpu.root_halted = true;
	plan = sched_next(&fake.cpu, SCHED_HALT);
	assert_ptr_equal(plan.vp, fake.cpu.root);
	assert_true(plan.halted && plan.timed);
	assert_int_equal(plan.ticks, HOLD);
	assert_false(list_linked(&mine->ready));
	assert_int_equal(mine->alarm_at, fake.tsc + HOLD);
	fake.cpu.root_halted = true;
	fake.tsc += HOLD - 1;
	assert_ptr_equal(sched_next(&fake.cpu, SCHED_HALT).vp, fake.cpu.root);
	fake.cpu.root_halted = true;
	fake.tsc++;
	assert_ptr_equal(sched_next(&fake.cpu, SCHED_HALT).vp, mine);
}

/* Its timer, where that comes first; and where the hold does. */
static void test_the_first_of_hold_and_timer(void **state)
{
	(void)state;
	for (u32 i = 0; i < 2; i++) {
		ready_wake(mine);
		sched_halt_with_timer(mine, i ? HOLD / 2 : 2 * HOLD);
		mine->hold_end = fake.tsc + HOLD;
		sched_next(&fake.cpu, SCHED_GO_ON);
		assert_int_equal(mine->alarm_at,
		                 fake.tsc + (i ? HOLD / 2 : HOLD));
	}
	/* A hold that is over is none. */
	ready_wake(mine);
	mine->hold_end = fake.tsc;
	sched_halt_with_timer(mine, 2 * HOLD);
	sched_next(&fake.cpu, SCHED_GO_ON);
	assert_int_equal(mine->alarm_at, fake.tsc + 2 * HOLD);
}

/* The one that runs is asked for: it is not gone on with. */
static void test_who_is_held_is_left(void **state)
{
	(void)state;
	ready_wake(mine);
	sched_run(mine, 1000);
	assert_ptr_equal(sched_next(&fake.cpu, SCHED_GO_ON).vp, mine);
	sched_run(mine, 1000);
	mine->hold_end = fake.tsc + HOLD;
	assert_ptr_equal(sched_next(&fake.cpu, SCHED_GO_ON).vp, fake.cpu.root);
	assert_false(vp_runnable(mine));
}

/* It is suspended: the end of the hold finds that, and it sleeps on, without an alarm. */
static void test_one_that_is_suspended_and_held(void **state)
{
	(void)state;
	ready_wake(mine);
	mine->explicit_suspend = HV_SUSPENDED;
	mine->hold_end = fake.tsc + HOLD;
	sched_next(&fake.cpu, SCHED_GO_ON);
	assert_false(list_linked(&mine->ready));
	fake.tsc += HOLD;
	sched_next(&fake.cpu, SCHED_GO_ON);
	assert_false(list_linked(&mine->ready));
	assert_int_equal(fake.cpu.alarm_count, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_who_wakes_kicks_its_processor),
		CASE(test_a_sleeper_of_another),
		CASE(test_a_held_one_has_an_alarm),
		CASE(test_the_first_of_hold_and_timer),
		CASE(test_who_is_held_is_left),
		CASE(test_one_that_is_suspended_and_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
