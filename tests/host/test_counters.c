/*
 * hv/call/cost.c, hv/call/hvcall_own.c: what was counted, and the call that says so.
 */
#include "hv/call/cost.h"
#include "hv/call/hypercall.h"
#include "tests/host/fixture/test.h"

#define PLACES (COUNTER_KINDS * COUNTER_SLOTS)

static struct hv_output_get_counters out;

static enum hv_status get(u64 id, u32 index, u32 place)
{
	struct hv_input_get_counters in = { id, index, place };

	return guest_call(HVCALL_STASIS_GET_COUNTERS, &in, sizeof(in), &out,
	                  sizeof(out));
}

/* All rows, in few calls that look at few places each. */
static u32 get_all(struct hv_counter *rows)
{
	u32 count = 0, place = 0, calls = 0;

	do {
		assert_ok(get(HV_PARTITION_ID_SELF, 0, place));
		assert_true(out.next == 0 || out.next > place);
		place = out.next;
		memcpy(rows + count, out.rows, out.count * sizeof(*rows));
		count += out.count;
		assert_true(++calls <= PLACES / 64);
	} while (place);
	return count;
}

static void nothing_counted(void)
{
	memset(fake.cpu.counters, 0, sizeof(*fake.cpu.counters));
}

static void assert_row(const struct hv_counter *row, u32 kind, u32 code,
                       u64 count, u64 ticks, u64 worst)
{
	assert_int_equal(row->kind, kind);
	assert_int_equal(row->code, code);
	assert_int_equal(row->count, count);
	assert_int_equal(row->ticks, ticks);
	assert_int_equal(row->worst, worst);
}

static void note(u32 code, u64 ticks)
{
	cost_note(fake.cpu.counters, hypercall_slot(code), ticks);
}

static void test_what_was_counted_comes_by_kind_and_code(void **state)
{
	static struct hv_counter rows[PLACES];

	(void)state;
	nothing_counted();
	assert_int_equal(get_all(rows), 0);
	note(HVCALL_SAVE_PARTITION_STATE, 100);
	note(HVCALL_SAVE_PARTITION_STATE, 300);
	note(HVCALL_SAVE_PARTITION_STATE, 200);
	note(HVCALL_STASIS_GET_COUNTERS, 7);
	note(HVCALL_STASIS_READ_LOG, 8);
	note(0x3f, 9);
	note(0xffff, 10);
	cost_exit(fake.cpu.counters, HV_COUNTER_CHILD_EXIT, 12, 40);
	cost_exit(fake.cpu.counters, HV_COUNTER_CHILD_EXIT, 0x400, 50);
	cost_exit(fake.cpu.counters, HV_COUNTER_ROOT_EXIT, 12, 60);
	cost_exit(fake.cpu.counters, HV_COUNTER_ROOT_EXIT, 12, 20);
	assert_int_equal(get_all(rows), 7);
	assert_row(&rows[0], HV_COUNTER_CALL, 0, 2, 19, 10);
	assert_row(&rows[1], HV_COUNTER_CALL, 0x7f00, 1, 8, 8);
	assert_row(&rows[2], HV_COUNTER_CALL, 0x7f01, 1, 7, 7);
	assert_row(&rows[3], HV_COUNTER_CALL, 0x5e, 3, 600, 300);
	assert_row(&rows[4], HV_COUNTER_ROOT_EXIT, 12, 2, 80, 60);
	assert_row(&rows[5], HV_COUNTER_CHILD_EXIT, 12, 1, 40, 40);
	assert_row(&rows[6], HV_COUNTER_CHILD_EXIT, 0x400, 1, 50, 50);
	assert_int_equal(out.vendor, fake.facts.compat.cpu_vendor);
}

/* More rows than a block has room for come in the next one, each of them once. */
static void test_all_places(void **state)
{
	static struct hv_counter rows[PLACES];

	(void)state;
	for (u32 kind = 0; kind < COUNTER_KINDS; kind++)
		for (u32 slot = 0; slot < COUNTER_SLOTS; slot++)
			fake.cpu.counters->of[kind][slot] = (struct counter){
				kind * COUNTER_SLOTS + slot + 1, 0, 0
			};
	assert_int_equal(get_all(rows), PLACES);
	for (u32 i = 0; i < PLACES; i++) {
		assert_int_equal(rows[i].count, i + 1);
		assert_int_equal(rows[i].kind, i / COUNTER_SLOTS);
	}
	nothing_counted();
}

static void test_every_reason_has_a_slot(void **state)
{
	(void)state;
	for (u32 reason = 0; reason < 0x10000; reason++) {
		u32 slot = cost_exit_slot(reason);

		assert_true(slot < COUNTER_SLOTS);
		if (reason < 0xf0 || (reason >= 0x400 && reason < 0x40f))
			assert_int_equal(cost_exit_reason(slot), reason);
		else
			assert_int_equal(cost_exit_reason(slot), UINT32_MAX);
	}
	/* VMEXIT_INVALID, VMEXIT_BUSY */
	assert_int_equal(cost_exit_slot(UINT32_MAX), COUNTER_SLOTS - 1);
	assert_int_equal(cost_exit_slot(UINT32_MAX - 1), COUNTER_SLOTS - 1);
}

static void test_every_code_comes_back(void **state)
{
	(void)state;
	for (u32 code = 0; code < 0x10000; code++) {
		u32 slot = hypercall_slot(code);

		assert_true(slot < HYPERCALL_SLOTS);
		assert_int_equal(hypercall_of_slot(slot), slot ? code : 0);
		assert_true(slot || !hypercall_find(code));
	}
}

static void test_refusals(void **state)
{
	u64 id = guest_child(80, 1);

	(void)state;
	assert_int_equal(get(HV_PARTITION_ID_SELF, 1, 0),
	                 HV_STATUS_INVALID_VP_INDEX);
	assert_int_equal(get(HV_PARTITION_ID_SELF, 0, PLACES),
	                 HV_STATUS_INVALID_PARAMETER);
	assert_int_equal(get(HV_PARTITION_ID_SELF, 0, UINT32_MAX),
	                 HV_STATUS_INVALID_PARAMETER);
	assert_ok(get(HV_PARTITION_ID_SELF, 0, PLACES - 1));
	assert_int_equal(out.next, 0);
	assert_int_equal(get(id + 1, 0, 0), HV_STATUS_INVALID_PARTITION_ID);
	/* A child's VP is on a processor too; the child itself may not ask. */
	assert_ok(get(id, 0, 0));
	assert_int_equal(get(id, 1, 0), HV_STATUS_INVALID_VP_INDEX);
	assert_ok(guest_finalize(id));
	assert_int_equal(get(id, 0, 0), HV_STATUS_INVALID_PARTITION_STATE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_was_counted_comes_by_kind_and_code),
		TEST(test_all_places),
		TEST(test_every_reason_has_a_slot),
		TEST(test_every_code_comes_back),
		TEST(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
