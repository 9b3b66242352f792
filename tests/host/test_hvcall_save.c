/*
 * hv/call/hvcall_save.c: statuses, flags, and the life of a process (D2 to D24).
 */
#include "hv/stream/context.h"
#include "tests/host/fixture/child.h"
#include "tests/host/fixture/test.h"

#define NOT_OPEN HV_STATUS_INVALID_SAVE_RESTORE_STATE

static struct guest_stream s, piece; /* a whole one; of single calls */
static u32 result, consumed;

static u64 make(void)
{
	struct child_shape shape;

	child_shape_small(&shape, 3);
	return child_make(&shape);
}

/* As one call does it, whichever the direction. */
static enum hv_status call(bool restoring, u64 id, u32 flags)
{
	static u8 zero[16];

	piece.size = 0;
	return restoring ? guest_restore_call(id, flags, zero, 1, &result,
	                                      &consumed)
	                 : guest_save_call(id, flags, &piece, &result);
}

static void test_statuses(void **state)
{
	static const struct {
		u64 id;
		u32 flags;
		enum hv_status status;
	} rows[] = {
		{ 0, 1, HV_STATUS_INVALID_PARTITION_ID }, /* D4 */
		{ 0, 0, HV_STATUS_INVALID_PARTITION_ID },
		{ 1, 1, HV_STATUS_ACCESS_DENIED }, /* D5 */
		{ HV_PARTITION_ID_SELF, 1, HV_STATUS_ACCESS_DENIED },
		{ 1000, 1, HV_STATUS_INVALID_PARTITION_ID },
		{ 2, 5, HV_STATUS_INVALID_PARAMETER },
		{ 2, 0x80000001, HV_STATUS_INVALID_PARAMETER },
		{ 0, 6, HV_STATUS_INVALID_PARAMETER },
		{ 2, 0, NOT_OPEN },
		{ 2, 2, NOT_OPEN },
		{ 0, 2, NOT_OPEN },
		{ 2, 1, HV_STATUS_SUCCESS },
	};

	(void)state;
	assert_int_equal(make(), 2);
	for (u32 restoring = 0; restoring < 2; restoring++) {
		for (u32 i = 0; i < ARRAY_LEN(rows); i++)
			assert_int_equal(
				call(restoring, rows[i].id, rows[i].flags),
				rows[i].status);
		context_close(guest_partition(2));
	}
}

/* Order of the table: which states of the target take the calls. */
static void test_d24_states(void **state)
{
	u64 id;

	(void)state;
	assert_ok(guest_create(&id));
	for (u32 r = 0; r < 2; r++)
		assert_int_equal(call(r, id, GUEST_START),
		                 HV_STATUS_INVALID_PARTITION_STATE);
	guest_deposit(id, 40);
	assert_ok(guest_initialize(id));
	for (u32 r = 0; r < 2; r++)
		assert_ok(call(r, id, GUEST_START));
	assert_ok(guest_finalize(id));
	for (u32 r = 0; r < 2; r++)
		assert_int_equal(call(r, id, GUEST_START),
		                 HV_STATUS_INVALID_PARTITION_STATE);
}

static void test_vps_must_be_suspended(void **state)
{
	u64 id = guest_child(60, 2);

	(void)state;
	assert_ok(guest_set(id, 1, HV_REGISTER_EXPLICIT_SUSPEND, 0));
	assert_int_equal(call(false, id, 1), HV_STATUS_OPERATION_DENIED);
	assert_int_equal(call(true, id, 1), HV_STATUS_OPERATION_DENIED);
	assert_int_equal(call(true, id, 3),
	                 HV_STATUS_OPERATION_DENIED); /* D14 */
	assert_ok(call(false, id, 3));
	assert_ok(call(true, 0, 3));
}

static void test_d2_start_begins_anew(void **state)
{
	u64 id = make(), in_use = fake_root()->pool.in_use;

	(void)state;
	assert_ok(call(false, id, GUEST_START));
	assert_int_equal(piece.size, 4080);
	assert_ok(call(false, id, GUEST_START));
	assert_int_equal(piece.size, 4080);
	assert_int_equal(*(u32 *)(void *)piece.data, STREAM_PROLOG);
	assert_int_equal(fake_root()->pool.in_use, in_use + 2);
	guest_save_whole(id, &s);
	assert_int_equal(fake_root()->pool.in_use, in_use);
}

static void test_d3_after_the_end(void **state)
{
	u64 id = make();

	(void)state;
	assert_ok(guest_save(id, 0, &s, &result));
	assert_int_equal(call(false, id, 0), NOT_OPEN);
	s.data[100] ^= 1;
	assert_ok(guest_restore(id, 0, &s, 4080, &result));
	assert_int_equal(result, HV_STATE_CORRUPT_DATA);
	assert_int_equal(call(true, id, 0), NOT_OPEN);
}

