/*
 * arch/x86_64/common/startup.c: one of the root's processors that gets INIT and SIPI, on its way
 * to the next entry (SDM 8.4.3, 8.4.4, 10.4.7.3).
 */
#include "arch/x86_64/common/enter.h"
#include "arch/x86_64/common/kick.h"
#include "arch/x86_64/common/startup.h"
#include "arch/x86_64/svm/timer.h"
#include "hv/interrupt/lapic.h"
#include "hv/vp/partition.h"
#include "hv/vp/ready.h"
#include "include/x86.h"
#include "tests/host/fake/apic.h"
#include "tests/host/fake/others.h"
#include "tests/host/fake/vendor.h"
#include "tests/host/fixture/test.h"

#define PAGE 0x9au
#define TICKS 2u
#define RIP 0x1234567ull

static struct cpu *other;
static struct vp *root; /* its */

static int set_up(void **state)
{
	if (guest_setup(state) != 0)
		return -1;
	fake_apic_reset(TICKS);
	other = fake_processor_add(0x15);
	root = other->root;
	root->state.rip = RIP;
	root->state.cr0 = CR0_PE | CR0_ET;
	fake_go_to(other);
	return 0;
}

static void gets(enum lapic_delivery delivery, u8 vector)
{
	const struct lapic_message m = { .delivery = delivery,
		                         .vector = vector };

	lapic_deliver(root, &m);
}

static void gets_init(void)
{
	gets(LAPIC_DELIVER_INIT, 0);
}

static void starts_at(u32 page)
{
	const struct vp_state *s = &root->state;

	assert_int_equal(s->activity, 0);
	assert_int_equal(s->rip, 0);
	assert_int_equal(s->segment[VP_CS].selector, page << 8);
	assert_int_equal(s->segment[VP_CS].base, page << 12);
	assert_int_equal(s->cr0, CR0_ET);
	assert_int_equal(root->lapic.events, 0);
}

/* ---- What comes while it waits ---- */

static void sipi_at_once(struct cpu *cpu, u32 wait)
{
	assert_ptr_equal(cpu, other);
	assert_int_equal(wait, 0);
	assert_int_equal(root->state.activity, HV_ACTIVITY_STARTUP_SUSPEND);
	gets(LAPIC_DELIVER_SIPI, PAGE);
}

static void test_init_and_sipi(void **state)
{
	(void)state;
	fake_others.arrives = sipi_at_once;
	other->root_halted = true;
	gets_init();
	startup_settle(other);
	assert_int_equal(fake_others.waits, 1);
	starts_at(PAGE);
	assert_int_equal(root->dirty, VP_PART_ALL);
	assert_false(other->root_halted);
}

/* Both have come before it looks. */
static void test_both_at_once(void **state)
{
	(void)state;
	gets_init();
	gets(LAPIC_DELIVER_SIPI, PAGE);
	startup_settle(other);
	assert_int_equal(fake_others.waits, 0);
	starts_at(PAGE);
}

static void test_a_sipi_alone(void **state)
{
	(void)state;
	gets(LAPIC_DELIVER_SIPI, PAGE);
	startup_settle(other);
	assert_int_equal(root->lapic.events, 0);
	assert_int_equal(root->state.rip, RIP);
	assert_int_equal(root->state.cr0, CR0_PE | CR0_ET);
	assert_int_equal(root->state.activity, 0);
	assert_int_equal(fake_others.waits, 0);
	/* Its APIC is as it was. */
	assert_int_equal(apic_read(LAPIC_SVR), LAPIC_SVR_ENABLE);
}

/* Kicks, an NMI for the root, one more INIT: it waits for SIPI as before. */
static void much(struct cpu *cpu, u32 wait)
{
	assert_int_equal(root->state.activity, HV_ACTIVITY_STARTUP_SUSPEND);
	assert_int_equal(cpu_arch(cpu)->kicked, 0);
	if (wait == 0)
		cpu_arch(cpu)->kicked = 1;
	else if (wait == 1)
		assert_false(cpu_arch(cpu)->nmi_pending);
	else if (wait == 2)
		gets_init();
	else
		gets(LAPIC_DELIVER_SIPI, (u8)(PAGE + wait));
}

static void test_it_waits_for_a_sipi(void **state)
{
	(void)state;
	fake_others.arrives = much;
	gets_init();
	startup_settle(other);
	assert_int_equal(fake_others.waits, 4);
	starts_at(PAGE + 3);
	/* The NMI was the root's, which can take it now. */
	assert_true(cpu_arch(other)->nmi_pending);
	assert_false(cpu_arch(other)->nmi_arrived);
}

