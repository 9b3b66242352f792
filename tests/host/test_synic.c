/*
 * hv/interrupt/synic.c: messages, the queue behind a full slot, EOM, masks (D26).
 */
#include "hv/interrupt/synic.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "hv/run/exit.h"
#include "hv/run/msr.h"
#include "hv/vp/partition.h"
#include "tests/host/fixture/guest_vp.h"
#include "tests/host/fixture/test.h"

#define SIM_GPN 0x300ull
#define VECTOR 0x40ull

static struct vp *vps[3];

/* A receiver with its page on, and a child of three VPs as senders. */
static void make(u64 sint)
{
	u64 id = guest_child(60, 3);

	for (u32 i = 0; i < 3; i++)
		vps[i] = guest_partition(id)->vps[i];
	guest_write_msr(fake_root_vp(), HV_MSR_SCONTROL, 1);
	guest_write_msr(fake_root_vp(), HV_MSR_SIMP, SIM_GPN << PAGE_SHIFT | 1);
	guest_write_msr(fake_root_vp(), HV_MSR_SINT0, sint);
}

/* What the root sees at the place of its SIM page. */
static struct hv_message *slot(void)
{
	return guest_slot(fake_root_vp(), SIM_GPN, 0);
}

static void send(u32 i)
{
	assert_int_equal(exit_triple_fault(vps[i]), EXIT_SUSPENDED);
}

static void test_delivery_and_interrupt(void **state)
{
	(void)state;
	make(VECTOR);
	send(0);
	assert_int_equal(slot()->type, HV_MESSAGE_UNRECOVERABLE_EXCEPTION);
	assert_int_equal(slot()->sender, vps[0]->partition->id);
	assert_int_equal(slot()->flags, 0);
	assert_int_equal(slot()->payload_size,
	                 sizeof(struct hv_intercept_header));
	assert_int_equal(fake.interrupts, 1);
	assert_int_equal(fake.interrupt_vector, VECTOR);
	assert_int_equal(vps[0]->message.type, HV_MESSAGE_NONE);
	assert_false(list_linked(&vps[0]->message_link));
	assert_int_equal(vps[0]->intercept_suspend, HV_SUSPENDED);
}

static u32 sender_index(void)
{
	return ((struct hv_intercept_header *)slot()->payload)->vp_index;
}

static void test_full_slot_queues_and_sets_pending(void **state)
{
	(void)state;
	make(VECTOR);
	for (u32 i = 0; i < 3; i++)
		send(i);
	assert_int_equal(slot()->flags, HV_MESSAGE_FLAG_PENDING);
	assert_int_equal(fake.interrupts, 1);
	/* EOM before the slot is free: nothing comes. */
	guest_write_msr(fake_root_vp(), HV_MSR_EOM, 0);
	assert_int_equal(sender_index(), 0);
	for (u32 i = 1; i < 3; i++) {
		slot()->type = HV_MESSAGE_NONE;
		guest_write_msr(fake_root_vp(), HV_MSR_EOM, 0);
		assert_int_equal(sender_index(), i);
		assert_int_equal(slot()->flags,
		                 i == 1 ? HV_MESSAGE_FLAG_PENDING : 0);
		assert_int_equal(fake.interrupts, i + 1);
	}
	slot()->type = HV_MESSAGE_NONE;
	guest_write_msr(fake_root_vp(), HV_MSR_EOM, 0);
	assert_int_equal(slot()->type, HV_MESSAGE_NONE);
}

/* Any place in the queue; what follows still arrives. */
static void test_cancel(void **state)
{
	(void)state;
	for (u32 gone = 0; gone < 3; gone++) {
		u32 seen = 0;

		make(VECTOR);
		slot()->type = 0x1234;
		for (u32 i = 0; i < 3; i++)
			send(i);
		assert_true(list_linked(&vps[gone]->message_link));
		synic_cancel(vps[gone]);
		assert_false(list_linked(&vps[gone]->message_link));
		synic_cancel(vps[gone]);
		for (u32 i = 0; i < 2; i++) {
			slot()->type = HV_MESSAGE_NONE;
			guest_write_msr(fake_root_vp(), HV_MSR_EOM, 0);
			seen |= 1u << sender_index();
		}
		assert_int_equal(seen, 7 & ~(1u << gone));
		assert_false(list_linked(&fake_root_vp()->synic.queue));
		slot()->type = HV_MESSAGE_NONE;
	}
}

