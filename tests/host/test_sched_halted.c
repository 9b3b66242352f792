/*
 * hv/run/sched.c: a halted root among children that run.
 */
#include "hv/interrupt/lapic.h"
#include "hv/run/sched.h"
#include "hv/vp/ready.h"
#include "include/x86.h"
#include "tests/host/fixture/test.h"
#include "tests/host/oracle/sched.h"

#define LOOK 40000ull
#define SLICE SCHED_TEST_SLICE

static struct vp *vps[3];

/* With the root halted children with IF = 0 take turns, and it is polled behind each. */
static void test_children_go_round(void **state)
{
	u32 turns[3] = { 0 };

	(void)state;
	sched_child(vps, 3, "rrr");
	fake.cpu.current = vps[0];
	for (u32 i = 0; i < 30; i++) {
		struct sched_plan plan;

		fake.cpu.root_halted = true;
		plan = sched_next(&fake.cpu, SCHED_SLICE_END);
		assert_true(plan.vp == fake_root_vp() && plan.halted);
		fake.cpu.current = plan.vp;
		fake.cpu.root_halted = true; /* it is still in HLT */
		plan = sched_next(&fake.cpu, SCHED_HALT);
		for (u32 k = 0; k < 3; k++)
			turns[k] += plan.vp == vps[k];
		sched_run(plan.vp, SLICE);
	}
	for (u32 k = 0; k < 3; k++)
		assert_int_equal(turns[k], 10);
}

/*
 * Where an interrupt has ended a child's run, whatever its IF or as it had IF = 1, the
 * halted root is not looked at: it is entered when there is one, with a slice of its own.
 */
static void go_round_without_a_look(bool may_wait, u64 rflags)
{
	struct sched_plan plan;

	fake.facts.interrupts_may_wait = may_wait;
	sched_child(vps, 3, "rrr");
	for (u32 i = 0; i < 3; i++)
		vp_state_write(vps[i])->rflags = rflags;
	fake.cpu.current = vps[0];
	for (u32 i = 0; i < 30; i++) {
		fake.cpu.root_halted = true;
		plan = sched_next(&fake.cpu, SCHED_SLICE_END);
		assert_ptr_equal(plan.vp, vps[i % 3]);
		assert_int_equal(plan.ticks, SLICE);
		assert_false(plan.halted || fake.cpu.root_polled);
		fake.cpu.current = plan.vp;
		sched_run(plan.vp, SLICE);
	}
	fake.cpu.root_halted = true;
	plan = sched_next(&fake.cpu, SCHED_INTERRUPT);
	assert_ptr_equal(plan.vp, fake_root_vp());
	assert_true(plan.halted);
	assert_int_equal(plan.ticks, SLICE);
}

static void test_a_masked_child_need_not_be_followed_by_a_look(void **state)
{
	(void)state;
	go_round_without_a_look(false, RFLAGS_FIXED);
}

static void test_an_open_child_is_followed_by_no_look(void **state)
{
	(void)state;
	go_round_without_a_look(true, RFLAGS_FIXED | RFLAGS_IF);
}

/* For nobody else a slice has no end. For each other one it has: a child, the root, a look. */
static void test_a_child_without_a_rival(void **state)
{
	struct sched_plan plan;

	(void)state;
	fake.facts.interrupts_may_wait = false;
	sched_child(vps, 2, "rh");
	fake.cpu.root_halted = true;
	plan = sched_next(&fake.cpu, SCHED_HALT);
	/* The other one was not looked at yet: it is in HLT. */
	assert_true(plan.vp == vps[0] && plan.timed);
	fake.cpu.current = plan.vp;
	sched_run(plan.vp, SLICE);
	fake.cpu.root_halted = true;
	plan = sched_next(&fake.cpu, SCHED_SLICE_END);
	assert_true(plan.vp == vps[0] && !plan.timed);
	sched_run(plan.vp, 3 * SLICE);
	fake.cpu.root_halted = true;
	plan = sched_next(&fake.cpu, SCHED_GO_ON);
	assert_true(plan.vp == vps[0] && !plan.timed);
	vps[1]->state.activity = 0;
	ready_wake(vps[1]);
	plan = sched_next(&fake.cpu, SCHED_SLICE_END);
	assert_true(plan.vp == vps[0] && plan.timed && plan.ticks == SLICE);
	vps[1]->state.activity = HV_ACTIVITY_HALT_SUSPEND;
	plan = sched_next(&fake.cpu, SCHED_SLICE_END);
	assert_true(plan.vp == vps[0] && !plan.timed);
	/* The root, which does not halt, is one. */
	fake.cpu.root_halted = false;
	plan = sched_next(&fake.cpu, SCHED_GO_ON);
	assert_true(plan.vp == vps[0] && plan.timed);
}

