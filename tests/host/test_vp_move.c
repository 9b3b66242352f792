/*
 * vp_move, and who is moved: children of a processor that waits for SIPI, and one that waits for
 * its turn while another processor is free (hv/run/sched.c, arch/x86_64/common/kick.c).
 */
#include "arch/x86_64/common/enter.h"
#include "arch/x86_64/common/kick.h"
#include "arch/x86_64/common/startup.h"
#include "hv/base/cpus.h"
#include "hv/interrupt/lapic.h"
#include "hv/run/sched.h"
#include "hv/run/vp_life.h"
#include "hv/run/vp_run.h"
#include "hv/vp/alarm.h"
#include "hv/vp/partition.h"
#include "hv/vp/ready.h"
#include "include/x86.h"
#include "tests/host/fake/apic.h"
#include "tests/host/fake/others.h"
#include "tests/host/fake/vendor.h"
#include "tests/host/fixture/test.h"
#include "tests/host/oracle/sched.h"

#define VPS 3
#define PAGE 0x9au

static struct cpu *other;
static struct vp *vps[VPS]; /* all run on the first processor */

static int set_up(void **state)
{
	struct partition *p;

	if (guest_setup(state) != 0)
		return -1;
	fake_apic_reset(2);
	p = guest_partition(guest_child(100, VPS));
	for (u32 i = 0; i < VPS; i++) {
		vps[i] = p->vps[i];
		assert_ptr_equal(vps[i]->cpu, &fake.cpu);
		vps[i]->explicit_suspend = 0;
		vps[i]->state.activity = 0;
	}
	other = fake_processor_add(7);
	fake_others.sent_count = 0;
	cpu_arch(other)->kicked = 0;
	return 0;
}

static void is_of(const struct vp *vp, const struct cpu *cpu)
{
	assert_ptr_equal(vp->cpu, cpu);
}

/* ---- One VP ---- */

static void test_its_turn_comes_along(void **state)
{
	(void)state;
	ready_wake(vps[0]);
	ready_wake(vps[1]);
	vp_move(vps[1], other);
	is_of(vps[1], other);
	assert_true(list_holds_only(&fake.cpu.ready, &vps[0]->ready));
	assert_true(list_holds_only(&other->ready, &vps[1]->ready));
	assert_int_equal(fake.cpu.vps, VPS - 1);
	assert_int_equal(other->vps, 1);
	/* It may halt there, and know of nobody. */
	assert_int_equal(fake_others.sent_count, 1);
	assert_int_equal(fake_others.moved, 1);
	/* It was in no processor. */
	assert_int_equal(fake_others.let_go, 0);
}

static void test_its_alarm_comes_along(void **state)
{
	(void)state;
	alarm_set(vps[0], fake.tsc + 1000);
	alarm_set(vps[1], fake.tsc + 500);
	vp_move(vps[1], other);
	assert_int_equal(fake.cpu.alarm_count, 1);
	assert_ptr_equal(alarm_first(&fake.cpu), vps[0]);
	assert_int_equal(other->alarm_count, 1);
	assert_ptr_equal(alarm_first(other), vps[1]);
	assert_int_equal(vps[1]->alarm_at, fake.tsc + 500);
	assert_false(list_linked(&vps[1]->ready));
	/* Else it would sleep past that. */
	assert_int_equal(fake_others.sent_count, 1);
}

static void test_one_that_wants_nothing(void **state)
{
	(void)state;
	vp_move(vps[2], other);
	is_of(vps[2], other);
	assert_int_equal(fake_others.sent_count, 0);
	assert_false(list_linked(&vps[2]->ready) || vps[2]->alarm);
	/* What wakes it does so there. */
	ready_wake(vps[2]);
	assert_true(list_holds_only(&other->ready, &vps[2]->ready));
}

/* Its registers, and its being asked for, do not stay here. */
static void test_it_is_let_go(void **state)
{
	struct vp_state *s;

	(void)state;
	fake.here = other;
	s = fake_run_on(vps[0], &fake.cpu);
	fake.here = &fake.cpu;
	s->dr[1] = 0x1111;
	fake_exit(vps[0]);
	fake.here = other;
	assert_false(arch_vp_take(vps[0]));
	fake.here = &fake.cpu;
	fake.cpu.current = fake.cpu.root;
	vp_move(vps[0], other);
	assert_int_equal(fake_others.let_go, 1);
	assert_int_equal(fake_others.moved, 1);
	assert_false(vps[0]->in_processor || list_linked(&vps[0]->asked));
	assert_int_equal(vps[0]->state.dr[1], 0x1111);
	assert_ptr_not_equal(cpu_arch(&fake.cpu)->resident, vps[0]);
	fake.here = other;
	assert_true(arch_vp_take(vps[0]));
}

/* ---- Who is free ---- */

static void test_who_is_free(void **state)
{
	(void)state;
	assert_ptr_equal(cpus_free(), &fake.cpu);
	ready_wake(vps[0]);
	assert_ptr_equal(cpus_free(), other);
	other->parked = true;
	assert_null(cpus_free());
	other->parked = false;
	ready_wake(vps[1]);
	vp_move(vps[1], other);
	assert_null(cpus_free());
}

static void give_turn(struct vp *vp)
{
	fake.cpu.current = vp;
}

/* vps[0] has had its turn, and vps[1] is entered. */
static void has_had_its_turn(void)
{
	ready_wake(vps[1]);
	ready_wake(vps[0]);
	give_turn(vps[1]);
}