static void test_d26_masks(void **state)
{
	static const struct {
		u64 sint;
		bool delivered, interrupt;
	} rows[] = {
		{ VECTOR, true, true },
		{ VECTOR | HV_SINT_MASKED, false, false },
		{ VECTOR | HV_SINT_POLLING, true, false },
		{ VECTOR | HV_SINT_MASKED | HV_SINT_POLLING, true, false },
		{ VECTOR | HV_SINT_AUTO_EOI, true, true },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		u32 before = fake.interrupts;

		make(rows[i].sint);
		send(0);
		assert_int_equal(slot()->type != HV_MESSAGE_NONE,
		                 rows[i].delivered);
		assert_int_equal(fake.interrupts - before, rows[i].interrupt);
		/* Unmasking lets it through. */
		guest_write_msr(fake_root_vp(), HV_MSR_SINT0, VECTOR);
		assert_int_not_equal(slot()->type, HV_MESSAGE_NONE);
		assert_false(list_linked(&vps[0]->message_link));
		slot()->type = HV_MESSAGE_NONE;
	}
}

static void test_message_waits_for_the_page(void **state)
{
	(void)state;
	make(VECTOR);
	guest_write_msr(fake_root_vp(), HV_MSR_SIMP, 0);
	send(0);
	assert_true(list_linked(&vps[0]->message_link));
	guest_write_msr(fake_root_vp(), HV_MSR_SCONTROL, 0);
	guest_write_msr(fake_root_vp(), HV_MSR_SIMP, SIM_GPN << PAGE_SHIFT | 1);
	assert_true(list_linked(&vps[0]->message_link));
	guest_write_msr(fake_root_vp(), HV_MSR_SCONTROL, 1);
	assert_false(list_linked(&vps[0]->message_link));
	assert_int_not_equal(slot()->type, HV_MESSAGE_NONE);
}

static void test_deleted_sender_leaves_the_queue(void **state)
{
	(void)state;
	make(VECTOR);
	for (u32 i = 0; i < 3; i++)
		send(i);
	assert_ok(guest_delete_vp(vps[0]->partition->id, 1));
	slot()->type = HV_MESSAGE_NONE;
	guest_write_msr(fake_root_vp(), HV_MSR_EOM, 0);
	assert_int_equal(sender_index(), 2);
	assert_int_equal(slot()->flags, 0);
}

/* A save that has told of a message must not go on when it is gone. */
static void test_d10_delivery_is_a_change(void **state)
{
	u64 before;

	(void)state;
	make(VECTOR);
	slot()->type = 0x1234;
	send(0);
	before = vps[0]->partition->generation;
	slot()->type = HV_MESSAGE_NONE;
	guest_write_msr(fake_root_vp(), HV_MSR_EOM, 0);
	assert_int_not_equal(vps[0]->partition->generation, before);
}

