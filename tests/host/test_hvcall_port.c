/*
 * hv/call/hvcall_port.c and the receiver's side in hv/interrupt/synic.c: messages, from
 * a partition into another's slots.
 */
#include "hv/interrupt/lapic.h"
#include "tests/host/fixture/receiver.h"
#include "tests/host/fixture/test.h"

#define SELF HV_PARTITION_ID_SELF

static struct vp *root, *to;

static void make(void)
{
	root = fake_root_vp();
	to = receiver_make();
}

static void test_message(void **state)
{
	static const u32 sizes[] = { 0, 1, 7, 8, 239, 240 };

	(void)state;
	make();
	for (u32 i = 0; i < ARRAY_LEN(sizes); i++) {
		const u8 *payload =
			(const u8 *)receiver_slot(to, SINT)->payload;

		assert_ok(port_post(root, 1, 1000 + i, sizes[i]));
		assert_int_equal(receiver_slot(to, SINT)->type, 1000 + i);
		assert_int_equal(receiver_slot(to, SINT)->payload_size,
		                 sizes[i]);
		assert_int_equal(receiver_slot(to, SINT)->sender, 11);
		assert_int_equal(receiver_slot(to, SINT)->flags, 0);
		assert_int_equal(receiver_slot(to, SINT)->rsvd, 0);
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
		assert_int_equal(receiver_take(to, SINT), 1000 + i);
	}
	assert_int_equal(receiver_slot(to, OTHER_SINT)->type, HV_MESSAGE_NONE);
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
	assert_int_equal(receiver_slot(to, SINT)->type, HV_MESSAGE_NONE);
	assert_ok(port_post(root, 1, 0x7fffffff, 8));
	assert_int_equal(receiver_take(to, SINT), 0x7fffffff);
}

/* From the child to the root, whose interrupts are the processor's. */
static void test_to_the_root(void **state)
{
	(void)state;
	make();
	receiver_switch_on(root);
	to->partition->privileges |= HV_PRIVILEGE_POST_MESSAGES |
	                             HV_PRIVILEGE_SIGNAL_EVENTS;
	receiver_join(to->partition->id, 1);
	assert_ok(port_post(to, 1, 77, 8));
	assert_int_equal(receiver_take(root, SINT), 77);
	assert_int_equal(fake.interrupts, 1);
	assert_int_equal(fake.interrupt_vector, VECTOR);
	assert_ok(port_post(to, 2, 78, 8));
	assert_int_equal(receiver_take(root, OTHER_SINT), 78);
	assert_int_equal(fake.interrupt_vector, OTHER_VECTOR);
	assert_ok(port_signal(to, 3, 9));
	assert_true(receiver_flag(root, SINT, 109));
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
	assert_int_equal(receiver_take(to, SINT), 5);
	receiver_switch_on(root);
	assert_ok(port_make(root, SELF, 5, SELF, port_message(SINT)));
	assert_ok(port_join(root, SELF, 5, SELF, 5, HV_PORT_MESSAGE));
	assert_ok(port_post(root, 5, 6, 8));
	assert_int_equal(receiver_take(root, SINT), 6);
	assert_int_equal(fake.interrupts, 1);
}

static void test_queue_is_full(void **state)
{
	(void)state;
	make();
	assert_ok(port_post(root, 1, 100, 8));
	for (u32 i = 1; i <= 15; i++)
		assert_ok(port_post(root, 1, 100 + i, 8));
	assert_int_equal(receiver_slot(to, SINT)->flags,
	                 HV_MESSAGE_FLAG_PENDING);
	/* The last place is the other port's. */
	assert_int_equal(port_post(root, 1, 200, 8),
	                 HV_STATUS_INSUFFICIENT_BUFFERS);
	assert_ok(port_post(root, 2, 200, 8));
	assert_ok(port_post(root, 2, 201, 8));
	assert_int_equal(port_post(root, 2, 202, 8),
	                 HV_STATUS_INSUFFICIENT_BUFFERS);
	/* An event takes no room. */
	assert_ok(port_signal(root, 3, 0));
	assert_int_equal(receiver_take(to, SINT), 100);
	assert_ok(port_post(root, 1, 116, 8));
	for (u32 i = 1; i <= 16; i++) {
		assert_int_equal(receiver_slot(to, SINT)->flags,
		                 i < 16 ? HV_MESSAGE_FLAG_PENDING : 0);
		assert_int_equal(receiver_take(to, SINT), 100 + i);
	}
	assert_int_equal(receiver_take(to, SINT), HV_MESSAGE_NONE);
	assert_int_equal(receiver_take(to, OTHER_SINT), 200);
	assert_int_equal(receiver_take(to, OTHER_SINT), 201);
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
	assert_int_equal(receiver_slot(to, SINT)->type, 1);
	assert_false(guest_irr(to, VECTOR));
	for (u32 i = 2; i <= 3; i++) {
		receiver_slot(to, SINT)->type = HV_MESSAGE_NONE;
		assert_false(guest_irr(to, VECTOR));
		guest_write_msr(to, HV_MSR_EOM, 0);
		assert_int_equal(receiver_slot(to, SINT)->type, i);
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
			type = receiver_take(to, sint);
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
		while (receiver_take(to, k ? OTHER_SINT : SINT))
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
		assert_int_equal(receiver_take(to, OTHER_SINT), i);
	}
	assert_int_equal(receiver_slot(to, SINT)->type, 1);
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
	receiver_switch_on(to);
	guest_write_msr(to, HV_MSR_SCONTROL, 0);
	assert_int_equal(port_post(root, 1, 1, 8),
	                 HV_STATUS_INVALID_SYNIC_STATE);
	assert_int_equal(port_signal(root, 3, 0),
	                 HV_STATUS_INVALID_SYNIC_STATE);
	guest_write_msr(to, HV_MSR_SCONTROL, 1);
	assert_int_equal(receiver_slot(to, SINT)->type, HV_MESSAGE_NONE);
	assert_int_equal(to->synic.queued, 0);
}

static void test_masked_sint_waits(void **state)
{
	(void)state;
	make();
	guest_write_msr(to, HV_MSR_SINT0 + SINT, VECTOR | HV_SINT_MASKED);
	for (u32 i = 1; i <= 3; i++)
		assert_ok(port_post(root, 1, i, 8));
	assert_int_equal(receiver_slot(to, SINT)->type, HV_MESSAGE_NONE);
	assert_int_equal(to->synic.queued, 3);
	guest_write_msr(to, HV_MSR_SINT0 + SINT, VECTOR);
	assert_true(guest_irr(to, VECTOR));
	for (u32 i = 1; i <= 3; i++)
		assert_int_equal(receiver_take(to, SINT), i);
	/* Polling: the message comes, the interrupt does not. */
	lapic_accept(to, VECTOR);
	guest_write_msr(to, HV_MSR_SINT0 + SINT,
	                VECTOR | HV_SINT_MASKED | HV_SINT_POLLING);
	assert_ok(port_post(root, 1, 4, 8));
	assert_int_equal(receiver_take(to, SINT), 4);
	assert_false(guest_irr(to, VECTOR));
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
