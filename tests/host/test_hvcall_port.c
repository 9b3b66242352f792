/*
 * hv/call/hvcall_port.c and the receiver's side in hv/interrupt/synic.c: messages and events,
 * from a partition into another's pages and local APIC.
 */
#include "hv/interrupt/lapic.h"
#include "hv/interrupt/synic.h"
#include "hv/run/vp_run.h"
#include "include/x86_apic.h"
#include "tests/host/fixture/guest_vp.h"
#include "tests/host/fixture/port.h"
#include "tests/host/fixture/test.h"

#define SELF HV_PARTITION_ID_SELF
#define SIM_GPN 0x300ull
#define SIEF_GPN 0x301ull
#define SINT 2u
#define OTHER_SINT 9u
#define VECTOR 0x52u
#define OTHER_VECTOR 0x59u

static struct vp *root, *to;

static void switch_on(struct vp *vp)
{
	if (!vp->is_root)
		lapic_write_page(vp, LAPIC_SVR, 0x1ff);
	guest_write_msr(vp, HV_MSR_SCONTROL, 1);
	guest_write_msr(vp, HV_MSR_SIMP, SIM_GPN << PAGE_SHIFT | 1);
	guest_write_msr(vp, HV_MSR_SIEFP, SIEF_GPN << PAGE_SHIFT | 1);
	guest_write_msr(vp, HV_MSR_SINT0 + SINT, VECTOR);
	guest_write_msr(vp, HV_MSR_SINT0 + OTHER_SINT, OTHER_VECTOR);
}

/*
 * Connections of `from` to the first VP of p: 1 to SINT, 2 to OTHER_SINT, 3 to
 * the event flags 100 to 109 of SINT.
 */
static void join(u64 from, u64 p)
{
	assert_ok(port_make(root, p, 11, from, port_message(SINT)));
	assert_ok(port_make(root, p, 12, from, port_message(OTHER_SINT)));
	assert_ok(port_make(root, p, 13, from, port_event(SINT, 100, 10)));
	for (u32 i = 1; i <= 3; i++)
		assert_ok(port_join(root, from, i, p, 10 + i,
		                    i < 3 ? HV_PORT_MESSAGE : HV_PORT_EVENT));
}

static void make(void)
{
	struct partition *child = port_child(1);

	root = fake_root_vp();
	to = child->vps[0];
	switch_on(to);
	join(1, child->id);
}

static bool flag_set(struct vp *vp, u32 sint, u32 flag)
{
	u8 *flags = (u8 *)guest_overlay(vp, SIEF_GPN) + sint * 256;

	return flags[flag / 8] >> flag % 8 & 1;
}

static struct hv_message *slot(struct vp *vp, u32 sint)
{
	return guest_slot(vp, SIM_GPN, sint);
}

/* The type of what was there, 0: nothing. */
static u32 take(struct vp *vp, u32 sint)
{
	return guest_take_message(vp, SIM_GPN, sint).type;
}

static void test_message(void **state)
{
	static const u32 sizes[] = { 0, 1, 7, 8, 239, 240 };

	(void)state;
	make();
	for (u32 i = 0; i < ARRAY_LEN(sizes); i++) {
		const u8 *payload = (const u8 *)slot(to, SINT)->payload;

		assert_ok(port_post(root, 1, 1000 + i, sizes[i]));
		assert_int_equal(slot(to, SINT)->type, 1000 + i);
		assert_int_equal(slot(to, SINT)->payload_size, sizes[i]);
		assert_int_equal(slot(to, SINT)->sender, 11);
		assert_int_equal(slot(to, SINT)->flags, 0);
		assert_int_equal(slot(to, SINT)->rsvd, 0);
		/* What is behind the message stays the sender's. */
		for (u32 k = 0; k < HV_MESSAGE_PAYLOAD; k++)
			assert_int_equal(payload[k],
			                 k < sizes[i] ? port_byte(1000 + i, k)
			                              : 0);
		assert_true(guest_irr(to, VECTOR));
		assert_int_equal(lapic_pending(to), VECTOR);
		lapic_accept(to, VECTOR);
		assert_true(guest_isr(to, VECTOR));
		lapic_eoi(to);
		assert_int_equal(take(to, SINT), 1000 + i);
	}
	assert_int_equal(slot(to, OTHER_SINT)->type, HV_MESSAGE_NONE);
	assert_int_equal(fake.interrupts, 0);
}

