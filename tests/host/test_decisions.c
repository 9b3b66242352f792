/*
 * Decisions of docs/hypercalls.md, each through the hypercalls as a parent makes
 * them. Others have their tests with the file that they are about; the name of
 * a test has the decision's number.
 */
#include "hv/interrupt/synic.h"
#include "hv/run/cpuid.h"
#include "tests/host/fixture/child.h"
#include "tests/host/fixture/forge.h"
#include "tests/host/fixture/test.h"

#define NOT_OPEN HV_STATUS_INVALID_SAVE_RESTORE_STATE
#define SAVE HVCALL_SAVE_PARTITION_STATE
#define RESTORE HVCALL_RESTORE_PARTITION_STATE

/* Where a child that is a caller has its blocks, in its own memory. */
#define CHILD_INPUT 0x1000ull
#define CHILD_OUTPUT 0x2000ull

static struct child_shape shape;
static struct guest_stream s;
static u32 result, consumed;

static u64 make(u32 pages)
{
	child_shape_small(&shape, pages);
	return child_make(&shape);
}

static u64 make_saved(u32 pages)
{
	u64 id = make(pages);

	child_fill(id, &shape, 3);
	guest_save_whole(id, &s);
	return id;
}

/* Offset of the byte behind a chunk of the stream. */
static u32 end_of(u32 id)
{
	struct stream_header h;

	for (u32 at = 0; at < s.size; at += 16 + h.length) {
		memcpy(&h, s.data + at, sizeof(h));
		if (h.id == id)
			return at + 16 + h.length;
	}
	fail_msg("no chunk %x", id);
	return 0;
}

/* A word of a block, by its offset and by no structure. */
static u32 word(u64 block, u32 offset)
{
	u32 value;

	memcpy(&value, guest_at(block + offset), sizeof(value));
	return value;
}

static void set_words(u64 block, u64 id, u32 flags, u32 count)
{
	memset(guest_at(block), 0xcc, PAGE_SIZE);
	memcpy(guest_at(block), &id, 8);
	memcpy(guest_at(block + 8), &flags, 4);
	memcpy(guest_at(block + 12), &count, 4);
}

static void test_d1_count_comes_before_state(void **state)
{
	u64 id = make(1);

	(void)state;
	memset(guest_at(GUEST_OUTPUT), 0xcc, PAGE_SIZE);
	set_words(GUEST_INPUT, id, GUEST_START, 0xcccccccc);
	assert_ok(guest_raw(fake_root_vp(), SAVE, GUEST_INPUT, GUEST_OUTPUT,
	                    NULL));
	assert_int_equal(word(GUEST_OUTPUT, 0), 4080);
	assert_int_equal(word(GUEST_OUTPUT, 4), HV_STATE_INCOMPLETE);
	assert_int_equal(word(GUEST_OUTPUT, 8), STREAM_PROLOG);
	assert_int_equal(word(GUEST_OUTPUT, 8 + 16), STREAM_TAG);
	/* Restore: the state, then the bytes consumed; data at 16. */
	memmove(guest_at(GUEST_INPUT + 16), guest_at(GUEST_OUTPUT + 8), 4080);
	memcpy(guest_at(GUEST_INPUT + 12), &(u32){ 4000 }, 4);
	assert_ok(guest_raw(fake_root_vp(), RESTORE, GUEST_INPUT, GUEST_OUTPUT,
	                    NULL));
	assert_int_equal(word(GUEST_OUTPUT, 0), HV_STATE_INCOMPLETE);
	assert_int_equal(word(GUEST_OUTPUT, 4), 4000);
}

static void test_d4_system_needs_summary(void **state)
{
	u64 id = make(0);

	(void)state;
	for (u32 flags = 0; flags < 2; flags++) {
		assert_int_equal(guest_save_call(0, flags, &s, &result),
		                 HV_STATUS_INVALID_PARTITION_ID);
		assert_int_equal(guest_restore_call(0, flags, NULL, 0, &result,
		                                    &consumed),
		                 HV_STATUS_INVALID_PARTITION_ID);
	}
	assert_ok(guest_save_call(0, 3, &s, &result));
	assert_int_equal(guest_save_call(0, 0, &s, &result),
	                 HV_STATUS_INVALID_PARTITION_ID);
	assert_ok(guest_save_call(0, 2, &s, &result));
	assert_ok(guest_save_call(id, 1, &s, &result));
}

/* A VP of a child that has memory for its blocks, as the caller. */
static struct vp *caller(u64 privileges)
{
	u64 id = guest_child(80, 1);

	for (u64 gpn = 0; gpn < 3; gpn++)
		assert_ok(guest_map(id, gpn, guest_page(), 7));
	assert_ok(guest_set_property(id, HV_PROPERTY_PRIVILEGE_FLAGS,
	                             privileges));
	return guest_partition(id)->vps[0];
}

