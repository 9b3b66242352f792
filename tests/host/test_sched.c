/*
 * hv/sched.c: who runs next.
 */
#include "hv/exit.h"
#include "hv/partition.h"
#include "hv/sched.h"
#include "tests/host/fake_test.h"

#define LOOK 40000ull
#define SLICE 2000000ull /* a millisecond of the fake's 2 GHz */

static struct vp *vps[3];

/* A child of `count` VPs, each as its place in `runs` says. */
static void make(u32 count, const char *runs)
{
	u64 id = guest_child(80, count);

	for (u32 i = 0; i < count; i++) {
		vps[i] = guest_partition(id)->vps[i];
		vps[i]->explicit_suspend = runs[i] != 'r';
		vps[i]->state.activity = 0;
	}
}

static void test_root_alone_runs_without_timer(void **state)
{
	struct sched_plan plan;

	(void)state;
	make(2, "ss");
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
	make(1, "r");
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		struct sched_plan plan;

		fake.cpu.current = rows[i].root_ran ? fake_root_vp() : vps[0];
		fake.cpu.root_halted = rows[i].root_halted;
		fake.cpu.slice_end = fake.tsc + SLICE / 2;
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
	make(2, "rs");
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

/* With the root halted the children take turns, each in every round. */
static void test_children_go_round(void **state)
{
	u32 turns[3] = { 0 };

	(void)state;
	make(3, "rrr");
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
		fake.cpu.current = plan.vp;
		fake.tsc += SLICE;
	}
	for (u32 k = 0; k < 3; k++)
		assert_int_equal(turns[k], 10);
}

/* What wakes the root during a look gives it a slice of its own. */
static void test_a_look_that_finds_something(void **state)
{
	struct sched_plan plan;

	(void)state;
	make(1, "r");
	fake.cpu.current = vps[0];
	fake.cpu.root_halted = true;
	plan = sched_next(&fake.cpu, SCHED_SLICE_END);
	assert_true(plan.halted && fake.cpu.root_looks);
	fake.cpu.current = plan.vp;
	fake.tsc += LOOK;
	plan = sched_next(&fake.cpu, SCHED_SLICE_END);
	assert_ptr_equal(plan.vp, fake_root_vp());
	assert_false(plan.halted || fake.cpu.root_looks);
	assert_int_equal(plan.ticks, SLICE);
	plan = sched_next(&fake.cpu, SCHED_SLICE_END);
	assert_ptr_equal(plan.vp, vps[0]);
}

/* A busy root and a busy child share, also when the time passes in exits. */
static void test_nobody_starves(void **state)
{
	u64 child_time = 0, root_time = 0;

	(void)state;
	make(1, "r");
	for (u32 i = 0; i < 2000; i++) {
		struct sched_plan plan;

		plan = sched_next(&fake.cpu, SCHED_GO_ON);
		if (plan.ticks == 0)
			plan = sched_next(&fake.cpu, SCHED_SLICE_END);
		fake.cpu.current = plan.vp;
		fake.tsc += 150000;
		*(plan.vp == vps[0] ? &child_time : &root_time) += 150000;
	}
	assert_in_range(child_time * 100 / (child_time + root_time), 45, 55);
}

static void test_event_wakes_a_halted_child(void **state)
{
	struct sched_plan plan;

	(void)state;
	make(1, "r");
	assert_int_equal(exit_halt(vps[0]), EXIT_HALTED);
	fake.cpu.root_halted = true;
	plan = sched_next(&fake.cpu, SCHED_GO_ON);
	assert_ptr_equal(plan.vp, fake_root_vp());
	vps[0]->state.pending_interruption = 0x200001;
	fake.cpu.root_halted = true;
	plan = sched_next(&fake.cpu, SCHED_GO_ON);
	assert_ptr_equal(plan.vp, vps[0]);
	assert_int_equal(vps[0]->state.activity, 0);
	assert_true(vps[0]->dirty);
}

