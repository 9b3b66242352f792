/*
 * hv/call/hypercall.c: the control word, the blocks, continuation, privileges.
 */
#include "hv/call/hypercall.h"
#include "hv/memory/gpa.h"
#include "tests/host/fixture/test.h"

#define INPUT_BAD HV_STATUS_INVALID_HYPERCALL_INPUT
#define ALIGN_BAD HV_STATUS_INVALID_ALIGNMENT

static enum hv_status raw(u64 control, u64 input, u64 output)
{
	return (enum hv_status)(
		guest_raw(fake_root_vp(), control, input, output, NULL) &
		HV_RESULT_STATUS);
}

static void test_codes(void **state)
{
	u32 known = 0;

	(void)state;
	for (u32 code = 0; code < 0x10000; code++) {
		const struct hypercall *row = hypercall_find(code);

		known += row != NULL;
		if (!row) {
			assert_int_equal(raw(code, GUEST_INPUT, GUEST_OUTPUT),
			                 HV_STATUS_INVALID_HYPERCALL_CODE);
			continue;
		}
		assert_non_null(row->run);
		assert_non_null(row->name);
		/* "Nothing set" must not mean "everybody". */
		assert_true(row->privileges ||
		            (row->flags & HYPERCALL_BY_PARENT));
		assert_true(!(row->flags & HYPERCALL_FAST) || row->in <= 16);
		assert_true(row->in + row->out > 0);
	}
	assert_int_equal(known, 35);
}

/* Every bit of the control word, on a simple and on a rep call. */
static void test_every_control_bit(void **state)
{
	struct hv_input_get_memory_balance balance = { 1, 0 };
	u64 id = guest_child(4, 0);

	(void)state;
	memcpy(guest_at(GUEST_INPUT), &balance, sizeof(balance));
	assert_ok(raw(HVCALL_GET_MEMORY_BALANCE, GUEST_INPUT, GUEST_OUTPUT));
	for (u32 bit = 16; bit < 64; bit++)
		assert_int_equal(raw(HVCALL_GET_MEMORY_BALANCE | BIT(bit),
		                     GUEST_INPUT, GUEST_OUTPUT),
		                 INPUT_BAD);
	for (u32 bit = 16; bit < 64; bit++) {
		struct hv_input_withdraw_memory in = { id, 1 };
		u64 control = HVCALL_WITHDRAW_MEMORY | 1ull << 32;
		bool count = bit >= 32 && bit < 44;
		u64 block = count ? 8ull << (bit - 32) : 0;

		memcpy(guest_at(GUEST_INPUT), &in, sizeof(in));
		/* proximity 1 is refused by the handler: it was reached. */
		assert_int_equal(
			raw(control | BIT(bit), GUEST_INPUT, GUEST_OUTPUT),
			!count ? INPUT_BAD
			: bit > 32 && block + 8 > PAGE_SIZE
				? ALIGN_BAD
				: HV_STATUS_INVALID_PARAMETER);
	}
	assert_int_equal(raw(HVCALL_WITHDRAW_MEMORY, GUEST_INPUT, GUEST_OUTPUT),
	                 INPUT_BAD);
	/* Start must be below count. */
	assert_int_equal(raw(HVCALL_WITHDRAW_MEMORY | 3ull << 32 | 3ull << 48,
	                     GUEST_INPUT, GUEST_OUTPUT),
	                 INPUT_BAD);
	assert_int_equal(raw(HVCALL_WITHDRAW_MEMORY | 3ull << 32 | 2ull << 48,
	                     GUEST_INPUT, GUEST_OUTPUT),
	                 HV_STATUS_INVALID_PARAMETER);
}

static void test_fast_calls(void **state)
{
	u64 id;

	(void)state;
	assert_ok(guest_create(&id));
	/* The input is in the registers; no memory is looked at. */
	assert_ok(raw(HVCALL_DELETE_PARTITION | HV_CONTROL_FAST, id, 7));
	assert_int_equal(guest_delete(id), HV_STATUS_INVALID_PARTITION_ID);
	assert_int_equal(raw(HVCALL_CREATE_PARTITION | HV_CONTROL_FAST, id, 0),
	                 INPUT_BAD);
	assert_int_equal(
		raw(HVCALL_SAVE_PARTITION_STATE | HV_CONTROL_FAST, id, 0),
		INPUT_BAD);
}