static u8 *child_block(struct vp *vp, u64 gpa)
{
	struct arch_mapping m;

	assert_true(gpa_lookup(&vp->partition->space, gpa >> PAGE_SHIFT, &m));
	return arch_page(m.page);
}

static u64 child_calls(struct vp *vp, u32 code, u64 id, u32 flags)
{
	struct hv_input_restore_partition_state in = { .partition_id = id,
		                                       .flags = flags };

	memcpy(child_block(vp, CHILD_INPUT), &in, 16);
	return guest_raw(vp, code, CHILD_INPUT, CHILD_OUTPUT, NULL);
}

static void test_d5_whose_partition_it_is(void **state)
{
	static const u32 codes[] = { SAVE, RESTORE };
	struct vp *child = caller(HV_PRIVILEGE_CREATE_PARTITIONS);
	struct vp *childless = caller(0);
	u64 other = make(1);

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(codes); i++) {
		const struct {
			u64 id;
			enum hv_status to_root;
		} rows[] = {
			{ HV_PARTITION_ID_SELF, HV_STATUS_ACCESS_DENIED },
			{ 1, HV_STATUS_ACCESS_DENIED },
			{ other + 1, HV_STATUS_INVALID_PARTITION_ID },
			{ 1ull << 63, HV_STATUS_INVALID_PARTITION_ID },
			{ other, HV_STATUS_SUCCESS },
		};

		for (u32 k = 0; k < ARRAY_LEN(rows); k++) {
			set_words(GUEST_INPUT, rows[k].id, GUEST_START, 0);
			assert_int_equal(guest_raw(fake_root_vp(), codes[i],
			                           GUEST_INPUT, GUEST_OUTPUT,
			                           NULL),
			                 rows[k].to_root);
			/* One that may have no children learns of none. */
			assert_int_equal(child_calls(childless, codes[i],
			                             rows[k].id, GUEST_START),
			                 HV_STATUS_ACCESS_DENIED);
		}
		assert_int_equal(child_calls(child, codes[i], other, 1),
		                 HV_STATUS_ACCESS_DENIED);
		assert_int_equal(child_calls(child, codes[i], 1, 1),
		                 HV_STATUS_ACCESS_DENIED);
	}
}

/* Nothing but Incomplete, byte by byte, until `last` of them are in. */
static void assert_restorable_at(u64 id, u32 last)
{
	for (u32 n = 0; n < last; n++) {
		assert_ok(guest_restore_call(
			id, GUEST_SUMMARY | (n ? 0 : GUEST_START), s.data + n,
			1, &result, &consumed));
		assert_int_equal(consumed, 1);
		assert_int_equal(result, n == last - 1 ? HV_STATE_RESTORABLE
		                                       : HV_STATE_INCOMPLETE);
	}
	assert_int_equal(guest_restore_call(id, GUEST_SUMMARY, s.data, 1,
	                                    &result, &consumed),
	                 NOT_OPEN);
}

static void test_d13_restorable_ends_a_summary(void **state)
{
	u64 id = make(2);

	(void)state;
	assert_ok(guest_save(0, GUEST_SUMMARY, &s, &result));
	assert_int_equal(result, HV_STATE_COMPLETE);
	assert_restorable_at(0, s.size);
	assert_restorable_at(id, s.size);
	assert_ok(guest_save(id, GUEST_SUMMARY, &s, &result));
	assert_int_equal(result, HV_STATE_COMPLETE);
	assert_restorable_at(0, s.size);
	assert_restorable_at(id, s.size);
}

static void test_d13_whole_stream_is_judged_before_memory(void **state)
{
	u64 id = make_saved(40);

	(void)state;
	assert_true(end_of(STREAM_VP_INDICES) < end_of(STREAM_GPA_MAP));
	assert_restorable_at(0, end_of(STREAM_VP_INDICES));
	assert_restorable_at(id, end_of(STREAM_VP_INDICES));
	/* A mismatch comes with the chunk that has it. */
	fake_become(FAKE_HASWELL);
	assert_ok(guest_restore(0, GUEST_SUMMARY, &s, 1, &result));
	assert_int_equal(result, 33);
	s.size = end_of(STREAM_COMPAT);
	assert_ok(guest_restore(0, GUEST_SUMMARY, &s, 4080, &result));
	assert_int_equal(result, 33);
	s.size--;
	assert_ok(guest_restore(0, GUEST_SUMMARY, &s, 4080, &result));
	assert_int_equal(result, HV_STATE_INCOMPLETE);
}

