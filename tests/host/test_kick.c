/*
 * arch/x86_64/common/kick.c: how one processor has another leave its guest, and lets go of the
 * VPs that others want.
 */
#include "arch/x86_64/common/kick.h"

#include <unistd.h>

#include "arch/x86_64/common/enter.h"
#include "hv/vp/partition.h"
#include "hv/vp/ready.h"
#include "include/x86_apic.h"
#include "tests/host/fake/others.h"
#include "tests/host/fake/vendor.h"
#include "tests/host/fixture/test.h"

#define APIC 0x21u
#define NMI 0x4400u /* asserted, delivery mode 4, no shorthand (SDM 10.6.1) */
#define HELD 200u   /* microseconds */
#define LATE 20u    /* milliseconds */

static struct cpu *other;
static struct cpu_arch *here, *there;
static struct vp *child; /* of the other processor, not suspended */

static int set_up(void **state)
{
	u64 id;

	if (guest_setup(state) != 0)
		return -1;
	other = fake_processor_add(APIC);
	here = cpu_arch(&fake.cpu);
	there = cpu_arch(other);
	id = guest_child(80, 1);
	child = guest_partition(id)->vps[0];
	child->explicit_suspend = 0;
	ready_wake(child);
	fake_others.sent_count = 0;
	there->kicked = 0;
	there->in_guest = true;
	return 0;
}

static void has_sent(u32 count)
{
	assert_int_equal(fake_others.sent_count, count);
	for (u32 i = 0; i < count; i++) {
		assert_int_equal(fake_others.sent[i].to, APIC);
		assert_int_equal(fake_others.sent[i].low, NMI);
	}
}

/* ---- Whose an NMI is ---- */

static void test_a_kick_is_nobodys(void **state)
{
	(void)state;
	assert_false(kick_came(&fake.cpu));
	here->kicked = 1;
	assert_true(kick_came(&fake.cpu));
	assert_false(kick_came(&fake.cpu));
	here->kicked = 1;
	here->nmi_arrived = true;
	assert_false(kick_note_nmi(&fake.cpu));
	assert_false(here->nmi_pending || here->nmi_arrived || here->kicked);
	/* The next one is the root's, and waits for it. */
	here->nmi_arrived = true;
	assert_true(kick_note_nmi(&fake.cpu));
	assert_true(here->nmi_pending);
	assert_false(here->nmi_arrived);
	assert_false(kick_note_nmi(&fake.cpu));
	assert_true(here->nmi_pending);
}

/* It is under way: the NMI that is to come is not taken for the root's. */
static void test_a_kick_that_is_not_here_yet(void **state)
{
	(void)state;
	here->kicked = 1;
	assert_false(kick_note_nmi(&fake.cpu));
	assert_int_equal(here->kicked, 1);
	here->nmi_arrived = true;
	assert_false(kick_note_nmi(&fake.cpu));
	assert_false(here->nmi_pending);
}

/* A child goes on behind a kick, and not behind an NMI, which goes to the root. */
static void test_on_the_way_in(void **state)
{
	struct vp *root = fake_root_vp(), *mine;

	(void)state;
	assert_ok(guest_create_vp(child->partition->id, 1));
	mine = child->partition->vps[1];
	assert_ptr_equal(mine->cpu, &fake.cpu);
	mine->explicit_suspend = mine->state.activity = 0;
	ready_wake(mine);
	assert_ptr_equal(enter_next(&fake.cpu, SCHED_HALT), mine);
	assert_true(mine->in_processor);
	here->kicked = 1;
	here->nmi_arrived = true;
	assert_ptr_equal(enter_next(&fake.cpu, SCHED_GO_ON), mine);
	assert_false(here->nmi_arrived);
	here->nmi_arrived = true;
	assert_ptr_equal(enter_next(&fake.cpu, SCHED_GO_ON), root);
	assert_int_equal(fake_vendor_state(root)->pending_interruption >>
	                                 HV_PENDING_VECTOR_SHIFT &
	                         0xff,
	                 2);
}

/* ---- Kicks ---- */

