/*
 * What is the same for all calls: codes, the control word, where blocks may lie,
 * and whose partition it may be.
 */
#include "parent/memory.h"
#include "parent/partition.h"
#include "tests/guest/lib/calls.h"
#include "tests/guest/lib/child.h"
#include "tests/guest/lib/pages.h"
#include "tests/guest/lib/test.h"
#include "tests/guest/root/statuses/statuses.h"

static struct child child;

/* ---- What is the same for all calls ---- */

static bool is_call(u32 code)
{
	for (u32 i = 0; i < call_count; i++)
		if (calls[i].code == code)
			return true;
	return false;
}

void statuses_unknown_codes(void)
{
	MUST(statuses_begin());
	for (u32 code = 0; code <= 0xffff; code += code < 0x200 ? 1 : 7) {
		if (is_call(code))
			continue;
		test_context("code", code);
		EXPECT_STATUS(statuses_call(code, statuses_in, statuses_out),
		              HV_STATUS_INVALID_HYPERCALL_CODE);
	}
	/* Nothing else in the control word counts then. */
	EXPECT_STATUS(statuses_call(0x3f | HV_CONTROL_FAST, 1, 1),
	              HV_STATUS_INVALID_HYPERCALL_CODE);
	statuses_end();
}

void statuses_reserved_control_bits(void)
{
	u64 bits = HV_CONTROL_RSVD | HV_CONTROL_VARHEAD;

	MUST(statuses_begin());
	for (u32 i = 0; i < call_count; i++) {
		test_context(calls[i].name, 0);
		for (u32 bit = 0; bit < 64; bit++)
			if (bits & BIT(bit))
				EXPECT_STATUS(
					statuses_call(
						statuses_control(&calls[i]) |
							BIT(bit),
						statuses_in, statuses_out),
					HV_STATUS_INVALID_HYPERCALL_INPUT);
	}
	statuses_end();
}

void statuses_rep_and_fast_bits(void)
{
	const u64 one = 1ull << HV_CONTROL_REP_COUNT_SHIFT;
	const u64 first = 1ull << HV_CONTROL_REP_START_SHIFT;

	MUST(statuses_begin());
	for (u32 i = 0; i < call_count; i++) {
		const struct call *c = &calls[i];
		u64 bad[4] = { one, first, one | first, 0xfff * one };

		if (c->flags & REP) {
			bad[0] = 0;
			bad[1] = first;
			bad[2] = one | first;
			bad[3] = 2 * one | 3 * first;
		}
		test_context(c->name, 0);
		for (u32 n = 0; n < ARRAY_LEN(bad); n++)
			EXPECT_STATUS(statuses_call(c->code | bad[n],
			                            statuses_in, statuses_out),
			              HV_STATUS_INVALID_HYPERCALL_INPUT);
		if (!(c->flags & FAST))
			EXPECT_STATUS(statuses_call(statuses_control(c) |
			                                    HV_CONTROL_FAST,
			                            0, 0),
			              HV_STATUS_INVALID_HYPERCALL_INPUT);
	}
	statuses_end();
}

/* Addresses that no block of this size may have; at least one. */
static u32 bad_addresses(u64 page, u32 size, u64 list[8])
{
	u32 count = 0;

	list[count++] = page + 1;
	list[count++] = page + 4;
	list[count++] = page + 7;
	list[count++] = BEYOND;
	list[count++] = ~7ull;
	if (size > 8)
		list[count++] = page + PAGE_SIZE - 8;
	if (size > 8)
		list[count++] = page + PAGE_SIZE - ((size - 1) & ~7u);
	return count;
}

void statuses_bad_blocks(void)
{
	u64 list[8];

	MUST(statuses_begin());
	for (u32 i = 0; i < call_count; i++) {
		const struct call *c = &calls[i];
		u32 count = c->in ? bad_addresses(statuses_in, c->in, list) : 0;

		test_context(c->name, 0);
		for (u32 n = 0; n < count; n++)
			EXPECT_STATUS(statuses_call(statuses_control(c),
			                            list[n], statuses_out),
			              HV_STATUS_INVALID_ALIGNMENT);
		count = c->out ? bad_addresses(statuses_out, c->out, list) : 0;
		for (u32 n = 0; n < count; n++)
			EXPECT_STATUS(statuses_call(statuses_control(c),
			                            statuses_in, list[n]),
			              HV_STATUS_INVALID_ALIGNMENT);
	}
	statuses_end();
}