/* What wakes the root during a look gives it a slice of its own. */
static void test_a_look_that_finds_something(void **state)
{
	struct sched_plan plan;

	(void)state;
	sched_child(vps, 1, "r");
	fake.cpu.current = vps[0];
	fake.cpu.root_halted = true;
	plan = sched_next(&fake.cpu, SCHED_SLICE_END);
	assert_true(plan.halted && fake.cpu.root_polled);
	sched_run(plan.vp, LOOK);
	plan = sched_next(&fake.cpu, SCHED_SLICE_END);
	assert_ptr_equal(plan.vp, fake_root_vp());
	assert_false(plan.halted || fake.cpu.root_polled);
	assert_int_equal(plan.ticks, SLICE);
	plan = sched_next(&fake.cpu, SCHED_SLICE_END);
	assert_ptr_equal(plan.vp, vps[0]);
}

/*
 * A message that we sent to the halted root: it is entered for it, and no child loses its
 * turn in an entry that the interrupt ends. Where the root does not take it, it is as after
 * any look. With `goes_on` the child that sent it is not stopped.
 */
static void called_from(bool goes_on)
{
	u32 turns[3] = { 0 };
	struct sched_plan plan;

	sched_child(vps, 3, "rrr");
	fake.cpu.current = fake_root_vp();
	for (u32 i = 0; i < 12; i++) {
		fake.cpu.root_halted = true;
		plan = sched_next(&fake.cpu, SCHED_HALT);
		assert_ptr_equal(plan.vp, vps[i % 3]);
		turns[i % 3]++;
		sched_run(plan.vp, 3 * LOOK);
		lapic_interrupt(fake_root_vp(), 0x60);
		plan.vp->intercept_suspend = goes_on ? 0 : HV_SUSPENDED;
		plan = sched_next(&fake.cpu, SCHED_GO_ON);
		assert_true(plan.vp == fake_root_vp() && plan.halted);
		assert_true(fake.cpu.root_polled && !fake.cpu.root_called);
		assert_int_equal(plan.ticks, LOOK);
		vps[i % 3]->intercept_suspend = 0;
		ready_wake(vps[i % 3]);
		sched_run(plan.vp, LOOK);
		fake.cpu.root_halted = i % 2;
		if (i % 2)
			continue;
		plan = sched_next(&fake.cpu, SCHED_SLICE_END);
		assert_ptr_equal(plan.vp, fake_root_vp());
		assert_int_equal(plan.ticks, SLICE);
		sched_run(plan.vp, LOOK);
	}
	for (u32 k = 0; k < 3; k++)
		assert_int_equal(turns[k], 4);
}

static void test_who_is_called_is_entered(void **state)
{
	(void)state;
	called_from(false);
}

static void test_who_is_called_comes_before_who_goes_on(void **state)
{
	(void)state;
	called_from(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_children_go_round),
		TEST(test_a_masked_child_need_not_be_followed_by_a_look),
		TEST(test_an_open_child_is_followed_by_no_look),
		TEST(test_a_child_without_a_rival),
		TEST(test_a_look_that_finds_something),
		TEST(test_who_is_called_is_entered),
		TEST(test_who_is_called_comes_before_who_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