static void test_msr_values(void **state)
{
	struct vp *vp = fake_root_vp();

	(void)state;
	assert_int_equal(guest_read_msr(fake_root_vp(), HV_MSR_SVERSION), 1);
	assert_int_equal(vp_msr_write(vp, HV_MSR_SVERSION, 1), MSR_FAULT);
	assert_int_equal(guest_read_msr(fake_root_vp(), HV_MSR_EOM), 0);
	for (u32 i = 0; i < HV_SINT_COUNT; i++)
		assert_int_equal(
			guest_read_msr(fake_root_vp(), HV_MSR_SINT0 + i),
			HV_SINT_MASKED);
	guest_write_msr(fake_root_vp(), HV_MSR_SINT0 + 5, UINT64_MAX);
	assert_int_equal(guest_read_msr(fake_root_vp(), HV_MSR_SINT0 + 5),
	                 0x700ff);
	for (u64 v = 0; v < 16; v++)
		assert_int_equal(vp_msr_write(vp, HV_MSR_SINT0, v), MSR_FAULT);
	guest_write_msr(fake_root_vp(), HV_MSR_SINT0, 3 | HV_SINT_MASKED);
	guest_write_msr(fake_root_vp(), HV_MSR_SINT0, 16);
	guest_write_msr(fake_root_vp(), HV_MSR_SCONTROL, UINT64_MAX);
	assert_int_equal(guest_read_msr(fake_root_vp(), HV_MSR_SCONTROL), 1);
	guest_write_msr(fake_root_vp(), HV_MSR_SIEFP, 0x400ffd);
	assert_int_equal(guest_read_msr(fake_root_vp(), HV_MSR_SIEFP),
	                 0x400001);
	/* Two overlays cannot share a page; beyond the space is none. */
	assert_int_equal(vp_msr_write(vp, HV_MSR_SIMP, 0x400001), MSR_FAULT);
	assert_int_equal(vp_msr_write(vp, HV_MSR_SIMP, 1ull << 46 | 1),
	                 MSR_FAULT);
	assert_int_equal(guest_read_msr(fake_root_vp(), HV_MSR_SIMP), 0);
}

static void test_page_is_clean_and_moves(void **state)
{
	static const u8 zero[PAGE_SIZE];

	(void)state;
	memset(guest_at(SIM_GPN << PAGE_SHIFT), 0x77, PAGE_SIZE);
	make(VECTOR);
	assert_memory_equal(slot(), zero, PAGE_SIZE);
	guest_write_msr(fake_root_vp(), HV_MSR_SIMP,
	                (SIM_GPN + 1) << PAGE_SHIFT | 1);
	assert_int_equal(guest_at(SIM_GPN << PAGE_SHIFT)[9], 0x77);
	assert_non_null(
		gpa_pin(&fake_root()->space, gpa_of_page(SIM_GPN), 8, 3));
	assert_null(
		gpa_pin(&fake_root()->space, gpa_of_page(SIM_GPN + 1), 8, 3));
	guest_write_msr(fake_root_vp(), HV_MSR_SIMP, 0);
}

/* ---- A receiver that runs on another processor ---- */

static struct hv_message *emptied; /* while nobody may write to its page */
static bool asked_for_eom;

/*
 * The write of the flag is under way: first the guest empties the slot, and looks at the flag
 * as a guest does (parent/uefi/synic.c).
 */
static void empty_first(int number)
{
	(void)number;
	if (mprotect((void *)((u64)emptied & ~(u64)(PAGE_SIZE - 1)), PAGE_SIZE,
	             PROT_READ | PROT_WRITE))
		abort();
	emptied->type = HV_MESSAGE_NONE;
	asked_for_eom = emptied->flags & HV_MESSAGE_FLAG_PENDING;
}

static void test_a_slot_that_is_emptied_meanwhile(void **state)
{
	const struct sigaction act = { .sa_handler = empty_first };
	struct sigaction before;

	(void)state;
	make(VECTOR);
	send(0);
	emptied = slot();
	asked_for_eom = true;
	assert_int_equal(sigaction(SIGSEGV, &act, &before), 0);
	assert_int_equal(
		mprotect((void *)((u64)emptied & ~(u64)(PAGE_SIZE - 1)),
	                 PAGE_SIZE, PROT_READ),
		0);
	send(1);
	assert_int_equal(sigaction(SIGSEGV, &before, NULL), 0);
	/* It has not seen the flag, so nobody would come back for what waits. */
	assert_false(asked_for_eom);
	assert_int_equal(slot()->type, HV_MESSAGE_UNRECOVERABLE_EXCEPTION);
	assert_int_equal(sender_index(), 1);
	assert_false(list_linked(&vps[1]->message_link));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_delivery_and_interrupt),
		TEST(test_full_slot_queues_and_sets_pending),
		TEST(test_cancel),
		TEST(test_d26_masks),
		TEST(test_message_waits_for_the_page),
		TEST(test_deleted_sender_leaves_the_queue),
		TEST(test_d10_delivery_is_a_change),
		TEST(test_msr_values),
		TEST(test_page_is_clean_and_moves),
		TEST(test_a_slot_that_is_emptied_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