static void test_one_for_many(void **state)
{
	(void)state;
	there->quiet = true;
	arch_cpu_kick(other);
	has_sent(1);
	assert_int_equal(there->kicked, 1);
	assert_false(there->quiet);
	/* While that is under way; it is to look at all, whatever it was about. */
	there->quiet = true;
	arch_cpu_kick(other);
	has_sent(1);
	assert_false(there->quiet);
	assert_true(kick_came(other));
	arch_cpu_kick(other);
	has_sent(2);
}

/* ---- Kicks that are lost ---- */

static u64 milliseconds(u32 count)
{
	return fake.facts.tsc_hz / 1000 * count;
}

static void test_one_that_is_late_is_sent_again(void **state)
{
	(void)state;
	fake_others.lost = 3;
	arch_cpu_kick(other);
	fake.tsc += milliseconds(LATE);
	arch_cpu_kick(other);
	has_sent(1);
	fake.tsc++;
	arch_cpu_kick(other);
	has_sent(2);
	/* From then on again so long. */
	fake.tsc += milliseconds(LATE);
	arch_cpu_kick(other);
	has_sent(2);
	fake.tsc++;
	arch_cpu_kick(other);
	has_sent(3);
	/* One that works looks by itself, however long it takes. One that halts does not. */
	there->in_guest = false;
	fake.tsc += milliseconds(10 * LATE);
	arch_cpu_kick(other);
	has_sent(3);
	there->halts = true;
	arch_cpu_kick(other);
	has_sent(4);
	/* Whose TSC is behind has not waited long. */
	there->kicked_at = fake.tsc + 1000;
	arch_cpu_kick(other);
	has_sent(4);
}

/* Who waits for it to leave its guest sees to that: nobody else can meanwhile. */
static void test_whoever_waits_sends_it_again(void **state)
{
	(void)state;
	fake_run_on(child, other);
	fake_others.lost = 2;
	fake_others.patience = 3 * LATE;
	arch_vp_kick(child);
	has_sent(3);
	assert_false(there->in_guest);
	/* Up to LATE and a moment, twice. */
	assert_in_range(fake_others.patience, LATE - 4, LATE);
}

/* Within a second of being sent it is no NMI of the root's, and then it is. */
static void test_the_second_of_two(void **state)
{
	for (u32 late = 0; late < 2; late++) {
		fake_others.lost = 1;
		arch_cpu_kick(other);
		fake.tsc += milliseconds(LATE) + 1;
		arch_cpu_kick(other);
		assert_true(kick_came(other));
		fake.tsc += milliseconds(1000) - !late;
		assert_int_equal(kick_came(other), !late);
		/* One of them. */
		assert_false(kick_came(other));
		fake_teardown(state);
		set_up(state);
	}
	/* A kick alone is one. */
	arch_cpu_kick(other);
	assert_true(kick_came(other));
	assert_false(kick_came(other));
}

static void test_not_this_processor(void **state)
{
	(void)state;
	here->quiet = true;
	arch_cpu_kick(&fake.cpu);
	has_sent(0);
	assert_int_equal(here->kicked, 0);
	assert_true(here->quiet);
}

static void test_a_vp_that_runs_is_stopped(void **state)
{
	struct vp *root = fake_root_vp();

	(void)state;
	arch_vp_kick(child);
	has_sent(0);
	assert_true(there->in_guest);
	/* The root's of that processor is current there, as is this one's here. */
	arch_vp_kick(root);
	has_sent(0);
	arch_vp_kick(other->root);
	has_sent(1);
	assert_false(there->in_guest);
	fake_run_on(child, other);
	arch_vp_kick(child);
	has_sent(2);
	assert_false(there->in_guest);
}

static const struct arch_space *root_space(void)
{
	return &fake_root_vp()->partition->space.arch;
}

static void test_all_leave(void **state)
{
	struct cpu *third = fake_processor_add(0x33);

	(void)state;
	cpu_arch(third)->in_guest = false;
	there->quiet = cpu_arch(third)->quiet = true;
	kick_space(root_space());
	has_sent(1);
	assert_false(there->in_guest || there->quiet);
	/* Who is in no guest looks by itself before it is. */
	assert_int_equal(cpu_arch(third)->kicked, 0);
	there->kicked = 0;
	there->in_guest = cpu_arch(third)->in_guest = true;
	kick_space(root_space());
	assert_int_equal(fake_others.sent_count, 3);
	assert_int_equal(fake_others.sent[2].to, 0x33);
	assert_false(there->in_guest || cpu_arch(third)->in_guest);
}

