/*
 * Ways of calling: registers instead of blocks, lists, blocks of odd sizes, and
 * calls of a child.
 */
#include "parent/hvcall.h"
#include "parent/memory.h"
#include "parent/partition.h"
#include "parent/vp.h"
#include "tests/guest/lib/calls.h"
#include "tests/guest/lib/child.h"
#include "tests/guest/lib/code.h"
#include "tests/guest/lib/test.h"
#include "tests/guest/root/statuses/statuses.h"

#define HOLE 0x100000

static struct child child;

/* ---- Ways of calling ---- */

void statuses_fast_calls(void)
{
	MUST(child_create_bare(&child));
	MUST(child_deposit(&child, 20));
	EXPECT_SUCCESS(hvcall_fast(HVCALL_INITIALIZE_PARTITION, child.id, 0));
	MUST(EXPECT_SUCCESS(vp_create(child.id, 2)));
	EXPECT_STATUS(hvcall_fast(HVCALL_DELETE_VP, child.id, 1),
	              HV_STATUS_INVALID_VP_INDEX);
	EXPECT_SUCCESS(hvcall_fast(HVCALL_DELETE_VP, child.id, 2));
	EXPECT_SUCCESS(hvcall_fast(HVCALL_FINALIZE_PARTITION, child.id, 0));
	EXPECT_STATUS(hvcall_fast(HVCALL_DELETE_PARTITION, child.id, 0),
	              HV_STATUS_OPERATION_DENIED);
	MUST(child_withdraw_all(&child));
	EXPECT_SUCCESS(hvcall_fast(HVCALL_DELETE_PARTITION, child.id, 0));
}

/* Elements before the start index are not looked at; reps count from 0. */
void statuses_rep_start(void)
{
	struct hv_input_vp_registers *in;
	u64 *out, result;
	u32 *names;

	MUST(statuses_begin() && child_create(&child, PAGES));
	in = (struct hv_input_vp_registers *)statuses_in;
	names = (u32 *)(in + 1);
	out = (u64 *)statuses_out;
	in->partition_id = child.id;
	for (u32 i = 0; i < 4; i++) {
		names[i] = HV_REGISTER_RAX + i;
		MUST(child_set(&child, HV_REGISTER_RAX + i, 100 + i));
		out[2 * i] = 7;
	}
	names[0] = names[1] = 0x7fffffff;
	result = hvcall_raw(HVCALL_GET_VP_REGISTERS |
	                            4ull << HV_CONTROL_REP_COUNT_SHIFT |
	                            2ull << HV_CONTROL_REP_START_SHIFT,
	                    statuses_in, statuses_out);
	EXPECT_EQUAL(result, 4ull << HV_RESULT_REPS_SHIFT);
	EXPECT_EQUAL(out[0], 7);
	EXPECT_EQUAL(out[2], 7);
	EXPECT_EQUAL(out[4], 102);
	EXPECT_EQUAL(out[6], 103);
	/* A bad element: those before it are done, and counted. */
	names[0] = HV_REGISTER_RAX;
	names[1] = HV_REGISTER_RCX;
	names[2] = 0x7fffffff;
	result = hvcall_raw(HVCALL_GET_VP_REGISTERS |
	                            4ull << HV_CONTROL_REP_COUNT_SHIFT,
	                    statuses_in, statuses_out);
	EXPECT_EQUAL(result, 2ull << HV_RESULT_REPS_SHIFT |
	                             HV_STATUS_INVALID_PARAMETER);
	EXPECT_EQUAL(out[0], 100);
	EXPECT_EQUAL(out[2], 101);
	child_destroy(&child);
	statuses_end();
}

/* The list must fit in the page with its header. */
void statuses_rep_lists_over_the_page(void)
{
	static const struct {
		u16 code;
		u16 most;
	} rows[] = {
		{ HVCALL_DEPOSIT_MEMORY, 511 },
		{ HVCALL_WITHDRAW_MEMORY, 512 },
		{ HVCALL_MAP_GPA_PAGES, 509 },
		{ HVCALL_GET_VP_REGISTERS, 256 },
		{ HVCALL_SET_VP_REGISTERS, 127 },
	};

	MUST(statuses_begin());
	*(u64 *)statuses_in = NOBODY;
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		u64 most = (u64)rows[i].most << HV_CONTROL_REP_COUNT_SHIFT;

		test_context("code", rows[i].code);
		EXPECT_STATUS(statuses_call(rows[i].code | most, statuses_in,
		                            statuses_out),
		              HV_STATUS_INVALID_PARTITION_ID);
		most += 1ull << HV_CONTROL_REP_COUNT_SHIFT;
		EXPECT_STATUS(statuses_call(rows[i].code | most, statuses_in,
		                            statuses_out),
		              HV_STATUS_INVALID_ALIGNMENT);
	}
	statuses_end();
}