static void test_d6_d7_counts(void **state)
{
	struct hv_input_restore_partition_state in = { 0, 1, 4081, { 0 } };
	u64 id = make();

	(void)state;
	assert_ok(guest_restore_call(id, GUEST_START, NULL, 0, &result,
	                             &consumed));
	assert_int_equal(result, HV_STATE_INCOMPLETE);
	assert_int_equal(consumed, 0);
	assert_ok(guest_restore_call(id, 0, NULL, 0, &result, &consumed));
	in.partition_id = id;
	for (u32 i = 0; i < 2; i++) {
		in.restore_data_count = i ? UINT32_MAX : 4081;
		assert_int_equal(guest_call(HVCALL_RESTORE_PARTITION_STATE, &in,
		                            sizeof(in), NULL, 0),
		                 HV_STATUS_INVALID_PARAMETER);
	}
}

/* Tail and page: the data must lie in the input's page. */
static void test_tail_must_fit(void **state)
{
	struct hv_input_restore_partition_state in = { make(), 1, 16, { 0 } };

	(void)state;
	for (u32 count = 0; count <= 32; count += 8) {
		u64 at = GUEST_INPUT + PAGE_SIZE - 32, r;

		in.restore_data_count = count;
		memcpy(guest_at(at), &in, 32);
		r = guest_raw(fake_root_vp(), HVCALL_RESTORE_PARTITION_STATE,
		              at, GUEST_OUTPUT, NULL);
		assert_int_equal(r, count <= 16 ? HV_STATUS_SUCCESS
		                                : HV_STATUS_INVALID_ALIGNMENT);
	}
}

static void test_d8_summary_cannot_change(void **state)
{
	u64 id = make();

	(void)state;
	assert_ok(call(false, id, GUEST_START));
	assert_int_equal(call(false, id, GUEST_SUMMARY),
	                 HV_STATUS_INVALID_PARAMETER);
	assert_ok(call(false, id, 0));
	assert_ok(call(true, id, GUEST_START | GUEST_SUMMARY));
	assert_int_equal(call(true, id, 0), HV_STATUS_INVALID_PARAMETER);
	assert_ok(call(true, id, GUEST_SUMMARY));
}

static void test_d9_one_process_a_target(void **state)
{
	u64 id = make(), in_use = fake_root()->pool.in_use;

	(void)state;
	for (u32 first = 0; first < 2; first++) {
		assert_ok(call(first, id, GUEST_START));
		assert_int_equal(call(!first, id, 0), NOT_OPEN);
		assert_ok(call(!first, id, GUEST_START));
		assert_int_equal(call(first, id, 0), NOT_OPEN);
		assert_ok(call(!first, id, 0));
		assert_int_equal(fake_root()->pool.in_use, in_use + 2);
	}
}

static void unsuspend_and_suspend(u64 id)
{
	assert_ok(guest_set(id, 0, HV_REGISTER_EXPLICIT_SUSPEND, 0));
	assert_int_equal(call(false, id, 0), HV_STATUS_OPERATION_DENIED);
	assert_int_equal(call(true, id, 0), HV_STATUS_OPERATION_DENIED);
	assert_ok(guest_set(id, 0, HV_REGISTER_EXPLICIT_SUSPEND, 1));
}

static void set_register(u64 id)
{
	assert_ok(guest_set(id, 0, HV_REGISTER_RAX, 1));
}

static void create_vp(u64 id)
{
	assert_ok(guest_create_vp(id, 9));
}

static void delete_vp(u64 id)
{
	assert_ok(guest_delete_vp(id, 9));
}

static void map(u64 id)
{
	assert_ok(guest_map(id, 50, guest_page(), 7));
}

static void unmap(u64 id)
{
	assert_ok(guest_unmap(id, 50));
}

static void set_time(u64 id)
{
	assert_ok(guest_set_property(id, HV_PROPERTY_REFERENCE_TIME, 3));
}

static void test_d10_changes_end_the_process(void **state)
{
	void (*const changes[])(u64) = { unsuspend_and_suspend,
		                         set_register,
		                         create_vp,
		                         delete_vp,
		                         map,
		                         unmap,
		                         set_time };
	u64 id = make(), in_use = fake_root()->pool.in_use;

	(void)state;
	for (u32 r = 0; r < 2; r++) {
		for (u32 i = 0; i < ARRAY_LEN(changes); i++) {
			assert_ok(call(r, id, GUEST_START));
			changes[i](id);
			assert_int_equal(call(r, id, 0), NOT_OPEN);
			assert_int_equal(fake_root()->pool.in_use, in_use);
			assert_int_equal(call(r, id, 0), NOT_OPEN);
		}
	}
	/* Reading registers is none, even of an unused component. */
	assert_ok(call(false, id, GUEST_START));
	guest_get64(id, 0, HV_REGISTER_FP_MMX0);
	assert_ok(call(false, id, 0));
	assert_ok(guest_finalize(id));
	assert_int_equal(fake_root()->pool.in_use, in_use);
}