/* Who runs another partition's VP has nothing in hand that has changed. */
static void test_those_of_the_space_leave(void **state)
{
	(void)state;
	fake_run_on(child, other);
	kick_space(root_space());
	has_sent(0);
	assert_true(there->in_guest);
	kick_space(&child->partition->space.arch);
	has_sent(1);
	assert_false(there->in_guest);
}

/* Seen from another one: this is the one that is waited for. */
static void test_all_but_the_caller(void **state)
{
	(void)state;
	here->apic_id = 0x10;
	here->in_guest = true;
	fake_go_to(other);
	kick_space(root_space());
	assert_int_equal(fake_others.sent_count, 1);
	assert_int_equal(fake_others.sent[0].to, 0x10);
	assert_false(here->in_guest);
	assert_int_equal(there->kicked, 0);
}

/* ---- Taking a VP ---- */

static void test_what_is_here_is_taken(void **state)
{
	struct vp *root = fake_root_vp();

	(void)state;
	root->in_processor = true;
	assert_true(arch_vp_take(root));
	assert_int_equal(root->hold_end, 0);
	/* Its processor has nothing of it. */
	assert_true(arch_vp_take(child));
	assert_int_equal(child->hold_end, 0);
	assert_false(list_linked(&child->asked));
	has_sent(0);
}

static void test_what_is_elsewhere_is_asked_for(void **state)
{
	u64 held = fake.facts.tsc_hz / 1000000 * HELD;

	(void)state;
	fake_run_on(child, other);
	assert_false(arch_vp_take(child));
	assert_int_equal(child->hold_end, fake.tsc + held);
	assert_true(list_holds_only(&other->asked, &child->asked));
	has_sent(1);
	/* Again: it is held from then on, and asked for once. */
	fake.tsc += 1000;
	assert_false(arch_vp_take(child));
	assert_int_equal(child->hold_end, fake.tsc + held);
	assert_true(list_holds_only(&other->asked, &child->asked));
	has_sent(1);
	/* It leaves the guest, has the child no more, and runs something else. */
	fake_processor_comes(other);
	assert_ptr_equal(other->current, other->root);
	assert_false(child->in_processor || list_linked(&child->asked));
	assert_true(arch_vp_take(child));
	assert_int_equal(fake_others.let_go, 1);
	assert_ptr_equal(fake_others.gone, child);
}

/* However late its processor comes: it lets go, and whoever asked has all of the time. */
static void test_a_hold_begins_as_it_is_let_go(void **state)
{
	u64 held = fake.facts.tsc_hz / 1000000 * HELD;

	(void)state;
	fake_run_on(child, other);
	assert_false(arch_vp_take(child));
	fake.tsc += 2 * held;
	fake_processor_comes(other);
	assert_ptr_equal(other->current, other->root);
	assert_int_equal(child->hold_end, fake.tsc + held);
	assert_true(arch_vp_take(child));
}

/* It runs something else, and the child's registers may still be in it. */
static void test_what_ran_elsewhere_is_asked_for(void **state)
{
	(void)state;
	fake_run_on(child, other);
	fake_exit(child);
	assert_ptr_equal(other->current, other->root);
	assert_false(arch_vp_take(child));
	assert_true(list_linked(&child->asked));
	has_sent(1);
	fake_processor_comes(other);
	assert_true(arch_vp_take(child));
}

/* ---- Letting go ---- */

/* It has run, and the processor sees to its exit. */
static struct vp_state *exited(void)
{
	struct vp_state *s = fake_run_on(child, other);

	fake_exit(child);
	fake_go_to(other);
	s->dr[1] = 0x1111;
	return s;
}