static void test_alignment_and_page_borders(void **state)
{
	u64 limit = gpa_limit() << PAGE_SHIFT;
	static const u64 bad[] = { 1, 2, 4, 7, 0xff8 };
	u64 control = HVCALL_GET_MEMORY_BALANCE;

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(
			raw(control, GUEST_INPUT + bad[i], GUEST_OUTPUT),
			ALIGN_BAD);
		assert_int_equal(
			raw(control, GUEST_INPUT, GUEST_OUTPUT + bad[i]),
			ALIGN_BAD);
	}
	memset(guest_at(GUEST_INPUT), 0, PAGE_SIZE);
	guest_at(GUEST_INPUT + 0xff0)[0] = 1;
	assert_ok(raw(control, GUEST_INPUT + 0xff0, GUEST_OUTPUT + 0xff0));
	/* Beyond the space, the hypervisor's own, a device: no access. */
	assert_int_equal(raw(control, limit, GUEST_OUTPUT), ALIGN_BAD);
	assert_int_equal(raw(control, UINT64_MAX & ~7ull, GUEST_OUTPUT),
	                 ALIGN_BAD);
	assert_int_not_equal(raw(control, fake.reserved_base, GUEST_OUTPUT), 0);
	assert_int_not_equal(
		raw(control, GUEST_INPUT + 0xff0, fake.reserved_base), 0);
	assert_int_not_equal(raw(control, GUEST_INPUT + 0xff0, FAKE_HOLE_BASE),
	                     0);
}

static void test_d11_output_of_save_is_4088_bytes(void **state)
{
	struct hv_input_save_partition_state in = { 0, 3, 0 };

	(void)state;
	memcpy(guest_at(GUEST_INPUT), &in, sizeof(in));
	assert_ok(raw(HVCALL_SAVE_PARTITION_STATE, GUEST_INPUT, GUEST_OUTPUT));
	assert_ok(raw(HVCALL_SAVE_PARTITION_STATE, GUEST_INPUT,
	              GUEST_OUTPUT + 8));
	for (u64 at = 16; at < PAGE_SIZE; at += 8)
		assert_int_equal(raw(HVCALL_SAVE_PARTITION_STATE, GUEST_INPUT,
		                     GUEST_OUTPUT + at),
		                 ALIGN_BAD);
}

static void test_d30_blocks_that_overlap(void **state)
{
	struct hv_input_get_memory_balance in = { 1, 0 };

	(void)state;
	for (i64 d = -24; d <= 24; d += 8) {
		enum hv_status status;

		memcpy(guest_at(GUEST_INPUT + 64), &in, sizeof(in));
		status = raw(HVCALL_GET_MEMORY_BALANCE, GUEST_INPUT + 64,
		             GUEST_INPUT + 64 + (u64)d);
		assert_int_equal(status, d <= -16 || d >= 16
		                                 ? HV_STATUS_SUCCESS
		                                 : HV_STATUS_INVALID_PARAMETER);
	}
}

/* A long list is cut into turns; the start index tells how far it came. */
static void test_rep_call_goes_on_in_turns(void **state)
{
	struct hypercall_registers call = { .input = GUEST_INPUT,
		                            .output = GUEST_OUTPUT };
	u64 id = guest_child(4, 0), reps = 300;
	struct hv_input_unmap_gpa_pages in = { id, 0, 0, 0 };
	u32 turns = 1;

	(void)state;
	memcpy(guest_at(GUEST_INPUT), &in, sizeof(in));
	call.control = HVCALL_UNMAP_GPA_PAGES | reps << 32;
	while (hypercall_execute(fake_root_vp(), &call) == EXIT_AGAIN) {
		assert_true(call.is_rep);
		assert_int_equal(call.control >> 48,
		                 turns * HYPERCALL_REPS_A_TURN);
		assert_int_equal(call.control & 0xffffffffffff,
		                 HVCALL_UNMAP_GPA_PAGES | reps << 32);
		turns++;
	}
	assert_int_equal(turns, (reps + HYPERCALL_REPS_A_TURN - 1) /
	                                HYPERCALL_REPS_A_TURN);
	assert_int_equal(call.result, reps << 32);
	assert_int_equal(call.control >> 48, reps);
}

/* Counted from element 0, up to the one that failed. */
static void test_rep_count_of_a_failure(void **state)
{
	u64 id = guest_child(2, 0), list[5];
	u32 done;

	(void)state;
	for (u32 i = 0; i < 5; i++)
		list[i] = guest_page();
	list[3] = fake.reserved_base >> PAGE_SHIFT;
	assert_int_equal(guest_rep(HVCALL_DEPOSIT_MEMORY, &id, 8, list, 40,
	                           NULL, 0, 5, &done),
	                 HV_STATUS_OPERATION_DENIED);
	assert_int_equal(done, 3);
	assert_int_equal(guest_partition(id)->pool.available, 2 - 1 + 3);
}