static void test_d12_consumed_with_an_error(void **state)
{
	u64 id = make();

	(void)state;
	assert_ok(guest_save(id, 0, &s, &result));
	s.data[5] ^= 1; /* in the PROLOG's header */
	assert_ok(guest_restore_call(id, 1, s.data, 4080, &result, &consumed));
	assert_int_equal(result, HV_STATE_CORRUPT_DATA);
	assert_int_equal(consumed, 16);
	s.data[5] ^= 1;
	s.data[2000] ^= 1; /* in its payload */
	assert_ok(guest_restore_call(id, 1, s.data, 4080, &result, &consumed));
	assert_int_equal(consumed, 4080);
}

static void test_d15_intercepted_vp_may_be_saved(void **state)
{
	u64 id = make();

	(void)state;
	exit_triple_fault(guest_partition(id)->vps[0]);
	guest_save_whole(id, &s);
}

/* Memory was written: no start, no save, until a restore is whole. */
static void test_d16_d23_half_restored(void **state)
{
	struct child_shape shape;
	struct guest_stream broken = { .data = NULL };
	u64 id = make(), target;

	(void)state;
	assert_ok(guest_save(id, 0, &s, &result));
	child_shape_small(&shape, 3);
	target = child_make_target(&shape);
	/* D23: before the first write the process just ends. */
	assert_ok(guest_restore_call(target, 1, s.data, 4080, &result,
	                             &consumed));
	assert_ok(guest_set(target, 0, HV_REGISTER_EXPLICIT_SUSPEND, 0));
	assert_ok(guest_set(target, 0, HV_REGISTER_EXPLICIT_SUSPEND, 1));
	assert_int_equal(guest_restore_call(target, 0, s.data + 4080, 4080,
	                                    &result, &consumed),
	                 NOT_OPEN);
	/* After it: refused, and the process goes on. */
	broken = s;
	broken.size -= 16;
	assert_ok(guest_restore(target, 0, &broken, 4080, &result));
	assert_int_equal(result, HV_STATE_INCOMPLETE);
	assert_int_equal(guest_set(target, 0, HV_REGISTER_EXPLICIT_SUSPEND, 0),
	                 HV_STATUS_INVALID_PARTITION_STATE);
	assert_ok(guest_set(target, 0, HV_REGISTER_EXPLICIT_SUSPEND, 1));
	assert_int_equal(call(false, target, GUEST_START),
	                 HV_STATUS_INVALID_PARTITION_STATE);
	guest_restore_whole(target, &s, 4080);
	assert_ok(guest_set(target, 0, HV_REGISTER_EXPLICIT_SUSPEND, 0));
	guest_destroy(target);
}

static void test_d23_refused_and_still_open(void **state)
{
	struct child_shape shape;
	u64 id = make(), target;
	u32 at;

	(void)state;
	assert_ok(guest_save(id, 0, &s, &result));
	child_shape_small(&shape, 3);
	target = child_make_target(&shape);
	at = s.size - 32;
	for (u32 done = 0; done < at; done += consumed)
		assert_ok(
			guest_restore_call(target, done == 0, s.data + done,
		                           at - done < 4080 ? at - done : 4080,
		                           &result, &consumed));
	assert_int_equal(guest_set(target, 0, HV_REGISTER_EXPLICIT_SUSPEND, 0),
	                 HV_STATUS_INVALID_PARTITION_STATE);
	assert_ok(guest_restore_call(target, 0, s.data + at, 32, &result,
	                             &consumed));
	assert_int_equal(result, HV_STATE_COMPLETE);
}

static void test_caller_has_no_pages(void **state)
{
	struct pool *pool = &fake_root()->pool;
	u64 id = make();

	(void)state;
	for (u32 left = 3; left > 0; left--) {
		while (pool->available >= left)
			assert_non_null(pool_alloc(pool));
		for (u32 r = 0; r < 2; r++) {
			enum hv_status status = call(r, id, GUEST_START);

			assert_int_equal(
				status,
				left == 3 ? HV_STATUS_SUCCESS
					  : HV_STATUS_INSUFFICIENT_MEMORY);
			context_close(guest_partition(id));
			assert_int_equal(pool->available, left - 1);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_statuses),
		TEST(test_d24_states),
		TEST(test_vps_must_be_suspended),
		TEST(test_d2_start_begins_anew),
		TEST(test_d3_after_the_end),
		TEST(test_d6_d7_counts),
		TEST(test_tail_must_fit),
		TEST(test_d8_summary_cannot_change),
		TEST(test_d9_one_process_a_target),
		TEST(test_d10_changes_end_the_process),
		TEST(test_d12_consumed_with_an_error),
		TEST(test_d15_intercepted_vp_may_be_saved),
		TEST(test_d16_d23_half_restored),
		TEST(test_d23_refused_and_still_open),
		TEST(test_caller_has_no_pages),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	guest_stream_free(&s);
	guest_stream_free(&piece);
	return failed;
}