/* Save's output is taken for 4088 bytes, restore's input ends with its data. */
void statuses_blocks_of_save_and_restore(void)
{
	MUST(statuses_begin() && child_create(&child, PAGES));
	((u64 *)statuses_in)[0] = child.id;
	((u64 *)statuses_in)[1] = START;
	EXPECT_STATUS(statuses_call(HVCALL_SAVE_PARTITION_STATE, statuses_in,
	                            statuses_out),
	              HV_STATUS_SUCCESS);
	EXPECT_STATUS(statuses_call(HVCALL_SAVE_PARTITION_STATE, statuses_in,
	                            statuses_out + 8),
	              HV_STATUS_SUCCESS);
	EXPECT_STATUS(statuses_call(HVCALL_SAVE_PARTITION_STATE, statuses_in,
	                            statuses_out + 16),
	              HV_STATUS_INVALID_ALIGNMENT);
	((u64 *)statuses_in)[2] = child.id;
	((u64 *)statuses_in)[3] = START | 4064ull << 32;
	EXPECT_STATUS(statuses_call(HVCALL_RESTORE_PARTITION_STATE,
	                            statuses_in + 16, statuses_out),
	              HV_STATUS_SUCCESS);
	((u64 *)statuses_in)[3] = START | 4065ull << 32;
	EXPECT_STATUS(statuses_call(HVCALL_RESTORE_PARTITION_STATE,
	                            statuses_in + 16, statuses_out),
	              HV_STATUS_INVALID_ALIGNMENT);
	child_destroy(&child);
	statuses_end();
}

/* ---- Calls of a child ---- */

static const u8 caller[] = { VMCALL, OUT_EAX(PORT), JMP_BACK(5) };

/* One call by the child, blocks at 3000H and 4000H of its memory. */
static bool child_calls(u64 control, u64 id, u32 want)
{
	u64 result;

	*(u64 *)child_at(&child, 0x3000) = id;
	*(u64 *)child_at(&child, 0x3008) = START;
	return child_set(&child, HV_REGISTER_RCX, control) &&
	       child_set(&child, HV_REGISTER_RDX, 0x3000) &&
	       child_set(&child, HV_REGISTER_R8, 0x4000) &&
	       child_set(&child, HV_REGISTER_RIP, CHILD_CODE) &&
	       child_run_to_out(&child, PORT, &result) &&
	       EXPECT_STATUS((u32)(result & HV_RESULT_STATUS), want);
}

/* Who may have no children is told nothing; who may, only of its own. */
void statuses_calls_of_a_child(void)
{
	u64 privileges = 0, root = STASIS_ROOT_ID;

	MUST(child_create(&child, PAGES) && child_intercept_out(&child, PORT));
	CHILD_PUT_CODE(&child, caller);
	MUST(child_set_long(&child, CHILD_CODE, CHILD_CODE));
	for (u32 i = 0; i < call_count; i++) {
		test_context(calls[i].name, 0);
		MUST(child_calls(statuses_control(&calls[i]), root,
		                 HV_STATUS_ACCESS_DENIED));
		MUST(child_calls(statuses_control(&calls[i]), NOBODY,
		                 HV_STATUS_ACCESS_DENIED));
	}
	MUST(EXPECT_SUCCESS(partition_get_property(
		child.id, HV_PROPERTY_PRIVILEGE_FLAGS, &privileges)));
	MUST(EXPECT_SUCCESS(partition_set_property(
		child.id, HV_PROPERTY_PRIVILEGE_FLAGS,
		privileges | HV_PRIVILEGE_CREATE_PARTITIONS)));
	for (u32 i = 0; i < call_count; i++) {
		if (calls[i].flags & (NOID | OWN))
			continue;
		test_context(calls[i].name, 1);
		MUST(child_calls(statuses_control(&calls[i]), root,
		                 HV_STATUS_ACCESS_DENIED));
		MUST(child_calls(statuses_control(&calls[i]), child.id,
		                 HV_STATUS_ACCESS_DENIED));
		MUST(child_calls(statuses_control(&calls[i]), NOBODY,
		                 HV_STATUS_INVALID_PARTITION_ID));
	}
	child_destroy(&child);
}

/* A child's block that is not there is its parent's business (TLFS 4.6). */
void statuses_unmapped_block_of_a_child(void)
{
	static const u8 code[] = {
		MOV_ECX(HVCALL_GET_PARTITION_ID),
		MOV_R8D(HOLE + 0x10),
		VMCALL,
		OUT_EAX(PORT),
		HLT,
	};
	const struct hv_memory_intercept *m =
		(const struct hv_memory_intercept *)child.message.payload;
	u64 status, page;

	MUST(child_create(&child, PAGES) && child_intercept_out(&child, PORT));
	CHILD_PUT_CODE(&child, code);
	MUST(child_set_long(&child, CHILD_CODE, CHILD_CODE));
	MUST(EXPECT_SUCCESS(
		partition_set_property(child.id, HV_PROPERTY_PRIVILEGE_FLAGS,
	                               HV_PRIVILEGE_ACCESS_PARTITION_ID)));
	MUST(child_run_to(&child, HV_MESSAGE_UNMAPPED_GPA));
	EXPECT_EQUAL(m->gpa, HOLE + 0x10);
	EXPECT_EQUAL(m->header.access_type, HV_INTERCEPT_WRITE);
	EXPECT_EQUAL(m->header.rip, CHILD_CODE + 11);
	/* With memory there the same instruction goes through. */
	page = child.memory + 4 * PAGE_SIZE;
	MUST(EXPECT_SUCCESS(memory_map(child.id, HOLE >> PAGE_SHIFT,
	                               page >> PAGE_SHIFT, 1, CHILD_RWX,
	                               NULL)));
	MUST(child_run_to_out(&child, PORT, &status));
	EXPECT_EQUAL(status, HV_STATUS_SUCCESS);
	EXPECT_EQUAL(*(u64 *)(page + 0x10), child.id);
	child_destroy(&child);
}
