/*
 * From an exit to the next entry, and what a VP is given on that way: all that is x86
 * of it (arch/x86_64/common), over the vendor of fake/vendor.h.
 */
#include "arch/x86_64/common/child_msr.h"
#include "arch/x86_64/common/cpu_arch.h"
#include "arch/x86_64/common/enter.h"
#include "arch/x86_64/common/interrupts.h"
#include "arch/x86_64/common/outcome.h"
#include "arch/x86_64/common/root_msr.h"
#include "hv/interrupt/lapic.h"
#include "hv/vp/partition.h"
#include "include/x86.h"
#include "include/x86_apic.h"
#include "include/x86_msr.h"
#include "tests/host/fake/processor.h"
#include "tests/host/fake/vendor.h"
#include "tests/host/fixture/test.h"

#define VECTOR 0x41

static struct vp *child;

/* A child that may run, and a root that the processor has. */
static int set_up(void **state)
{
	struct vp *root;
	u64 id;

	if (guest_setup(state) != 0)
		return -1;
	root = fake_root_vp();
	arch_vp_init(root);
	root->cached = root->dirty = VP_PART_ALL;
	id = guest_child(80, 1);
	child = guest_partition(id)->vps[0];
	assert_ok(guest_set(id, 0, HV_REGISTER_EXPLICIT_SUSPEND, 0));
	fake.cpu.current = root;
	return 0;
}

/* The root halts: the child has the processor. */
static struct vp_state *enter_child(void)
{
	assert_ptr_equal(enter_next(&fake.cpu, SCHED_HALT), child);
	assert_int_equal(child->dirty, 0);
	child->cached = VP_PART_OURS;
	return fake_vendor_state(child);
}

static void finish(enum exit_outcome outcome)
{
	struct exit x = { .vp = child };

	outcome_begin(&x);
	outcome_has_run(child);
	outcome_finish(&x, outcome);
}

static void test_a_child_is_entered(void **state)
{
	(void)state;
	enter_child();
	assert_true(fake_vendor.entry.timed && fake_vendor.entry.halt_exits);
	assert_int_equal(fake_vendor.entry.exceptions,
	                 BIT(VECTOR_MC) | BIT(VECTOR_DB) | BIT(VECTOR_AC));
	assert_false(fake_vendor.entry.wait_interrupt);
	assert_ptr_equal(fake_processor.switched_to, child);
	assert_ptr_equal(fake_processor.crossed_to, child->partition);
}

static void test_an_interrupt_waits_until_it_is_taken(void **state)
{
	struct vp_state *s;

	(void)state;
	*vp_apic_register(child, LAPIC_SVR) = 0x1ff;
	lapic_raise(child, VECTOR, false);
	s = enter_child();
	assert_true(fake_vendor.entry.wait_interrupt);
	assert_int_equal(s->pending_interruption, 0);
	s->rflags |= RFLAGS_IF;
	finish(EXIT_AGAIN);
	assert_false(fake_vendor.entry.wait_interrupt);
	assert_int_equal(s->pending_interruption,
	                 HV_PENDING_INTERRUPTION |
	                         (u64)VECTOR << HV_PENDING_VECTOR_SHIFT);
}

/* In a shadow, or where something else is to be delivered, it waits as well. */
static void test_an_interrupt_is_not_injected_in_a_shadow(void **state)
{
	struct vp_state *s;

	(void)state;
	*vp_apic_register(child, LAPIC_SVR) = 0x1ff;
	lapic_raise(child, VECTOR, false);
	s = enter_child();
	s->rflags |= RFLAGS_IF;
	s->interrupt_state = HV_INTERRUPT_STATE_SHADOW;
	finish(EXIT_AGAIN);
	assert_true(fake_vendor.entry.wait_interrupt);
	assert_int_equal(s->pending_interruption, 0);
}