static void test_registers_come_along(void **state)
{
	(void)state;
	exited();
	list_add_before(&other->asked, &child->asked);
	kick_let_go(other, other->root);
	assert_int_equal(child->state.dr[1], 0x1111);
	assert_null(there->resident);
	assert_false(child->in_processor || list_linked(&child->asked));
	assert_false(list_linked(&other->asked));
	assert_int_equal(fake_others.let_go, 1);
}

/* What its parent has given it since is not overwritten by what it left. */
static void test_registers_that_are_newer(void **state)
{
	(void)state;
	exited();
	child->cached |= VP_PART_LIVE;
	child->state.dr[1] = 0x2222;
	list_add_before(&other->asked, &child->asked);
	kick_let_go(other, other->root);
	assert_int_equal(child->state.dr[1], 0x2222);
	assert_null(there->resident);
	assert_false(child->in_processor);
}

/* The registers in the processor are another one's. */
static void test_registers_of_another(void **state)
{
	(void)state;
	exited();
	there->resident = other->root;
	child->state.dr[1] = 0x3333;
	list_add_before(&other->asked, &child->asked);
	kick_let_go(other, other->root);
	assert_int_equal(child->state.dr[1], 0x3333);
	assert_ptr_equal(there->resident, other->root);
	assert_false(child->in_processor);
	assert_int_equal(fake_others.let_go, 1);
}

/* It is entered next: whoever asked has not come back in time. */
static void test_who_runs_again_is_kept(void **state)
{
	(void)state;
	exited();
	list_add_before(&other->asked, &child->asked);
	other->current = child;
	kick_let_go(other, child);
	assert_true(child->in_processor);
	assert_ptr_equal(there->resident, child);
	assert_false(list_linked(&child->asked) || list_linked(&other->asked));
	assert_int_equal(fake_others.let_go, 0);
}

static void test_who_was_suspended_is_let_go(void **state)
{
	(void)state;
	exited();
	/* Nobody asks, and it may run again: it stays. */
	kick_let_go(other, child);
	assert_true(child->in_processor);
	child->intercept_suspend = HV_SUSPENDED;
	kick_let_go(other, child);
	assert_false(child->in_processor);
	assert_int_equal(child->state.dr[1], 0x1111);
	assert_int_equal(fake_others.let_go, 1);
	/* Once. */
	kick_let_go(other, child);
	assert_int_equal(fake_others.let_go, 1);
}

static void test_all_that_are_asked_for(void **state)
{
	struct vp *vps[3];

	(void)state;
	for (u32 i = 0; i < 3; i++) {
		assert_ok(guest_create_vp(child->partition->id, 1 + i));
		vps[i] = child->partition->vps[1 + i];
		fake_run_on(vps[i], other);
		list_add_before(&other->asked, &vps[i]->asked);
	}
	fake_go_to(other);
	other->current = vps[1];
	kick_let_go(other, other->root);
	for (u32 i = 0; i < 3; i++)
		assert_int_equal(vps[i]->in_processor, i == 1);
	assert_false(list_linked(&other->asked));
	assert_int_equal(fake_others.let_go, 2);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_a_kick_is_nobodys),
		CASE(test_a_kick_that_is_not_here_yet),
		CASE(test_on_the_way_in),
		CASE(test_one_for_many),
		CASE(test_one_that_is_late_is_sent_again),
		CASE(test_whoever_waits_sends_it_again),
		CASE(test_the_second_of_two),
		CASE(test_not_this_processor),
		CASE(test_a_vp_that_runs_is_stopped),
		CASE(test_all_leave),
		CASE(test_those_of_the_space_leave),
		CASE(test_all_but_the_caller),
		CASE(test_what_is_here_is_taken),
		CASE(test_what_is_elsewhere_is_asked_for),
		CASE(test_a_hold_begins_as_it_is_let_go),
		CASE(test_what_ran_elsewhere_is_asked_for),
		CASE(test_registers_come_along),
		CASE(test_registers_that_are_newer),
		CASE(test_registers_of_another),
		CASE(test_who_runs_again_is_kept),
		CASE(test_who_was_suspended_is_let_go),
		CASE(test_all_that_are_asked_for),
	};

	/* A kick that nobody gets is waited for, and not for ever. */
	alarm(20);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
