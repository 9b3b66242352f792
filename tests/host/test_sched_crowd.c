/*
 * hv/run/sched.c: many VPs at once. A call looks at a few of them, and nobody gains or
 * loses by that.
 */
#include "hv/interrupt/lapic.h"
#include "hv/run/exit.h"
#include "hv/run/sched.h"
#include "hv/vp/partition.h"
#include "hv/vp/ready.h"
#include "include/x86_apic.h"
#include "tests/host/fixture/test.h"
#include "tests/host/oracle/sched.h"

#define SLICE SCHED_TEST_SLICE
#define LOOKS 4      /* at VPs in one call */
#define REST 2000ull /* between two of them */

/* As many VPs as there can be: the first is to run, before all that are idle. */
static struct partition *make_crowd(void)
{
	struct partition *p = guest_partition(guest_child(900, PARTITION_VPS));
	struct sched_plan plan;

	for (u32 i = 0; i < PARTITION_VPS; i++) {
		p->vps[i]->explicit_suspend = 0;
		p->vps[i]->state.activity = i ? HV_ACTIVITY_HALT_SUSPEND : 0;
		p->vps[i]->state.rflags = 2;
		ready_wake(p->vps[i]);
	}
	fake.cpu.root_halted = true;
	plan = sched_next(&fake.cpu, SCHED_HALT);
	assert_ptr_equal(plan.vp, p->vps[0]);
	assert_int_equal(plan.ticks, SLICE);
	return p;
}

/* They are before it in the ring, and it keeps its slice meanwhile. */
static void test_a_crowd_ends_nobodys_slice(void **state)
{
	struct partition *p = make_crowd();
	struct sched_plan plan;

	(void)state;
	for (u32 halted = 0; halted < 2; halted++) {
		fake.cpu.current = p->vps[0];
		for (u32 i = 0; i < 5; i++) {
			sched_run(p->vps[0], SLICE / 16);
			fake.cpu.root_halted = halted;
			plan = sched_next(&fake.cpu, SCHED_GO_ON);
			assert_ptr_equal(plan.vp, p->vps[0]);
			assert_int_equal(plan.ticks,
			                 SLICE - (5 * halted + i + 1) *
			                                 (SLICE / 16));
		}
	}
	fake.cpu.current = fake_root_vp();
	guest_destroy(p->id);
}

/* Who gives its slice away has none until those behind the crowd had theirs. */
static void test_a_crowd_does_not_hide_others(void **state)
{
	struct partition *p = make_crowd();
	struct vp *last = p->vps[PARTITION_VPS - 1];
	struct sched_plan plan;
	u32 calls = 0;

	(void)state;
	last->state.activity = 0;
	p->vps[0]->state.rflags = 0x202;
	*vp_apic_register(p->vps[0], LAPIC_SVR) = 0x1ff;
	fake.cpu.current = p->vps[0];
	fake.tsc += SLICE;
	/* HLT, and an interrupt has come already. */
	lapic_raise(p->vps[0], 0x50, false);
	assert_int_equal(exit_halt(p->vps[0]), EXIT_HALTED);
	do {
		fake.cpu.root_halted = true;
		plan = sched_next(&fake.cpu, SCHED_HALT);
		assert_ptr_not_equal(plan.vp, p->vps[0]);
		fake.cpu.current = plan.vp;
		assert_true(++calls < 20);
	} while (plan.vp == fake_root_vp());
	assert_ptr_equal(plan.vp, last);
	fake.cpu.current = fake_root_vp();
	guest_destroy(p->id);
}

/* The root's slice is over: it has no second one because of them. */
static void test_a_crowd_gives_no_second_slice(void **state)
{
	struct partition *p = make_crowd();
	struct sched_plan plan;
	u32 calls = 0;

	(void)state;
	sched_run(p->vps[0], SLICE);
	fake.cpu.root_halted = false;
	plan = sched_next(&fake.cpu, SCHED_SLICE_END);
	assert_ptr_equal(plan.vp, fake_root_vp());
	assert_int_equal(plan.ticks, SLICE);
	sched_run(fake_root_vp(), SLICE);
	for (;; calls++) {
		plan = sched_next(&fake.cpu, SCHED_SLICE_END);
		if (plan.vp != fake_root_vp())
			break;
		assert_in_range(plan.ticks, 0, REST);
		assert_true(calls < 2 * PARTITION_VPS / LOOKS);
	}
	assert_true(calls >= PARTITION_VPS / LOOKS - 3);
	assert_ptr_equal(plan.vp, p->vps[0]);
	assert_int_equal(plan.ticks, SLICE);
	guest_destroy(p->id);
}

/* Many at once: a bounded number of looks a call, and none is left out. */
static void test_a_crowd_is_looked_at_in_turns(void **state)
{
	u64 id = guest_child(900, PARTITION_VPS);
	struct partition *p = guest_partition(id);
	struct sched_plan plan;
	u32 calls = 0;

	(void)state;
	for (u32 i = 0; i < PARTITION_VPS; i++) {
		p->vps[i]->explicit_suspend = 0;
		sched_halt_with_timer(p->vps[i], SLICE);
		p->vps[i]->state.rflags = 2;
		ready_wake(p->vps[i]);
	}
	do {
		plan = sched_next(&fake.cpu, SCHED_GO_ON);
		assert_ptr_equal(plan.vp, fake_root_vp());
		assert_true(plan.timed);
		assert_true(++calls < 20);
	} while (plan.ticks == REST);
	assert_in_range(calls, PARTITION_VPS / LOOKS,
	                PARTITION_VPS / LOOKS + 1);
	assert_int_equal(plan.ticks, SLICE);
	assert_int_equal(fake.cpu.alarm_count, PARTITION_VPS);
	/* All are due at once; interrupts are off, so none can run. */
	fake.tsc += SLICE;
	for (calls = 0; fake.cpu.alarm_count; calls++) {
		sched_next(&fake.cpu, SCHED_SLICE_END);
		assert_null(sched_all_wrong());
		assert_true(calls < 40);
	}
	for (u32 i = 0; i < PARTITION_VPS; i++)
		assert_int_equal(lapic_highest(p->vps[i], LAPIC_IRR), 0x40);
	guest_destroy(id);
	assert_int_equal(fake.cpu.alarm_count, 0);
	assert_false(list_linked(&fake.cpu.ready));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_crowd_ends_nobodys_slice),
		TEST(test_a_crowd_does_not_hide_others),
		TEST(test_a_crowd_gives_no_second_slice),
		TEST(test_a_crowd_is_looked_at_in_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