/* Nor before a debug exception that is due: the trap is first (SDM table 6-2). */
static void test_interrupts_come_behind_a_debug_exception(void **state)
{
	static const struct {
		u64 pending_debug;
		bool waits;
	} rows[] = {
		{ DEBUG_STEP, true },
		{ DEBUG_ENABLED | 1, true },
		{ DEBUG_STEP | DEBUG_ENABLED | 8, true },
		{ 1, false }, /* DR7 has not enabled it */
		{ 0, false },
	};
	const struct lapic_message nmi = { .delivery = LAPIC_DELIVER_NMI };

	for (u32 i = 0; i < 2 * ARRAY_LEN(rows); i++) {
		bool is_nmi = i % 2, waits = rows[i / 2].waits;
		u8 vector = is_nmi ? VECTOR_NMI : VECTOR;
		struct vp_state *s;

		fake_teardown(state);
		assert_int_equal(set_up(state), 0);
		*vp_apic_register(child, LAPIC_SVR) = 0x1ff;
		s = enter_child();
		if (is_nmi)
			lapic_deliver(child, &nmi);
		else
			lapic_raise(child, vector, false);
		s->rflags |= RFLAGS_IF | RFLAGS_TF;
		s->pending_debug = rows[i / 2].pending_debug;
		finish(EXIT_AGAIN);
		assert_int_equal(is_nmi ? fake_vendor.entry.wait_nmi
		                        : fake_vendor.entry.wait_interrupt,
		                 waits);
		assert_int_equal(s->pending_interruption &
		                         HV_PENDING_INTERRUPTION,
		                 !waits);
		if (!waits)
			assert_int_equal(
				s->pending_interruption >>
						HV_PENDING_VECTOR_SHIFT &
					0xff,
				vector);
	}
}

static void test_outcomes(void **state)
{
	struct vp_state *s = enter_child();
	u64 rip = s->rip;

	(void)state;
	fake_vendor.exit_length = 3;
	finish(EXIT_SKIP);
	assert_int_equal(s->rip, rip + 3);
	/* In real mode #GP has no error code; RF, as the instruction faults. */
	finish(EXIT_FAULT_GP);
	assert_int_equal(s->rip, rip + 3);
	assert_true(vp_state_part(child, VP_PART_CORE)->rflags & RFLAGS_RF);
	assert_int_equal(s->pending_interruption,
	                 HV_PENDING_INTERRUPTION |
	                         HV_PENDING_TYPE_EXCEPTION
	                                 << HV_PENDING_TYPE_SHIFT |
	                         (u64)VECTOR_GP << HV_PENDING_VECTOR_SHIFT);
}

/* A child in protected mode or not, and a #GP of ours in the delivery of this. */
static u64 fault_in_delivery(void **state, bool is_protected, u32 type,
                             u8 vector)
{
	struct vp_state *s;

	fake_teardown(state);
	assert_int_equal(set_up(state), 0);
	s = enter_child();
	s->cr0 = CR0_ET | (is_protected ? CR0_PE : 0);
	fake_vendor.cut_short = true;
	fake_vendor.delivered = (struct vendor_event){
		.type = (enum hv_pending_type)type,
		.vector = vector,
	};
	finish(EXIT_FAULT_GP);
	return s->pending_interruption;
}

#define PENDING(vector)                                       \
	(HV_PENDING_INTERRUPTION |                            \
	 HV_PENDING_TYPE_EXCEPTION << HV_PENDING_TYPE_SHIFT | \
	 (u64)(vector) << HV_PENDING_VECTOR_SHIFT)
#define PENDING_ERROR(vector, error)                       \
	(PENDING(vector) | HV_PENDING_DELIVER_ERROR_CODE | \
	 (u64)(error) << HV_PENDING_ERROR_SHIFT)