static struct vp *child;

static void asked_meanwhile(struct cpu *cpu, u32 wait)
{
	if (wait == 0) {
		fake.here = &fake.cpu;
		assert_false(arch_vp_take(child));
		fake.here = cpu;
	} else {
		assert_false(child->in_processor);
		gets(LAPIC_DELIVER_SIPI, PAGE);
	}
}

/* Others get the children that it had, and that want nothing by now. */
static void test_children_are_let_go(void **state)
{
	(void)state;
	fake_go_to(&fake.cpu);
	child = guest_child_vp(80, 1, &(u64){ 0 });
	child->explicit_suspend = 0;
	fake_run_on(child, other);
	fake_go_to(other);
	fake_exit(child);
	list_remove(&child->ready);
	fake_others.arrives = asked_meanwhile;
	gets_init();
	startup_settle(other);
	assert_int_equal(fake_others.waits, 2);
	assert_int_equal(fake_others.let_go, 1);
	starts_at(PAGE);
}

static void moved_before(struct cpu *cpu, u32 wait)
{
	(void)cpu;
	(void)wait;
	assert_ptr_equal(child->cpu, &fake.cpu);
	assert_false(child->in_processor);
	gets(LAPIC_DELIVER_SIPI, PAGE);
}

/* The one that it had when the INIT came runs on another one. */
static void test_the_child_that_ran_goes_on(void **state)
{
	(void)state;
	fake_go_to(&fake.cpu);
	child = guest_child_vp(80, 1, &(u64){ 0 });
	child->explicit_suspend = 0;
	fake_run_on(child, other);
	fake_go_to(other);
	other->current_since = fake.tsc - 500;
	fake_others.arrives = moved_before;
	gets_init();
	assert_ptr_equal(enter_next(other, SCHED_GO_ON), root);
	assert_int_equal(fake_others.waits, 1);
	assert_int_equal(fake_others.let_go, 1);
	assert_true(list_holds_only(&fake.cpu.ready, &child->ready));
	assert_int_equal(child->runtime, 500);
	starts_at(PAGE);
}

/* ---- An NMI of another ---- */

/* It is the root's at once, though it halts, and a child could go on for ever. */
static void test_an_nmi_ends_a_childs_run(void **state)
{
	(void)state;
	fake_go_to(&fake.cpu);
	child = guest_child_vp(80, 1, &(u64){ 0 });
	child->explicit_suspend = 0;
	fake_run_on(child, other)->rflags |= RFLAGS_IF;
	other->root_halted = true;
	assert_true(startup_sent(0x15ull << 32 | LAPIC_ICR_NMI, true));
	fake_go_to(other);
	assert_true(kick_came(other));
	assert_ptr_equal(enter_next(other, SCHED_GO_ON), root);
	assert_int_equal(fake_vendor_state(root)->pending_interruption >>
	                                 HV_PENDING_VECTOR_SHIFT &
	                         0xff,
	                 VECTOR_NMI);
	assert_false(fake_vendor.entry.halted && !fake_vendor.entry.timed);
	/* Once: the child is not kept out behind that. */
	fake_vendor_state(root)->pending_interruption = 0;
	root->cached = VP_PART_OURS;
	assert_ptr_equal(enter_next(other, SCHED_HALT), child);
}

/* ---- Its APIC ---- */

static void put(u32 set, u32 vector)
{
	u32 at = set + vector / 32 * 16;

	apic_write(at, apic_read(at) | 1u << vector % 32);
}

static void use_apic(void)
{
	for (u32 at = LAPIC_LVT_TIMER; at <= LAPIC_LVT_ERROR; at += 16)
		apic_write(at, 0x50);
	apic_write(LAPIC_INITIAL_COUNT, 5000);
	apic_write(LAPIC_TPR, 0x30);
	apic_write(LAPIC_DFR, 0x0fffffff);
	apic_write(LAPIC_LDR, 0x02000000);
	apic_write(LAPIC_SVR, 0x1f0);
	put(LAPIC_ISR, 0x31);
	put(LAPIC_ISR, 0x5f);
	put(LAPIC_ISR, 0x40);
	put(LAPIC_ISR, 0xfe);
	/* Above and below what is in service, and of the lowest class that there is. */
	put(LAPIC_IRR, 0xff);
	put(LAPIC_IRR, 0x33);
	put(LAPIC_IRR, 0x20);
	put(LAPIC_IRR, 0x1f);
	fake_apic.ends = 0;
}