/* The parent alone, and only while nothing of the target can move. */
static void test_d14_summary_restore_of_a_partition(void **state)
{
	const u32 flags = GUEST_START | GUEST_SUMMARY;
	u64 id = make(1), fresh;

	(void)state;
	assert_ok(guest_create(&fresh));
	assert_int_equal(
		guest_restore_call(fresh, flags, NULL, 0, &result, &consumed),
		HV_STATUS_INVALID_PARTITION_STATE);
	assert_int_equal(
		guest_restore_call(1, flags, NULL, 0, &result, &consumed),
		HV_STATUS_ACCESS_DENIED);
	assert_ok(guest_set(id, 0, HV_REGISTER_EXPLICIT_SUSPEND, 0));
	assert_int_equal(
		guest_restore_call(id, flags, NULL, 0, &result, &consumed),
		HV_STATUS_OPERATION_DENIED);
	assert_ok(guest_set(id, 0, HV_REGISTER_EXPLICIT_SUSPEND, 1));
	assert_ok(guest_restore_call(id, flags, NULL, 0, &result, &consumed));
}

static void test_d14_system_needs_create_partitions_only(void **state)
{
	struct vp *can = caller(HV_PRIVILEGE_CREATE_PARTITIONS);
	struct vp *cannot = caller(HV_PRIVILEGE_ACCESS_PARTITION_ID);
	u64 in_use = can->partition->pool.in_use;

	(void)state;
	/* The caller runs, and is nobody's parent. */
	assert_ok(guest_set(can->partition->id, 0, HV_REGISTER_EXPLICIT_SUSPEND,
	                    0));
	assert_ok(child_calls(can, RESTORE, 0, 3));
	assert_int_equal(can->partition->pool.in_use, in_use + 2);
	assert_int_equal(child_calls(cannot, RESTORE, 0, 3),
	                 HV_STATUS_ACCESS_DENIED);
	assert_int_equal(child_calls(can, RESTORE, 0, 1),
	                 HV_STATUS_INVALID_PARTITION_ID);
}

/* Its message waits in the child when it is saved; the target has it then. */
static void test_d15_message_under_way_comes_back(void **state)
{
	struct synic *root = &fake_root_vp()->synic;
	const struct hv_message *slot;
	u64 source = make(1), target;

	(void)state;
	exit_triple_fault(guest_partition(source)->vps[0]);
	assert_ok(guest_set(source, 0, HV_REGISTER_EXPLICIT_SUSPEND, 0));
	assert_int_equal(guest_save(source, 0, &s, &result),
	                 HV_STATUS_OPERATION_DENIED);
	assert_ok(guest_set(source, 0, HV_REGISTER_EXPLICIT_SUSPEND, 1));
	guest_save_whole(source, &s);
	guest_destroy(source);
	target = child_make_target(&shape);
	assert_int_equal(guest_get64(target, 0, HV_REGISTER_INTERCEPT_SUSPEND),
	                 0);
	guest_restore_whole(target, &s, 4080);
	assert_int_equal(guest_get64(target, 0, HV_REGISTER_INTERCEPT_SUSPEND),
	                 HV_SUSPENDED);
	root->scontrol = 1;
	root->sint[0] = 0x55;
	assert_ok(synic_write_msr(fake_root_vp(), HV_MSR_SIMP, 0x300001));
	slot = fake_root_vp()->pages[VP_PAGE_SIM];
	assert_int_equal(slot->type, HV_MESSAGE_UNRECOVERABLE_EXCEPTION);
	assert_int_equal(slot->sender, target);
}

/* Of a stream that is cut in its memory: registers as before, and no way on. */
static void test_d16_half_a_restore_leaves_no_state(void **state)
{
	u64 rip, target;

	(void)state;
	make_saved(3);
	target = child_make_target(&shape);
	rip = guest_get64(target, 0, HV_REGISTER_RIP);
	s.size -= 16;
	assert_ok(guest_restore(target, 0, &s, 4080, &result));
	assert_int_equal(result, HV_STATE_INCOMPLETE);
	assert_int_equal(guest_get64(target, 0, HV_REGISTER_RIP), rip);
	assert_int_equal(guest_get64(target, 0, HV_REGISTER_GUEST_OS_ID), 0);
	for (u32 i = 0; i < 2; i++)
		assert_int_equal(
			guest_set(target, 0, HV_REGISTER_EXPLICIT_SUSPEND, 0),
			HV_STATUS_INVALID_PARTITION_STATE);
	guest_destroy(target);
}

/* Whatever is wrong behind VP_INDICES, or missing, or not mapped here. */
static void test_d21_verdict_is_on_compatibility_alone(void **state)
{
	u64 empty, id = make_saved(8);
	u32 from = end_of(STREAM_VP_INDICES);

	(void)state;
	empty = guest_child(60, 1);
	for (u32 at = from; at < s.size; at += 97) {
		s.data[at] ^= 0xff;
		assert_ok(guest_restore(id, GUEST_SUMMARY, &s, 4080, &result));
		assert_int_equal(result, HV_STATE_RESTORABLE);
		assert_ok(
			guest_restore(empty, GUEST_SUMMARY, &s, 999, &result));
		assert_int_equal(result, HV_STATE_RESTORABLE);
		s.data[at] ^= 0xff;
	}
	/* It never wrote: both can run. */
	assert_ok(guest_set(id, 0, HV_REGISTER_EXPLICIT_SUSPEND, 0));
	assert_ok(guest_set(empty, 0, HV_REGISTER_EXPLICIT_SUSPEND, 0));
}