/* SDM 6.15, table 6-5, and EXT of 6.13; in real mode no error code is pushed. */
static void test_faults_in_deliveries(void **state)
{
	static const struct {
		u32 type;
		u8 vector;
		bool is_real;
		u64 pending;
	} rows[] = {
		{ HV_PENDING_TYPE_EXCEPTION, VECTOR_PF, false,
		  PENDING_ERROR(VECTOR_DF, 0) },
		{ HV_PENDING_TYPE_EXCEPTION, VECTOR_GP, false,
		  PENDING_ERROR(VECTOR_DF, 0) },
		{ HV_PENDING_TYPE_EXCEPTION, 0, false,
		  PENDING_ERROR(VECTOR_DF, 0) },
		{ HV_PENDING_TYPE_EXCEPTION, VECTOR_UD, false,
		  PENDING_ERROR(VECTOR_GP, 1) },
		{ HV_PENDING_TYPE_EXCEPTION, VECTOR_DB, false,
		  PENDING_ERROR(VECTOR_GP, 1) },
		{ HV_PENDING_TYPE_EXCEPTION, VECTOR_AC, false,
		  PENDING_ERROR(VECTOR_GP, 1) },
		{ HV_PENDING_TYPE_INTERRUPT, VECTOR, false,
		  PENDING_ERROR(VECTOR_GP, 1) },
		{ HV_PENDING_TYPE_NMI, VECTOR_NMI, false,
		  PENDING_ERROR(VECTOR_GP, 1) },
		/* INT1, then INT n of a vector that is none of #GP's, and INT3. */
		{ HV_PENDING_TYPE_PRIVILEGED_SOFTWARE_EXCEPTION, VECTOR_DB,
		  false, PENDING_ERROR(VECTOR_GP, 1) },
		{ HV_PENDING_TYPE_SOFTWARE_INTERRUPT, VECTOR_GP, false,
		  PENDING_ERROR(VECTOR_GP, 0) },
		{ HV_PENDING_TYPE_SOFTWARE_EXCEPTION, 3, false,
		  PENDING_ERROR(VECTOR_GP, 0) },
		{ HV_PENDING_TYPE_EXCEPTION, VECTOR_UD, true,
		  PENDING(VECTOR_GP) },
		{ HV_PENDING_TYPE_EXCEPTION, VECTOR_GP, true,
		  PENDING(VECTOR_DF) },
		{ HV_PENDING_TYPE_SOFTWARE_INTERRUPT, 0x21, true,
		  PENDING(VECTOR_GP) },
	};

	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		u64 pending = fault_in_delivery(state, !rows[i].is_real,
		                                rows[i].type, rows[i].vector);

		if (pending != rows[i].pending)
			fail_msg("row %u: %llx", i,
			         (unsigned long long)pending);
	}
}

/* No third: the parent is told, and its child stands still (SDM 6.15, "shutdown"). */
static void test_a_fault_in_a_double_fault(void **state)
{
	for (u32 is_protected = 0; is_protected < 2; is_protected++) {
		assert_int_equal(fault_in_delivery(state, is_protected,
		                                   HV_PENDING_TYPE_EXCEPTION,
		                                   VECTOR_DF),
		                 0);
		assert_int_equal(child->message.type,
		                 HV_MESSAGE_UNRECOVERABLE_EXCEPTION);
		assert_int_equal(child->intercept_suspend, HV_SUSPENDED);
		assert_ptr_equal(fake.cpu.current, fake_root_vp());
	}
}

static void test_an_nmi_is_the_roots(void **state)
{
	struct vp *root = fake_root_vp();
	struct vp_state *s;

	(void)state;
	cpu_arch(&fake.cpu)->nmi_pending = true;
	assert_ptr_equal(enter_next(&fake.cpu, SCHED_INTERRUPT), root);
	s = fake_vendor_state(root);
	assert_int_equal(s->pending_interruption >> HV_PENDING_VECTOR_SHIFT &
	                         0xff,
	                 VECTOR_NMI);
	assert_false(cpu_arch(&fake.cpu)->nmi_pending);
	/* Blocked: it is looked after before long. */
	s->pending_interruption = 0;
	s->interrupt_state = HV_INTERRUPT_STATE_NMI_MASKED;
	cpu_arch(&fake.cpu)->nmi_pending = true;
	enter_next(&fake.cpu, SCHED_INTERRUPT);
	assert_true(cpu_arch(&fake.cpu)->nmi_pending);
	assert_true(fake_vendor.entry.timed);
	assert_int_equal(fake_vendor.entry.ticks, fake.facts.tsc_hz / 100000);
}