static void test_the_apic(void **state)
{
	for (u32 x2apic = 0; x2apic < 2; x2apic++) {
		fake_teardown(state);
		assert_int_equal(set_up(state), 0);
		if (x2apic)
			fake_apic.base |= LAPIC_BASE_X2APIC;
		use_apic();
		/* One that is off keeps what waits there. */
		if (x2apic)
			apic_write(LAPIC_SVR, 0xf0);
		gets_init();
		gets(LAPIC_DELIVER_SIPI, PAGE);
		startup_settle(other);
		assert_int_equal(fake_apic.taken, 4);
		assert_int_equal(fake_apic.ends, 8);
		for (u32 at = 0; at < 8; at++) {
			assert_int_equal(apic_read(LAPIC_ISR + at * 16), 0);
			assert_int_equal(apic_read(LAPIC_IRR + at * 16), 0);
		}
		for (u32 at = LAPIC_LVT_TIMER; at <= LAPIC_LVT_ERROR; at += 16)
			assert_int_equal(apic_read(at), 0x10000);
		assert_int_equal(apic_read(LAPIC_INITIAL_COUNT), 0);
		assert_int_equal(apic_read(LAPIC_TPR), 0);
		assert_int_equal(apic_read(LAPIC_SVR), 0xff);
		/* In x2APIC mode it follows from the number, and DFR is none. */
		assert_int_equal(apic_read(LAPIC_DFR),
		                 x2apic ? 0x0fffffff : 0xffffffff);
		assert_int_equal(apic_read(LAPIC_LDR), x2apic ? 0x02000000 : 0);
		assert_int_equal(fake_apic.base & LAPIC_BASE_X2APIC,
		                 x2apic ? LAPIC_BASE_X2APIC : 0);
	}
}

/* Where the vendor has the root's timer to itself, it gives it back. */
static void test_the_timer(void **state)
{
	(void)state;
	apic_write(LAPIC_DIVIDE, LAPIC_DIVIDE_BY_1);
	apic_write(LAPIC_LVT_TIMER, 0x40);
	apic_write(LAPIC_INITIAL_COUNT, 10000);
	fake.tsc_step = 1;
	timer_begin();
	fake.tsc_step = 0;
	timer_set(true, 4000);
	assert_true(timer_is_owned());
	gets(LAPIC_DELIVER_SIPI, PAGE);
	startup_settle(other);
	assert_true(timer_is_owned());
	gets_init();
	gets(LAPIC_DELIVER_SIPI, PAGE);
	startup_settle(other);
	assert_false(timer_is_owned());
	assert_int_equal(apic_read(LAPIC_LVT_TIMER), 0x10000);
}

/* Nothing of it can be reached, and nothing is touched. */
static void test_an_apic_that_is_off(void **state)
{
	(void)state;
	use_apic();
	fake_apic.base = LAPIC_BASE_RESET;
	gets_init();
	gets(LAPIC_DELIVER_SIPI, PAGE);
	startup_settle(other);
	assert_int_equal(fake_apic.ends, 0);
	assert_int_equal(apic_read(LAPIC_SVR), 0x1f0);
	starts_at(PAGE);
}

/* ---- On the way in ---- */

static void test_on_the_way_in(void **state)
{
	(void)state;
	fake_others.arrives = sipi_at_once;
	cpu_arch(other)->quiet = false;
	gets_init();
	assert_ptr_equal(enter_next(other, SCHED_GO_ON), root);
	assert_int_equal(root->dirty, 0);
	assert_int_equal(fake_vendor_state(root)->segment[VP_CS].base,
	                 PAGE << 12);
	assert_true(root->in_processor);
}

/* An INIT behind a wait in HLT: that is over, and the root has something to do. */
static void test_it_does_not_halt_any_more(void **state)
{
	(void)state;
	gets_init();
	gets(LAPIC_DELIVER_SIPI, PAGE);
	assert_ptr_equal(enter_next(other, SCHED_HALT), root);
	assert_false(fake_vendor.entry.halted);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_init_and_sipi),
		CASE(test_both_at_once),
		CASE(test_a_sipi_alone),
		CASE(test_it_waits_for_a_sipi),
		CASE(test_children_are_let_go),
		CASE(test_the_child_that_ran_goes_on),
		CASE(test_an_nmi_ends_a_childs_run),
		CASE(test_the_apic),
		CASE(test_the_timer),
		CASE(test_an_apic_that_is_off),
		CASE(test_on_the_way_in),
		CASE(test_it_does_not_halt_any_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
