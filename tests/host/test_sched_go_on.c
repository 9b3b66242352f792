/*
 * hv/run/sched.c: exits that end no slice by themselves, one after the other without end.
 * The slice ends by what the VP ran and by the clock, to the exit, and the other side
 * has the processor; whoever makes the exits, and whatever it is that exits.
 */
#include "hv/interrupt/lapic.h"
#include "hv/run/sched.h"
#include "hv/vp/partition.h"
#include "hv/vp/ready.h"
#include "include/x86_apic.h"
#include "tests/host/fixture/test.h"
#include "tests/host/oracle/sched.h"

#define MILLISECOND SCHED_TEST_SLICE
#define MICROSECOND (MILLISECOND / 1000)
#define SLICE (SCHED_SLICE_MICROSECONDS * MICROSECOND)
#define CHILD_LIMIT (SCHED_CHILD_LIMIT_MICROSECONDS * MICROSECOND)
#define ROOT_LIMIT (SCHED_ROOT_LIMIT_MICROSECONDS * MICROSECOND)
#define LEAST (SCHED_RUN_MICROSECONDS * MICROSECOND)
#define NEVER 3000000u

/* What each entry comes to: so much of the VP's own running, and of our work. */
static const struct {
	u64 ran;
	u64 work;
} exits[] = {
	{ 0, 20 },                         /* it does not get to run at all */
	{ 0, MICROSECOND },                /* what goon.c was */
	{ 1, MICROSECOND },                /* an instruction */
	{ 10, 10 },                        /* and no work to speak of */
	{ MICROSECOND, MICROSECOND },      /* the clock is first */
	{ 10 * MICROSECOND, MICROSECOND }, /* its own running is first */
	{ LEAST, 0 },                      /* as long as the last run is */
	{ 333 * MICROSECOND, 0 },          /* three and a bit */
	{ 0, 100 * MICROSECOND },          /* a hypervisor below is slow */
	{ 2 * MICROSECOND, 10 * MILLISECOND } /* slower than any slice */
};

static struct vp *child;

static struct vp *make_child(void)
{
	struct vp *vp = guest_partition(guest_child(80, 1))->vps[0];

	vp->explicit_suspend = 0;
	vp->state.activity = 0;
	vp->state.rflags = 2;
	ready_wake(vp);
	return vp;
}

/* An entry, an exit that is carried out, and who is next. */
static struct sched_plan exit_once(struct vp *vp, u32 row,
                                   enum sched_event event)
{
	sched_run(vp, exits[row].ran);
	fake.tsc += exits[row].work;
	return sched_next(&fake.cpu, event);
}

/* The exit behind that with which it is over, as one more run is its due. */
static u32 right(u32 row, u64 limit)
{
	u64 ran = 0, clock = 0;
	u32 count = 0;

	do {
		ran += exits[row].ran;
		clock += exits[row].ran + exits[row].work;
		count++;
	} while (ran < SLICE && clock < limit);
	return count + 1;
}

/* Exits of vp, whose slice begins, until another VP is chosen. */
static u32 go_on(struct vp *vp, u32 row, enum sched_event event,
                 struct sched_plan *plan)
{
	u32 count = 0;

	do
		*plan = exit_once(vp, row, event);
	while (++count < NEVER && plan->vp == vp);
	return count;
}

static void back_to_the_root(void)
{
	fake.cpu.current = fake_root_vp();
	guest_destroy(child->partition->id);
}

static void test_a_child_beside_a_busy_root(void **state)
{
	struct sched_plan plan;

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(exits); i++) {
		child = make_child();
		plan = sched_next(&fake.cpu, SCHED_SLICE_END);
		assert_ptr_equal(plan.vp, child);
		assert_int_equal(go_on(child, i, SCHED_GO_ON, &plan),
		                 right(i, CHILD_LIMIT));
		assert_ptr_equal(plan.vp, fake_root_vp());
		/* A slice of its own, not a poll. */
		assert_int_equal(plan.ticks, SLICE);
		assert_false(plan.halted);
		back_to_the_root();
	}
}

