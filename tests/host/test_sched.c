/*
 * hv/run/sched.c: who runs next.
 */
#include "hv/interrupt/lapic.h"
#include "hv/run/exit.h"
#include "hv/run/sched.h"
#include "hv/run/vp_life.h"
#include "hv/vp/ready.h"
#include "include/x86.h"
#include "include/x86_apic.h"
#include "tests/host/fixture/test.h"
#include "tests/host/oracle/sched.h"

#define LOOK 40000ull
#define SLICE SCHED_TEST_SLICE

static struct vp *vps[3];

/* With the root halted: whose turn is it? */
static u32 next_turn(void)
{
	struct sched_plan plan;
	u32 k = 0;

	fake.cpu.current = fake_root_vp();
	fake.cpu.root_halted = true;
	plan = sched_next(&fake.cpu, SCHED_HALT);
	while (plan.vp != vps[k])
		assert_true(++k < 3);
	return k;
}

static void test_root_alone_runs_without_timer(void **state)
{
	struct sched_plan plan;

	(void)state;
	sched_child(vps, 2, "ss");
	for (u32 e = SCHED_GO_ON; e <= SCHED_HALT; e++) {
		plan = sched_next(&fake.cpu, (enum sched_event)e);
		assert_ptr_equal(plan.vp, fake_root_vp());
		assert_false(plan.timed || plan.exit_hlt || plan.halted);
	}
	exit_halt(fake_root_vp());
	plan = sched_next(&fake.cpu, SCHED_HALT);
	assert_ptr_equal(plan.vp, fake_root_vp());
	assert_true(plan.halted);
	assert_false(fake.cpu.root_halted);
}

/* Event, who ran, is the root halted: who is next. One child is runnable. */
static void test_table_of_decisions(void **state)
{
	static const struct {
		enum sched_event event;
		bool root_ran, root_halted, root_next;
	} rows[] = {
		{ SCHED_GO_ON, true, false, true },
		{ SCHED_GO_ON, false, false, false },
		{ SCHED_GO_ON, true, true, false },
		{ SCHED_GO_ON, false, true, false },
		{ SCHED_SLICE_END, true, false, false },
		{ SCHED_SLICE_END, false, false, true },
		{ SCHED_SLICE_END, false, true, true },
		{ SCHED_INTERRUPT, true, false, true },
		{ SCHED_INTERRUPT, false, false, true },
		{ SCHED_INTERRUPT, false, true, true },
		{ SCHED_HALT, true, true, false },
	};

	(void)state;
	sched_child(vps, 1, "r");
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		struct sched_plan plan;

		fake.cpu.current = rows[i].root_ran ? fake_root_vp() : vps[0];
		fake.cpu.root_halted = rows[i].root_halted;
		fake.cpu.slice_left = SLICE / 2;
		fake.cpu.slice_end = 0;
		plan = sched_next(&fake.cpu, rows[i].event);
		assert_ptr_equal(plan.vp,
		                 rows[i].root_next ? fake_root_vp() : vps[0]);
		assert_true(plan.timed && plan.exit_hlt);
		assert_int_equal(plan.halted,
		                 rows[i].root_next && rows[i].root_halted);
		/* Who goes on has the rest of a slice, others a whole one. */
		if (rows[i].event == SCHED_GO_ON && !rows[i].root_halted)
			assert_int_equal(plan.ticks, SLICE / 2);
		else if (rows[i].event == SCHED_SLICE_END && plan.halted)
			assert_int_equal(plan.ticks, LOOK);
		else if (plan.vp != fake.cpu.current)
			assert_int_equal(plan.ticks, SLICE);
	}
}

static void test_suspended_child_gives_way(void **state)
{
	struct sched_plan plan;

	(void)state;
	sched_child(vps, 2, "rs");
	fake.cpu.current = vps[0];
	vps[0]->intercept_suspend = HV_SUSPENDED;
	plan = sched_next(&fake.cpu, SCHED_GO_ON);
	assert_ptr_equal(plan.vp, fake_root_vp());
	assert_false(plan.timed);
	fake.cpu.current = vps[0];
	fake.cpu.root_halted = true;
	plan = sched_next(&fake.cpu, SCHED_GO_ON);
	assert_ptr_equal(plan.vp, fake_root_vp());
	assert_true(plan.halted);
}

/*
 * Ticks that a child has run when a message of it goes out, and those that its parent,
 * which does not halt, may run behind it: then the child's slice begins.
 */