/* The ring in any order of leaving. */
static void test_remove_keeps_the_ring_whole(void **state)
{
	static const u8 orders[6][3] = {
		{ 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
		{ 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 }
	};

	(void)state;
	for (u32 o = 0; o < 6; o++) {
		make(3, "rrr");
		for (u32 i = 0; i < 3; i++) {
			const struct vp *at = fake.cpu.children;

			assert_int_equal(fake.cpu.child_count, 3 - i);
			for (u32 k = 0; k < 3 - i; k++)
				at = at->next;
			assert_ptr_equal(at, fake.cpu.children);
			vp_delete(vps[orders[o][i]]);
		}
		assert_null(fake.cpu.children);
	}
}

/* ---- Timers of children ---- */

/* One that fires in so many ticks; the VP halts until then. */
static void halt_with_timer(struct vp *vp, u64 ticks)
{
	struct vp_state *s = vp_state_write(vp);

	*vp_apic_register(vp, LAPIC_SVR) = 0x1ff;
	*vp_apic_register(vp, LAPIC_LVT_TIMER) = 0x40;
	*vp_apic_register(vp, LAPIC_DIVIDE) = 0xb;
	lapic_timer_start(vp, (u32)ticks);
	s->rflags = 0x202;
	s->activity = HV_ACTIVITY_HALT_SUSPEND;
}

/* The root goes on, or halts natively, until the nearest timer is due. */
static void test_timer_of_a_halted_child(void **state)
{
	struct sched_plan plan;

	(void)state;
	make(3, "rrs");
	halt_with_timer(vps[0], 5 * SLICE);
	halt_with_timer(vps[1], 3 * SLICE);
	halt_with_timer(vps[2], SLICE); /* suspended: not looked at */
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
	make(2, "rr");
	halt_with_timer(vps[0], SLICE / 4);
	fake.cpu.current = fake_root_vp();
	fake.cpu.root_halted = true;
	plan = sched_next(&fake.cpu, SCHED_HALT);
	assert_ptr_equal(plan.vp, vps[1]);
	assert_int_equal(plan.ticks, SLICE / 4);
	fake.cpu.current = vps[1];
	fake.cpu.root_halted = true;
	fake.tsc += SLICE / 4;
	plan = sched_next(&fake.cpu, SCHED_SLICE_END);
	assert_ptr_equal(plan.vp, vps[1]);
	assert_int_equal(plan.ticks, SLICE - SLICE / 4);
	fake.cpu.root_halted = false;
	fake.tsc += SLICE - SLICE / 4;
	plan = sched_next(&fake.cpu, SCHED_SLICE_END);
	assert_ptr_equal(plan.vp, fake_root_vp());
	fake.cpu.current = plan.vp;
	fake.tsc += SLICE;
	plan = sched_next(&fake.cpu, SCHED_SLICE_END);
	assert_ptr_equal(plan.vp, vps[0]);
}

/* A busy root is told of it in time, and keeps its slice. */
static void test_timer_while_the_root_is_busy(void **state)
{
	struct sched_plan plan;

	(void)state;
	make(1, "r");
	halt_with_timer(vps[0], 2 * SLICE);
	fake.cpu.slice_end = fake.tsc; /* long ago */
	plan = sched_next(&fake.cpu, SCHED_GO_ON);
	assert_ptr_equal(plan.vp, fake_root_vp());
	assert_int_equal(plan.ticks, 2 * SLICE);
	fake.tsc += 2 * SLICE;
	plan = sched_next(&fake.cpu, SCHED_SLICE_END);
	if (plan.vp == fake_root_vp()) {
		assert_int_equal(plan.ticks, 0);
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
		TEST(test_children_go_round),
		TEST(test_a_look_that_finds_something),
		TEST(test_nobody_starves),
		TEST(test_event_wakes_a_halted_child),
		TEST(test_remove_keeps_the_ring_whole),
		TEST(test_timer_of_a_halted_child),
		TEST(test_slice_goes_on_behind_a_timer),
		TEST(test_timer_while_the_root_is_busy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