/* A child: refused without the privilege, its pages brought by its parent. */
static void test_calls_of_a_child(void **state)
{
	u64 id = guest_child(60, 1), page = guest_page();
	struct partition *p = guest_partition(id);
	enum exit_outcome outcome;
	u64 result;

	(void)state;
	for (u32 code = 0x40; code < 0x80; code++) {
		const struct hypercall *row = hypercall_find(code);
		u64 reps = row && (row->flags & HYPERCALL_REP) ? 1ull << 32 : 0;

		result = guest_raw(p->vps[0], code | reps, 0x1000, 0x2000,
		                   &outcome);
		assert_int_equal(outcome, EXIT_SKIP);
		assert_int_equal(result,
		                 row ? HV_STATUS_ACCESS_DENIED
		                     : HV_STATUS_INVALID_HYPERCALL_CODE);
	}
	assert_ok(guest_set_property(id, HV_PROPERTY_PRIVILEGE_FLAGS,
	                             HV_PRIVILEGE_ACCESS_PARTITION_ID));
	guest_raw(p->vps[0], HVCALL_GET_PARTITION_ID, 0, 0x3008, &outcome);
	assert_int_equal(outcome, EXIT_SUSPENDED);
	assert_int_equal(p->vps[0]->message.type, HV_MESSAGE_UNMAPPED_GPA);
	assert_int_equal(
		((struct hv_memory_intercept *)p->vps[0]->message.payload)->gpa,
		0x3008);
	assert_ok(guest_set(id, 0, HV_REGISTER_INTERCEPT_SUSPEND, 0));
	assert_ok(guest_map(id, 3, page, 1));
	guest_raw(p->vps[0], HVCALL_GET_PARTITION_ID, 0, 0x3008, &outcome);
	assert_int_equal(outcome, EXIT_SUSPENDED);
	assert_int_equal(p->vps[0]->message.type, HV_MESSAGE_GPA_INTERCEPT);
	assert_ok(guest_set(id, 0, HV_REGISTER_INTERCEPT_SUSPEND, 0));
	assert_ok(guest_map(id, 3, page, 3));
	assert_ok(
		guest_raw(p->vps[0], HVCALL_GET_PARTITION_ID, 0, 0x3008, NULL));
	assert_int_equal(*(u64 *)(void *)guest_at((page << 12) + 8), id);
}

/* A child's blocks: its parent brings the input; an overlay is no place. */
static void test_blocks_of_a_child(void **state)
{
	u64 id = guest_child(60, 1), page = guest_page();
	struct vp *vp = guest_partition(id)->vps[0];
	const struct hv_memory_intercept *m =
		(const struct hv_memory_intercept *)vp->message.payload;
	enum exit_outcome outcome;

	(void)state;
	assert_ok(guest_set_property(id, HV_PROPERTY_PRIVILEGE_FLAGS,
	                             HV_PRIVILEGE_ACCESS_PARTITION_ID |
	                                     HV_PRIVILEGE_CREATE_PARTITIONS));
	guest_raw(vp, HVCALL_GET_PARTITION_PROPERTY, 0x1000, 0x2000, &outcome);
	assert_int_equal(outcome, EXIT_SUSPENDED);
	assert_int_equal(vp->message.type, HV_MESSAGE_UNMAPPED_GPA);
	assert_int_equal(m->gpa, 0x1000);
	assert_int_equal(m->header.access_type, HV_INTERCEPT_READ);
	assert_ok(guest_set(id, 0, HV_REGISTER_INTERCEPT_SUSPEND, 0));
	assert_ok(guest_map(id, 3, page, 7));
	assert_ok(guest_set(id, 0, HV_REGISTER_GUEST_OS_ID, 1));
	assert_ok(guest_set(id, 0, HV_REGISTER_HYPERCALL, 0x3001));
	assert_int_equal(
		guest_raw(vp, HVCALL_GET_PARTITION_ID, 0, 0x3008, NULL),
		ALIGN_BAD);
	assert_int_equal(vp->message.type, HV_MESSAGE_NONE);
}

/* A failed call writes nothing to its output block. */
static void test_failure_leaves_the_output_alone(void **state)
{
	struct hv_input_get_memory_balance in = { 99, 0 };
	u64 out[2];

	(void)state;
	assert_int_equal(guest_call(HVCALL_GET_MEMORY_BALANCE, &in, sizeof(in),
	                            out, sizeof(out)),
	                 HV_STATUS_INVALID_PARTITION_ID);
	assert_int_equal(out[0], 0xcccccccccccccccc);
	assert_int_equal(out[1], 0xcccccccccccccccc);
	assert_null(fake.cpu.doing);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_codes),
		TEST(test_every_control_bit),
		TEST(test_fast_calls),
		TEST(test_alignment_and_page_borders),
		TEST(test_d11_output_of_save_is_4088_bytes),
		TEST(test_d30_blocks_that_overlap),
		TEST(test_rep_call_goes_on_in_turns),
		TEST(test_rep_count_of_a_failure),
		TEST(test_calls_of_a_child),
		TEST(test_blocks_of_a_child),
		TEST(test_failure_leaves_the_output_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