static void test_who_has_had_its_turn_goes_on_elsewhere(void **state)
{
	(void)state;
	has_had_its_turn();
	sched_spread(&fake.cpu, vps[0]);
	is_of(vps[0], other);
	is_of(vps[1], &fake.cpu);
	/* And there it stays, where each has its own. */
	sched_spread(&fake.cpu, vps[1]);
	is_of(vps[1], &fake.cpu);
}

static void test_the_root_has_taken_the_turn(void **state)
{
	(void)state;
	has_had_its_turn();
	give_turn(fake.cpu.root);
	sched_spread(&fake.cpu, vps[0]);
	is_of(vps[0], other);
}

static void test_who_is_not_moved(void **state)
{
	(void)state;
	has_had_its_turn();
	/* It goes on here. */
	give_turn(vps[0]);
	sched_spread(&fake.cpu, vps[0]);
	/* It has nothing to do, or may not. */
	give_turn(vps[1]);
	vps[0]->explicit_suspend = HV_SUSPENDED;
	sched_spread(&fake.cpu, vps[0]);
	vps[0]->explicit_suspend = 0;
	vps[0]->hold_end = fake.tsc + 1000;
	sched_spread(&fake.cpu, vps[0]);
	vps[0]->hold_end = 0;
	/* It was held as others were looked at, and sleeps up to the end of that: now. */
	list_remove(&vps[0]->ready);
	sched_spread(&fake.cpu, vps[0]);
	list_remove(&vps[1]->ready);
	sched_spread(&fake.cpu, vps[0]);
	ready_wake(vps[1]);
	ready_wake(vps[0]);
	/* The root is each processor's own. */
	sched_spread(&fake.cpu, fake.cpu.root);
	assert_int_equal(fake_others.moved, 0);
	/* Nobody but the root wants its place. */
	list_remove(&vps[1]->ready);
	give_turn(fake.cpu.root);
	sched_spread(&fake.cpu, vps[0]);
	assert_int_equal(fake_others.moved, 0);
	/* Nobody has room. */
	ready_wake(vps[1]);
	other->parked = true;
	sched_spread(&fake.cpu, vps[0]);
	assert_int_equal(fake_others.moved, 0);
}

/* By the way of each entry. */
static void test_a_slice_ends(void **state)
{
	struct vp *first, *second;

	(void)state;
	fake.cpu.root_halted = true;
	ready_wake(vps[0]);
	ready_wake(vps[1]);
	first = enter_next(&fake.cpu, SCHED_HALT);
	assert_false(first->is_root);
	fake_exit(first);
	fake.cpu.current = first;
	second = enter_next(&fake.cpu, SCHED_SLICE_END);
	if (second->is_root) {
		fake.cpu.root_halted = true;
		second = enter_next(&fake.cpu, SCHED_HALT);
	}
	assert_false(second->is_root);
	assert_ptr_not_equal(second, first);
	is_of(first, other);
	assert_false(first->in_processor);
	assert_true(list_holds_only(&other->ready, &first->ready));
}

/* ---- A processor that waits for SIPI ---- */

static void test_all_are_given_away(void **state)
{
	(void)state;
	ready_wake(vps[0]);
	alarm_set(vps[1], fake.tsc + 1000);
	fake.cpu.parked = true;
	assert_true(sched_give_away(&fake.cpu));
	is_of(vps[0], other);
	assert_true(sched_give_away(&fake.cpu));
	is_of(vps[1], other);
	/* The last one wants nothing, up to when something comes for it. */
	assert_false(sched_give_away(&fake.cpu));
	is_of(vps[2], &fake.cpu);
	ready_wake(vps[2]);
	assert_true(sched_give_away(&fake.cpu));
	is_of(vps[2], other);
	assert_int_equal(fake.cpu.vps, 0);
	assert_int_equal(other->vps, VPS);
}

/* The other processor's are those of the first one while that waits. */
static void woken_meanwhile(struct cpu *cpu, u32 wait)
{
	const struct lapic_message sipi = { .delivery = LAPIC_DELIVER_SIPI,
		                            .vector = PAGE };

	if (wait == 0) {
		is_of(vps[0], &fake.cpu);
		is_of(vps[1], &fake.cpu);
		fake.here = &fake.cpu;
		ready_wake(vps[2]);
		fake.here = cpu;
	} else {
		is_of(vps[2], &fake.cpu);
		lapic_deliver(cpu->root, &sipi);
	}
}

static void test_one_that_waits_has_none(void **state)
{
	const struct lapic_message init = { .delivery = LAPIC_DELIVER_INIT };

	(void)state;
	ready_wake(vps[0]);
	alarm_set(vps[1], fake.tsc + 1000);
	for (u32 i = 0; i < VPS; i++)
		vp_move(vps[i], other);
	fake_go_to(other);
	fake_others.arrives = woken_meanwhile;
	lapic_deliver(other->root, &init);
	startup_settle(other);
	assert_int_equal(fake_others.waits, 2);
	/* Between two of them the others have the lock. */
	assert_int_equal(fake_others.passed, VPS);
	assert_int_equal(other->vps, 0);
	assert_int_equal(fake.cpu.vps, VPS);
	assert_false(other->parked);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_its_turn_comes_along),
		CASE(test_its_alarm_comes_along),
		CASE(test_one_that_wants_nothing),
		CASE(test_it_is_let_go),
		CASE(test_who_is_free),
		CASE(test_who_has_had_its_turn_goes_on_elsewhere),
		CASE(test_the_root_has_taken_the_turn),
		CASE(test_who_is_not_moved),
		CASE(test_a_slice_ends),
		CASE(test_all_are_given_away),
		CASE(test_one_that_waits_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
