/*
 * hv/call/hvcall_port.c and the receiver's side in hv/interrupt/synic.c: events, the
 * interrupt of what has come, and what else becomes of the receiver.
 */
#include "hv/interrupt/lapic.h"
#include "hv/interrupt/synic.h"
#include "hv/run/vp_run.h"
#include "tests/host/fake/others.h"
#include "tests/host/fixture/receiver.h"
#include "tests/host/fixture/test.h"

#define SELF HV_PARTITION_ID_SELF

static struct vp *root, *to;

static void make(void)
{
	root = fake_root_vp();
	to = receiver_make();
}

/* ---- Events ---- */

static void test_event(void **state)
{
	(void)state;
	make();
	for (u16 i = 0; i < 10; i++) {
		assert_ok(port_signal(root, 3, i));
		for (u32 k = 90; k < 120; k++)
			assert_int_equal(receiver_flag(to, SINT, k),
			                 k >= 100 && k <= 100u + i);
		assert_true(guest_irr(to, VECTOR));
		lapic_accept(to, VECTOR);
		lapic_eoi(to);
		/* It is set already: it has been told. */
		assert_ok(port_signal(root, 3, i));
		assert_false(guest_irr(to, VECTOR));
	}
	assert_int_equal(port_signal(root, 3, 10), HV_STATUS_INVALID_PARAMETER);
	assert_int_equal(port_signal(root, 3, 0xffff),
	                 HV_STATUS_INVALID_PARAMETER);
	assert_int_equal(port_signal(root, 99, 0),
	                 HV_STATUS_INVALID_CONNECTION_ID);
	/* The guest takes one: the next is told again. */
	((u8 *)guest_overlay(to, SIEF_GPN))[SINT * 256 + 12] = 0;
	assert_ok(port_signal(root, 3, 0));
	assert_true(receiver_flag(to, SINT, 100));
	assert_true(guest_irr(to, VECTOR));
	assert_int_equal(receiver_slot(to, SINT)->type, HV_MESSAGE_NONE);
}

static void test_last_flag_of_the_last_sint(void **state)
{
	u8 *page;
	u32 bits = 0;

	(void)state;
	make();
	assert_ok(port_make(root, to->partition->id, 1, SELF,
	                    port_event(15, 2047, 1)));
	assert_ok(
		port_join(root, SELF, 4, to->partition->id, 1, HV_PORT_EVENT));
	assert_ok(port_signal(root, 4, 0)); /* masked: the flag alone */
	page = guest_overlay(to, SIEF_GPN);
	assert_int_equal(page[PAGE_SIZE - 1], 0x80);
	for (u32 i = 0; i < PAGE_SIZE; i++)
		bits += (u32)__builtin_popcount(page[i]);
	assert_int_equal(bits, 1);
	assert_int_equal(lapic_pending(to), 0);
}

/* ---- The interrupt ---- */

static void test_auto_eoi(void **state)
{
	(void)state;
	make();
	guest_write_msr(to, HV_MSR_SINT0 + SINT, VECTOR | HV_SINT_AUTO_EOI);
	assert_true(synic_has_auto_eoi(to));
	assert_true(synic_auto_eoi(to, VECTOR));
	assert_false(synic_auto_eoi(to, OTHER_VECTOR));
	assert_ok(port_post(root, 1, 1, 8));
	assert_ok(port_post(root, 2, 1, 8));
	/* The higher vector is in service; the lower one's bit is not left. */
	assert_int_equal(lapic_pending(to), OTHER_VECTOR);
	lapic_accept(to, OTHER_VECTOR);
	assert_true(guest_isr(to, OTHER_VECTOR));
	assert_int_equal(lapic_pending(to), 0);
	lapic_eoi(to);
	assert_int_equal(lapic_pending(to), VECTOR);
	lapic_accept(to, VECTOR);
	assert_false(guest_irr(to, VECTOR));
	assert_false(guest_isr(to, VECTOR));
	receiver_take(to, SINT);
	/* Nothing is in service: the next comes through. */
	assert_ok(port_post(root, 1, 2, 8));
	assert_int_equal(lapic_pending(to), VECTOR);
	/* Masked, the SINT has no say in it. */
	guest_write_msr(to, HV_MSR_SINT0 + SINT,
	                VECTOR | HV_SINT_AUTO_EOI | HV_SINT_MASKED);
	assert_false(synic_has_auto_eoi(to));
	lapic_accept(to, VECTOR);
	assert_true(guest_isr(to, VECTOR));
}

/* A halted receiver goes on. */
static void test_wakes(void **state)
{
	(void)state;
	make();
	assert_ok(guest_set(to->partition->id, 0, HV_REGISTER_EXPLICIT_SUSPEND,
	                    0));
	to->state.activity = HV_ACTIVITY_HALT_SUSPEND;
	to->state.rflags |= BIT(9);
	assert_false(vp_runnable(to));
	assert_ok(port_signal(root, 3, 0));
	assert_true(vp_runnable(to));
}

/* ---- A save under way ---- */

static enum hv_status save_goes_on(u64 id)
{
	struct guest_stream s = { .data = NULL };
	enum hv_status status;
	u32 result;

	status = guest_save_call(id, 0, &s, &result);
	guest_stream_free(&s);
	return status;
}

static void test_d10_a_save_does_not_miss_it(void **state)
{
	struct guest_stream s = { .data = NULL };
	u64 id, before;
	u32 result;

	(void)state;
	make();
	id = to->partition->id;
	for (u32 i = 0; i < 3; i++) {
		assert_ok(guest_save_call(id, GUEST_START, &s, &result));
		assert_int_equal(result, HV_STATE_INCOMPLETE);
		before = to->partition->generation;
		if (i == 0)
			assert_ok(port_post(root, 1, 1, 8));
		else if (i == 1)
			assert_ok(port_signal(root, 3, 0));
		/* What is refused before it finds a receiver changes nothing */
		else
			assert_int_equal(port_post(root, 1, 0, 8),
			                 HV_STATUS_INVALID_PARAMETER);
		assert_int_equal(to->partition->generation > before, i < 2);
		assert_int_equal(save_goes_on(id),
		                 i < 2 ? HV_STATUS_INVALID_SAVE_RESTORE_STATE
		                       : HV_STATUS_SUCCESS);
	}
	guest_stream_free(&s);
}

/* A receiver that executes is stopped before its pages are written. */
static void test_receiver_is_stopped(void **state)
{
	struct cpu *cpu;

	(void)state;
	make();
	cpu = fake_processor_add(1);
	for (u32 i = 0; i < 2; i++) {
		fake_run_on(to, cpu);
		fake_others.sent_count = 0;
		if (i == 0)
			assert_ok(port_post(root, 1, 1, 8));
		else
			assert_ok(port_signal(root, 3, 0));
		assert_int_equal(fake_others.sent_count, 1);
		assert_false(cpu_arch(cpu)->in_guest);
		cpu->current = cpu->root;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_event),
		TEST(test_last_flag_of_the_last_sint),
		TEST(test_auto_eoi),
		TEST(test_wakes),
		TEST(test_d10_a_save_does_not_miss_it),
		TEST(test_receiver_is_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