/* With nobody else there, and nothing to wait for, an exit leads straight back. */
static void test_a_root_alone_goes_on_as_it_was(void **state)
{
	struct vp *root = fake_root_vp();

	(void)state;
	assert_ok(guest_set(child->partition->id, 0,
	                    HV_REGISTER_EXPLICIT_SUSPEND, 1));
	assert_ptr_equal(enter_next(&fake.cpu, SCHED_INTERRUPT), root);
	fake_vendor.entry.timed = true;
	assert_ptr_equal(enter_next(&fake.cpu, SCHED_GO_ON), root);
	assert_true(fake_vendor.entry.timed);
	/* The vendor has something for it: once. */
	enter_prepared(&fake.cpu);
	assert_ptr_equal(enter_next(&fake.cpu, SCHED_GO_ON), root);
	assert_false(fake_vendor.entry.timed);
	fake_vendor.entry.timed = true;
	enter_next(&fake.cpu, SCHED_GO_ON);
	assert_true(fake_vendor.entry.timed);
}

static void test_msrs(void **state)
{
	struct vp *root = fake_root_vp();
	u64 value;

	(void)state;
	child_msr_init();
	root_msr_init(&fake.cpu, 1);
	assert_false(fake_vendor_exits(false, MSR_IA32_FS_BASE, true));
	assert_false(fake_vendor_exits(false, MSR_IA32_EFER, false));
	assert_true(fake_vendor_exits(false, MSR_IA32_EFER, true));
	assert_true(fake_vendor_exits(false, MSR_IA32_APIC_BASE, false));
	assert_false(fake_vendor_exits(true, MSR_IA32_PAT, true));
	assert_true(fake_vendor_exits(true, MSR_IA32_EFER, true));
	assert_true(fake_vendor_exits(true, MSR_SYNTHETIC_FIRST, false));
	/* What the vendor hides. */
	assert_true(fake_vendor_exits(true, FAKE_VENDOR_MSR_SHOWN, false));
	assert_true(fake_vendor_exits(true, FAKE_VENDOR_MSR_GONE + 1, true));
	assert_true(root_msr_read(root, FAKE_VENDOR_MSR_SHOWN, &value));
	assert_int_equal(value, FAKE_VENDOR_MSR_VALUE);
	assert_false(root_msr_write(root, FAKE_VENDOR_MSR_SHOWN, value));
	assert_false(root_msr_read(root, FAKE_VENDOR_MSR_GONE, &value));
}

static void prepare_untimed(void *entry)
{
	vendor_load(child);
	vendor_prepare(child, entry);
}

/* The fake notices what no processor would do. */
static void test_the_fake_can_fail(void **state)
{
	struct vendor_entry entry = { .halt_exits = true };

	(void)state;
	enter_child();
	assert_true(fake_fails_check(prepare_untimed, &entry));
	entry.timed = true;
	assert_false(fake_fails_check(prepare_untimed, &entry));
	fake_vendor_state(child)->rflags |= RFLAGS_VM;
	assert_true(fake_fails_check(prepare_untimed, &entry));
}

/* A root that was left with IF = 0 would end each run of a child, and never take it. */
static void test_what_the_root_cannot_take_ends_no_run(void **state)
{
	struct vp *root = fake_root_vp();

	(void)state;
	vp_state_change(root, VP_PART_CORE)->rflags &= ~RFLAGS_IF;
	enter_child();
	assert_true(fake_vendor.held_back);
	/* Also from one run to the next. */
	assert_ptr_equal(enter_next(&fake.cpu, SCHED_GO_ON), child);
	assert_true(fake_vendor.held_back);
	child->cached = VP_PART_OURS;
	assert_ptr_equal(enter_next(&fake.cpu, SCHED_INTERRUPT), root);
	assert_false(fake_vendor.held_back);
	vp_state_change(root, VP_PART_CORE)->rflags |= RFLAGS_IF;
	enter_child();
	assert_false(fake_vendor.held_back);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_a_child_is_entered),
		CASE(test_an_interrupt_waits_until_it_is_taken),
		CASE(test_an_interrupt_is_not_injected_in_a_shadow),
		CASE(test_interrupts_come_behind_a_debug_exception),
		CASE(test_what_the_root_cannot_take_ends_no_run),
		CASE(test_outcomes),
		CASE(test_faults_in_deliveries),
		CASE(test_a_fault_in_a_double_fault),
		CASE(test_an_nmi_is_the_roots),
		CASE(test_a_root_alone_goes_on_as_it_was),
		CASE(test_msrs),
		CASE(test_the_fake_can_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