static void test_what_no_message_is(void **state)
{
	(void)state;
	make();
	assert_int_equal(port_post(root, 1, 0, 8), HV_STATUS_INVALID_PARAMETER);
	assert_int_equal(port_post(root, 1, HV_MESSAGE_TIMER_EXPIRED, 8),
	                 HV_STATUS_INVALID_PARAMETER);
	assert_int_equal(port_post(root, 1, 0xffffffff, 8),
	                 HV_STATUS_INVALID_PARAMETER);
	assert_int_equal(port_post(root, 1, 1, 241),
	                 HV_STATUS_INVALID_PARAMETER);
	assert_int_equal(port_post(root, 1, 1, 256 + 8),
	                 HV_STATUS_INVALID_PARAMETER);
	assert_int_equal(port_post(root, 4, 1, 8),
	                 HV_STATUS_INVALID_CONNECTION_ID);
	assert_int_equal(port_post(root, 3, 1, 8),
	                 HV_STATUS_INVALID_CONNECTION_ID);
	assert_int_equal(port_signal(root, 1, 0),
	                 HV_STATUS_INVALID_CONNECTION_ID);
	assert_int_equal(slot(to, SINT)->type, HV_MESSAGE_NONE);
	assert_ok(port_post(root, 1, 0x7fffffff, 8));
	assert_int_equal(take(to, SINT), 0x7fffffff);
}

/* From the child to the root, whose interrupts are the processor's. */
static void test_to_the_root(void **state)
{
	(void)state;
	make();
	switch_on(root);
	to->partition->privileges |= HV_PRIVILEGE_POST_MESSAGES |
	                             HV_PRIVILEGE_SIGNAL_EVENTS;
	join(to->partition->id, 1);
	assert_ok(port_post(to, 1, 77, 8));
	assert_int_equal(take(root, SINT), 77);
	assert_int_equal(fake.interrupts, 1);
	assert_int_equal(fake.interrupt_vector, VECTOR);
	assert_ok(port_post(to, 2, 78, 8));
	assert_int_equal(take(root, OTHER_SINT), 78);
	assert_int_equal(fake.interrupt_vector, OTHER_VECTOR);
	assert_ok(port_signal(to, 3, 9));
	assert_true(flag_set(root, SINT, 109));
	assert_int_equal(fake.interrupts, 3);
	assert_false(guest_irr(to, VECTOR));
}

/* Child to child, and a partition to itself. */
static void test_other_ways(void **state)
{
	struct partition *other;

	(void)state;
	make();
	other = port_child(1);
	other->privileges |= HV_PRIVILEGE_POST_MESSAGES;
	assert_int_equal(port_post(other->vps[0], 1, 5, 8),
	                 HV_STATUS_INVALID_CONNECTION_ID);
	assert_ok(port_make(root, to->partition->id, 1, other->id,
	                    port_message(SINT)));
	assert_ok(port_join(root, other->id, 1, to->partition->id, 1,
	                    HV_PORT_MESSAGE));
	assert_ok(port_post(other->vps[0], 1, 5, 8));
	assert_int_equal(take(to, SINT), 5);
	switch_on(root);
	assert_ok(port_make(root, SELF, 5, SELF, port_message(SINT)));
	assert_ok(port_join(root, SELF, 5, SELF, 5, HV_PORT_MESSAGE));
	assert_ok(port_post(root, 5, 6, 8));
	assert_int_equal(take(root, SINT), 6);
	assert_int_equal(fake.interrupts, 1);
}