/* The root has a look, and what woke it meanwhile has a slice. */
static void test_a_child_while_the_root_halts(void **state)
{
	struct sched_plan plan;

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(exits); i++) {
		child = make_child();
		fake.cpu.root_halted = true;
		plan = sched_next(&fake.cpu, SCHED_HALT);
		assert_ptr_equal(plan.vp, child);
		assert_int_equal(go_on(child, i, SCHED_GO_ON, &plan),
		                 right(i, CHILD_LIMIT));
		assert_ptr_equal(plan.vp, fake_root_vp());
		assert_true(plan.halted);
		assert_int_equal(plan.ticks,
		                 SCHED_POLL_MICROSECONDS * MICROSECOND);
		sched_run(plan.vp, plan.ticks);
		plan = sched_next(&fake.cpu, SCHED_SLICE_END);
		assert_ptr_equal(plan.vp, fake_root_vp());
		assert_int_equal(plan.ticks, SLICE);
		back_to_the_root();
	}
}

/* It is trusted, and may take longer; but not for ever. */
static void test_the_root_beside_a_busy_child(void **state)
{
	struct sched_plan plan;

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(exits); i++) {
		child = make_child();
		fake.cpu.current = child;
		plan = sched_next(&fake.cpu, SCHED_SLICE_END);
		assert_ptr_equal(plan.vp, fake_root_vp());
		assert_int_equal(go_on(fake_root_vp(), i, SCHED_GO_ON, &plan),
		                 right(i, ROOT_LIMIT));
		assert_ptr_equal(plan.vp, child);
		back_to_the_root();
	}
}

/* With a timer that was set to something else, and fires each time. */
static void test_a_timer_that_is_always_due(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(exits); i++) {
		struct sched_plan plan;
		u32 count = 0;

		child = make_child();
		lapic_write_page(child, LAPIC_SVR, 0x1ff);
		lapic_write_page(child, LAPIC_DIVIDE, 0xb);
		lapic_write_page(child, LAPIC_LVT_TIMER, 0x20040);
		lapic_write_page(child, LAPIC_INITIAL_COUNT, 1);
		plan = sched_next(&fake.cpu, SCHED_SLICE_END);
		assert_ptr_equal(plan.vp, child);
		while (plan.vp == child && count < NEVER) {
			/* The guest takes the tick: the next one is due. */
			if (lapic_pending(child)) {
				lapic_accept(child, lapic_pending(child));
				lapic_eoi(child);
			}
			plan = exit_once(child, i,
			                 fake.cpu.cut_short ? SCHED_SLICE_END
			                                    : SCHED_GO_ON);
			count++;
		}
		assert_int_equal(count, right(i, CHILD_LIMIT));
		assert_ptr_equal(plan.vp, fake_root_vp());
		back_to_the_root();
	}
}

/* Whatever it was about, an interrupt is the root's at once. */
static void test_an_interrupt_in_between(void **state)
{
	(void)state;
	for (u32 n = 0; n < 50; n++) {
		struct sched_plan plan;

		child = make_child();
		plan = sched_next(&fake.cpu, SCHED_SLICE_END);
		for (u32 k = 0; k < n; k++)
			plan = exit_once(child, 2, SCHED_GO_ON);
		assert_ptr_equal(plan.vp, child);
		plan = exit_once(child, 2, SCHED_INTERRUPT);
		assert_ptr_equal(plan.vp, fake_root_vp());
		back_to_the_root();
	}
}

/* All make nothing but exits: each child has its turn, and the root between them. */
static void test_all_of_them(void **state)
{
	struct vp *vps[3], *ran[12];
	struct sched_plan plan;

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(exits); i++) {
		for (u32 k = 0; k < ARRAY_LEN(vps); k++)
			vps[k] = make_child();
		plan = sched_next(&fake.cpu, SCHED_SLICE_END);
		for (u32 k = 0; k < ARRAY_LEN(ran); k++) {
			u32 count;

			ran[k] = plan.vp;
			count = go_on(ran[k], i, SCHED_GO_ON, &plan);
			assert_int_equal(
				count, right(i, ran[k]->is_root ? ROOT_LIMIT
			                                        : CHILD_LIMIT));
		}
		for (u32 k = 0; k < ARRAY_LEN(ran); k++)
			assert_ptr_equal(ran[k], k % 2 ? fake_root_vp()
			                               : vps[k / 2 % 3]);
		fake.cpu.current = fake_root_vp();
		for (u32 k = 0; k < ARRAY_LEN(vps); k++)
			guest_destroy(vps[k]->partition->id);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_child_beside_a_busy_root),
		TEST(test_a_child_while_the_root_halts),
		TEST(test_the_root_beside_a_busy_child),
		TEST(test_a_timer_that_is_always_due),
		TEST(test_an_interrupt_in_between),
		TEST(test_all_of_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