static void test_a_message_costs_as_much_as_it_ran(void **state)
{
	static const struct {
		u64 ran, had;
	} rows[] = {
		{ 0, SLICE / 50 },          { 7, SLICE / 50 },
		{ SLICE / 50, SLICE / 50 }, { SLICE / 3, SLICE / 3 },
		{ SLICE - 1, SLICE - 1 },
	};
	struct vp *root = fake_root_vp();
	struct sched_plan plan;

	(void)state;
	sched_child(vps, 1, "r");
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		fake.cpu.current = root;
		plan = sched_next(&fake.cpu, SCHED_SLICE_END);
		assert_ptr_equal(plan.vp, vps[0]);
		sched_run(vps[0], rows[i].ran);
		vps[0]->intercept_suspend = HV_SUSPENDED;
		plan = sched_next(&fake.cpu, SCHED_GO_ON);
		assert_ptr_equal(plan.vp, root);
		assert_false(plan.timed);
		/* The timer alone does not tell: no run is set shorter than the least. */
		assert_int_equal(fake.cpu.slice_left, rows[i].had);
		fake.cpu.current = root;
		vps[0]->intercept_suspend = 0;
		ready_wake(vps[0]);
		plan = sched_next(&fake.cpu, SCHED_GO_ON);
		assert_ptr_equal(plan.vp, root);
		assert_int_equal(plan.ticks, rows[i].had);
		sched_run(root, rows[i].had);
		plan = sched_next(&fake.cpu, SCHED_SLICE_END);
		assert_ptr_equal(plan.vp, vps[0]);
		assert_int_equal(plan.ticks, SLICE);
		/* An interrupt is no message: the root has the whole of its slice. */
		sched_run(vps[0], rows[i].ran);
		plan = sched_next(&fake.cpu, SCHED_INTERRUPT);
		assert_ptr_equal(plan.vp, root);
		assert_int_equal(plan.ticks, SLICE);
		/* Nor is a halt, whatever wakes the child while the root runs. */
		fake.cpu.current = root;
		plan = sched_next(&fake.cpu, SCHED_SLICE_END);
		assert_ptr_equal(plan.vp, vps[0]);
		sched_run(vps[0], rows[i].ran);
		vps[0]->state.activity = HV_ACTIVITY_HALT_SUSPEND;
		plan = sched_next(&fake.cpu, SCHED_HALT);
		assert_ptr_equal(plan.vp, root);
		fake.cpu.current = root;
		vps[0]->state.activity = 0;
		ready_wake(vps[0]);
		plan = sched_next(&fake.cpu, SCHED_GO_ON);
		assert_ptr_equal(plan.vp, root);
		assert_int_equal(plan.ticks, SLICE);
	}
}

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

/* A busy root and a busy child share, whatever exits there are. */
static void test_nobody_starves(void **state)
{
	u64 child_time = 0, root_time = 0;

	(void)state;
	sched_child(vps, 1, "r");
	for (u32 i = 0; i < 2000; i++) {
		struct sched_plan plan = sched_next(&fake.cpu, SCHED_GO_ON);

		sched_run(plan.vp, 150000);
		*(plan.vp == vps[0] ? &child_time : &root_time) += 150000;
	}
	assert_in_range(child_time * 100 / (child_time + root_time), 45, 55);
}

static void test_event_wakes_a_halted_child(void **state)
{
	struct sched_plan plan;

	(void)state;
	sched_child(vps, 1, "r");
	assert_int_equal(exit_halt(vps[0]), EXIT_HALTED);
	fake.cpu.root_halted = true;
	plan = sched_next(&fake.cpu, SCHED_GO_ON);
	assert_ptr_equal(plan.vp, fake_root_vp());
	vps[0]->state.pending_interruption = 0x200001;
	ready_wake(vps[0]);
	fake.cpu.root_halted = true;
	plan = sched_next(&fake.cpu, SCHED_GO_ON);
	assert_ptr_equal(plan.vp, vps[0]);
	assert_int_equal(vps[0]->state.activity, 0);
	assert_true(vps[0]->dirty);
}