static void test_queue_is_full(void **state)
{
	(void)state;
	make();
	assert_ok(port_post(root, 1, 100, 8));
	for (u32 i = 1; i <= 15; i++)
		assert_ok(port_post(root, 1, 100 + i, 8));
	assert_int_equal(slot(to, SINT)->flags, HV_MESSAGE_FLAG_PENDING);
	/* The last place is the other port's. */
	assert_int_equal(port_post(root, 1, 200, 8),
	                 HV_STATUS_INSUFFICIENT_BUFFERS);
	assert_ok(port_post(root, 2, 200, 8));
	assert_ok(port_post(root, 2, 201, 8));
	assert_int_equal(port_post(root, 2, 202, 8),
	                 HV_STATUS_INSUFFICIENT_BUFFERS);
	/* An event takes no room. */
	assert_ok(port_signal(root, 3, 0));
	assert_int_equal(take(to, SINT), 100);
	assert_ok(port_post(root, 1, 116, 8));
	for (u32 i = 1; i <= 16; i++) {
		assert_int_equal(slot(to, SINT)->flags,
		                 i < 16 ? HV_MESSAGE_FLAG_PENDING : 0);
		assert_int_equal(take(to, SINT), 100 + i);
	}
	assert_int_equal(take(to, SINT), HV_MESSAGE_NONE);
	assert_int_equal(take(to, OTHER_SINT), 200);
	assert_int_equal(take(to, OTHER_SINT), 201);
	assert_int_equal(to->synic.queued, 0);
}

/* An EOM brings the next, and nothing while the slot is taken. */
static void test_eom(void **state)
{
	(void)state;
	make();
	for (u32 i = 1; i <= 3; i++)
		assert_ok(port_post(root, 1, i, 8));
	lapic_accept(to, VECTOR);
	lapic_eoi(to);
	guest_write_msr(to, HV_MSR_EOM, 0);
	assert_int_equal(slot(to, SINT)->type, 1);
	assert_false(guest_irr(to, VECTOR));
	for (u32 i = 2; i <= 3; i++) {
		slot(to, SINT)->type = HV_MESSAGE_NONE;
		assert_false(guest_irr(to, VECTOR));
		guest_write_msr(to, HV_MSR_EOM, 0);
		assert_int_equal(slot(to, SINT)->type, i);
		assert_true(guest_irr(to, VECTOR));
		lapic_accept(to, VECTOR);
		lapic_eoi(to);
	}
}

/* Two SINTs, any timing: of each the order of sending, and none is missing. */
static void test_order_of_each_sint(void **state)
{
	u32 sent[2] = { 0, 0 }, got[2] = { 0, 0 }, full = 0;
	u64 seed = 8;

	(void)state;
	make();
	for (u32 i = 0; i < 20000; i++) {
		u32 k = fake_random(&seed) & 1;
		u32 sint = k ? OTHER_SINT : SINT, type;
		enum hv_status status;

		if (fake_random(&seed) % 32 < 15) {
			type = take(to, sint);
			if (type)
				assert_int_equal(type, ++got[k]);
			continue;
		}
		status = port_post(root, 1 + k, sent[k] + 1, 8);
		if (status == HV_STATUS_SUCCESS)
			sent[k]++;
		else
			assert_int_equal(status,
			                 HV_STATUS_INSUFFICIENT_BUFFERS);
		full += status != HV_STATUS_SUCCESS;
	}
	for (u32 k = 0; k < 2; k++) {
		while (take(to, k ? OTHER_SINT : SINT))
			got[k]++;
		assert_int_equal(got[k], sent[k]);
		assert_true(sent[k] > 3000);
	}
	assert_true(full > 100);
}