/* Elements before the bad one are set, it and those behind it are not. */
static void test_d27_the_element_is_not_set(void **state)
{
	static const struct {
		u32 name;
		u64 value;
	} bad[] = {
		{ HV_REGISTER_VP_INDEX, 0 },
		{ HV_REGISTER_TIME_REF_COUNT, 5 },
		{ HV_REGISTER_MTRR_CAP, 0 },
		{ 0x12345678, 0 },
		{ HV_REGISTER_EXPLICIT_SUSPEND, 2 },
		{ HV_REGISTER_CR8, 16 },
		{ HV_REGISTER_RFLAGS, 0xffffffffffffffff },
	};
	struct hv_input_vp_registers in = { .partition_id = make(0) };
	struct hv_register_assoc list[3];
	u64 id = in.partition_id;
	u32 done;

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(bad); i++) {
		memset(list, 0, sizeof(list));
		list[0].name = HV_REGISTER_RAX;
		list[0].value.reg64 = i + 1;
		list[1].name = bad[i].name;
		list[1].value.reg64 = bad[i].value;
		list[2].name = HV_REGISTER_RCX;
		list[2].value.reg64 = 77;
		assert_int_equal(guest_rep(HVCALL_SET_VP_REGISTERS, &in,
		                           sizeof(in), list, sizeof(list), NULL,
		                           0, 3, &done),
		                 HV_STATUS_INVALID_PARAMETER);
		assert_int_equal(done, 1);
		assert_int_equal(guest_get64(id, 0, HV_REGISTER_RAX), i + 1);
		assert_int_equal(guest_get64(id, 0, HV_REGISTER_RCX), 0);
	}
	/* What does not go together is not judged here, nor is EFER.LMA. */
	assert_ok(guest_set(id, 0, HV_REGISTER_CR0, 0x80000011));
	assert_ok(guest_set(id, 0, HV_REGISTER_EFER, 0x400));
	assert_int_equal(guest_get64(id, 0, HV_REGISTER_EFER), 0x400);
}

static void test_d28_delete_wants_an_empty_pool(void **state)
{
	u64 id, gpn;

	(void)state;
	assert_ok(guest_create(&id));
	guest_deposit(id, 2);
	assert_int_equal(guest_delete(id), HV_STATUS_OPERATION_DENIED);
	assert_ok(guest_withdraw_page(id, &gpn));
	assert_int_equal(guest_delete(id), HV_STATUS_OPERATION_DENIED);
	assert_ok(guest_withdraw_page(id, &gpn));
	assert_ok(guest_delete(id));
	assert_int_equal(guest_initialize(id), HV_STATUS_INVALID_PARTITION_ID);
}

static void test_d31_as_many_vps_as_cpuid_says(void **state)
{
	u64 id = guest_child(100, 0);
	u32 r[4], most;

	(void)state;
	cpuid_answer(fake_root_vp(), 0x40000005, 0, r);
	most = r[0];
	assert_int_equal(most, 64);
	assert_int_equal(guest_create_vp(id, most), HV_STATUS_INVALID_VP_INDEX);
	assert_int_equal(guest_create_vp(id, UINT32_MAX),
	                 HV_STATUS_INVALID_VP_INDEX);
	assert_ok(guest_create_vp(id, most - 1));
	assert_int_equal(guest_get64(id, most - 1, HV_REGISTER_VP_INDEX),
	                 most - 1);
	assert_int_equal(guest_set(id, most, HV_REGISTER_RAX, 0),
	                 HV_STATUS_INVALID_VP_INDEX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_d1_count_comes_before_state),
		TEST(test_d4_system_needs_summary),
		TEST(test_d5_whose_partition_it_is),
		TEST(test_d13_restorable_ends_a_summary),
		TEST(test_d13_whole_stream_is_judged_before_memory),
		TEST(test_d14_summary_restore_of_a_partition),
		TEST(test_d14_system_needs_create_partitions_only),
		TEST(test_d15_message_under_way_comes_back),
		TEST(test_d16_half_a_restore_leaves_no_state),
		TEST(test_d21_verdict_is_on_compatibility_alone),
		TEST(test_d27_the_element_is_not_set),
		TEST(test_d28_delete_wants_an_empty_pool),
		TEST(test_d31_as_many_vps_as_cpuid_says),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	guest_stream_free(&s);
	return failed;
}