/* Those that are left go round, in any order of leaving. */
static void test_deleted_in_any_order(void **state)
{
	static const u8 orders[6][3] = {
		{ 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
		{ 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 }
	};

	(void)state;
	for (u32 o = 0; o < 6; o++) {
		sched_child(vps, 3, "rrr");
		for (u32 i = 0; i < 3; i++) {
			u32 turns[3] = { 0 };

			for (u32 k = 0; k < 6; k++)
				turns[next_turn()]++;
			for (u32 k = 0; k < 3; k++)
				assert_int_equal(turns[orders[o][k]],
				                 k < i ? 0 : 6 / (3 - i));
			vp_delete(vps[orders[o][i]]);
		}
		assert_false(list_linked(&fake.cpu.ready));
		assert_int_equal(fake.cpu.alarm_count, 0);
	}
}

/* ---- Timers of children ---- */

/* The root goes on, or halts natively, until the nearest timer is due. */
static void test_timer_of_a_halted_child(void **state)
{
	struct sched_plan plan;

	(void)state;
	sched_child(vps, 3, "rrs");
	sched_halt_with_timer(vps[0], 5 * SLICE);
	sched_halt_with_timer(vps[1], 3 * SLICE);
	sched_halt_with_timer(vps[2], SLICE); /* suspended: not looked at */
	for (u32 halted = 0; halted < 2; halted++) {
		fake.cpu.root_halted = halted;
		plan = sched_next(&fake.cpu, halted ? SCHED_HALT : SCHED_GO_ON);
		assert_ptr_equal(plan.vp, fake_root_vp());
		assert_true(plan.timed);
		assert_false(plan.exit_hlt);
		assert_int_equal(plan.halted, halted);
		assert_int_equal(plan.ticks, 3 * SLICE);
	}
	fake.tsc += 3 * SLICE;
	fake.cpu.root_halted = true;
	plan = sched_next(&fake.cpu, SCHED_HALT);
	assert_ptr_equal(plan.vp, vps[1]);
	assert_int_equal(vps[1]->state.activity, 0);
	assert_int_equal(lapic_pending(vps[1]), 0x40);
	assert_int_equal(plan.ticks, SLICE);
	assert_true(vps[2]->lapic.timer_due);
	assert_int_equal(lapic_highest(vps[2], LAPIC_IRR), 0);
}

/* A timer within the slice ends nobody's slice. */
static void test_slice_goes_on_behind_a_timer(void **state)
{
	struct sched_plan plan;

	(void)state;
	sched_child(vps, 2, "rr");
	sched_halt_with_timer(vps[0], SLICE / 4);
	fake.cpu.current = fake_root_vp();
	fake.cpu.root_halted = true;
	plan = sched_next(&fake.cpu, SCHED_HALT);
	assert_ptr_equal(plan.vp, vps[1]);
	assert_int_equal(plan.ticks, SLICE / 4);
	sched_run(vps[1], SLICE / 4);
	fake.cpu.root_halted = true;
	plan = sched_next(&fake.cpu, SCHED_SLICE_END);
	assert_ptr_equal(plan.vp, vps[1]);
	assert_int_equal(plan.ticks, SLICE - SLICE / 4);
	fake.cpu.root_halted = false;
	sched_run(vps[1], SLICE - SLICE / 4);
	plan = sched_next(&fake.cpu, SCHED_SLICE_END);
	assert_ptr_equal(plan.vp, fake_root_vp());
	sched_run(plan.vp, SLICE);
	plan = sched_next(&fake.cpu, SCHED_SLICE_END);
	assert_ptr_equal(plan.vp, vps[0]);
}

/* A busy root is told of it in time, and keeps its slice. */
static void test_timer_while_the_root_is_busy(void **state)
{
	struct sched_plan plan;

	(void)state;
	sched_child(vps, 1, "r");
	sched_run(fake_root_vp(), 9 * SLICE);
	sched_halt_with_timer(vps[0], 2 * SLICE);
	plan = sched_next(&fake.cpu, SCHED_GO_ON);
	assert_ptr_equal(plan.vp, fake_root_vp());
	assert_int_equal(plan.ticks, 2 * SLICE);
	sched_run(fake_root_vp(), 2 * SLICE);
	plan = sched_next(&fake.cpu, SCHED_SLICE_END);
	if (plan.vp == fake_root_vp()) {
		assert_in_range(plan.ticks, 0, LOOK);
		plan = sched_next(&fake.cpu, SCHED_SLICE_END);
	}
	assert_ptr_equal(plan.vp, vps[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_root_alone_runs_without_timer),
		TEST(test_table_of_decisions),
		TEST(test_suspended_child_gives_way),
		TEST(test_a_message_costs_as_much_as_it_ran),
		TEST(test_children_go_round),
		TEST(test_a_masked_child_need_not_be_followed_by_a_look),
		TEST(test_an_open_child_is_followed_by_no_look),
		TEST(test_a_child_without_a_rival),
		TEST(test_a_look_that_finds_something),
		TEST(test_nobody_starves),
		TEST(test_event_wakes_a_halted_child),
		TEST(test_deleted_in_any_order),
		TEST(test_timer_of_a_halted_child),
		TEST(test_slice_goes_on_behind_a_timer),
		TEST(test_timer_while_the_root_is_busy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