/* One SINT that nobody looks at does not hold up another. */
static void test_sints_do_not_wait_for_one_another(void **state)
{
	(void)state;
	make();
	for (u32 i = 1; i <= 5; i++)
		assert_ok(port_post(root, 1, i, 8));
	for (u32 i = 6; i <= 9; i++) {
		assert_ok(port_post(root, 2, i, 8));
		assert_int_equal(take(to, OTHER_SINT), i);
	}
	assert_int_equal(slot(to, SINT)->type, 1);
}

static void test_synic_is_off(void **state)
{
	(void)state;
	make();
	guest_write_msr(to, HV_MSR_SIMP, 0);
	assert_int_equal(port_post(root, 1, 1, 8),
	                 HV_STATUS_INVALID_SYNIC_STATE);
	assert_ok(port_signal(root, 3, 0));
	guest_write_msr(to, HV_MSR_SIEFP, 0);
	assert_int_equal(port_signal(root, 3, 0),
	                 HV_STATUS_INVALID_SYNIC_STATE);
	switch_on(to);
	guest_write_msr(to, HV_MSR_SCONTROL, 0);
	assert_int_equal(port_post(root, 1, 1, 8),
	                 HV_STATUS_INVALID_SYNIC_STATE);
	assert_int_equal(port_signal(root, 3, 0),
	                 HV_STATUS_INVALID_SYNIC_STATE);
	guest_write_msr(to, HV_MSR_SCONTROL, 1);
	assert_int_equal(slot(to, SINT)->type, HV_MESSAGE_NONE);
	assert_int_equal(to->synic.queued, 0);
}

static void test_masked_sint_waits(void **state)
{
	(void)state;
	make();
	guest_write_msr(to, HV_MSR_SINT0 + SINT, VECTOR | HV_SINT_MASKED);
	for (u32 i = 1; i <= 3; i++)
		assert_ok(port_post(root, 1, i, 8));
	assert_int_equal(slot(to, SINT)->type, HV_MESSAGE_NONE);
	assert_int_equal(to->synic.queued, 3);
	guest_write_msr(to, HV_MSR_SINT0 + SINT, VECTOR);
	assert_true(guest_irr(to, VECTOR));
	for (u32 i = 1; i <= 3; i++)
		assert_int_equal(take(to, SINT), i);
	/* Polling: the message comes, the interrupt does not. */
	lapic_accept(to, VECTOR);
	guest_write_msr(to, HV_MSR_SINT0 + SINT,
	                VECTOR | HV_SINT_MASKED | HV_SINT_POLLING);
	assert_ok(port_post(root, 1, 4, 8));
	assert_int_equal(take(to, SINT), 4);
	assert_false(guest_irr(to, VECTOR));
}

/* ---- Events ---- */

static void test_event(void **state)
{
	(void)state;
	make();
	for (u16 i = 0; i < 10; i++) {
		assert_ok(port_signal(root, 3, i));
		for (u32 k = 90; k < 120; k++)
			assert_int_equal(flag_set(to, SINT, k),
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
	assert_true(flag_set(to, SINT, 100));
	assert_true(guest_irr(to, VECTOR));
	assert_int_equal(slot(to, SINT)->type, HV_MESSAGE_NONE);
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
	take(to, SINT);
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
	(void)state;
	make();
	fake.kicks = 0;
	assert_ok(port_post(root, 1, 1, 8));
	assert_int_equal(fake.kicks, 1);
	assert_ok(port_signal(root, 3, 0));
	assert_int_equal(fake.kicks, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_message),
		TEST(test_what_no_message_is),
		TEST(test_to_the_root),
		TEST(test_other_ways),
		TEST(test_queue_is_full),
		TEST(test_eom),
		TEST(test_order_of_each_sint),
		TEST(test_sints_do_not_wait_for_one_another),
		TEST(test_synic_is_off),
		TEST(test_masked_sint_waits),
		TEST(test_event),
		TEST(test_last_flag_of_the_last_sint),
		TEST(test_auto_eoi),
		TEST(test_wakes),
		TEST(test_d10_a_save_does_not_miss_it),
		TEST(test_receiver_is_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