/* Both blocks on one page are fine, on one byte they are not (D30). */
void statuses_overlapping_blocks(void)
{
	u32 seen = 0;

	MUST(statuses_begin());
	for (u32 i = 0; i < call_count; i++) {
		const struct call *c = &calls[i];

		if (!c->in || !c->out)
			continue;
		seen++;
		test_context(c->name, 0);
		EXPECT_STATUS(statuses_call(statuses_control(c), statuses_in,
		                            statuses_in),
		              HV_STATUS_INVALID_PARAMETER);
		if (c->out > 4000)
			continue;
		EXPECT_STATUS(statuses_call(statuses_control(c), statuses_in,
		                            statuses_in + (c->in - 8u)),
		              HV_STATUS_INVALID_PARAMETER);
	}
	EXPECT(seen > 5);
	/* Next to each other: the call goes through to its first check. */
	*(u64 *)statuses_in = NOBODY;
	EXPECT_STATUS(statuses_call(HVCALL_GET_PARTITION_PROPERTY, statuses_in,
	                            statuses_in + 16),
	              HV_STATUS_INVALID_PARTITION_ID);
	EXPECT_STATUS(statuses_call(HVCALL_GET_PARTITION_PROPERTY,
	                            statuses_in + 8, statuses_in),
	              HV_STATUS_INVALID_PARTITION_ID);
	statuses_end();
}

void statuses_blocks_without_memory(void)
{
	u64 gpn = page_take(), id = NOBODY;

	MUST(statuses_begin() && child_create_bare(&child));
	MUST(EXPECT_SUCCESS(memory_deposit(child.id, &gpn, 1, NULL)));
	child.deposited = 1;
	/* Deposited, so no memory of ours; then the pages we are shown. */
	EXPECT(statuses_call(HVCALL_GET_PARTITION_ID, 0, gpn << PAGE_SHIFT) !=
	       HV_STATUS_SUCCESS);
	EXPECT(statuses_call(HVCALL_DELETE_PARTITION, gpn << PAGE_SHIFT, 0) !=
	       HV_STATUS_SUCCESS);
	EXPECT(statuses_call(HVCALL_GET_PARTITION_ID, 0,
	                     test_hypercall_page()) != HV_STATUS_SUCCESS);
	MUST(EXPECT_SUCCESS(partition_get_id(&id)));
	MUST(child_withdraw_all(&child));
	EXPECT_SUCCESS(partition_delete(child.id));
	statuses_end();
}

/* ---- Partition ids ---- */

void statuses_ids(void)
{
	u64 own = STASIS_ROOT_ID, *id;

	MUST(statuses_begin());
	id = (u64 *)statuses_in;
	*(u32 *)(statuses_in + 8) = START;
	for (u32 i = 0; i < call_count; i++) {
		const struct call *c = &calls[i];
		u32 of_self = c->flags & SELF_OPERATION
		                      ? HV_STATUS_OPERATION_DENIED
		                      : HV_STATUS_ACCESS_DENIED;

		if (c->flags & NOID)
			continue;
		test_context(c->name, 0);
		*id = HV_PARTITION_ID_INVALID;
		EXPECT_STATUS(statuses_call(statuses_control(c), statuses_in,
		                            statuses_out),
		              HV_STATUS_INVALID_PARTITION_ID);
		*id = NOBODY;
		EXPECT_STATUS(statuses_call(statuses_control(c), statuses_in,
		                            statuses_out),
		              HV_STATUS_INVALID_PARTITION_ID);
		if (c->flags & OWN)
			continue;
		*id = HV_PARTITION_ID_SELF;
		EXPECT_STATUS(statuses_call(statuses_control(c), statuses_in,
		                            statuses_out),
		              of_self);
		*id = own;
		EXPECT_STATUS(statuses_call(statuses_control(c), statuses_in,
		                            statuses_out),
		              of_self);
	}
	statuses_end();
}
