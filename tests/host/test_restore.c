/*
 * hv/stream/restore.c: whatever the bytes are and however they are cut, the outcome is
 * one of the documented ones.
 */
#include "hv/interrupt/synic.h"
#include "hv/vp/partition.h"
#include "tests/host/fake/vendor.h"
#include "tests/host/fixture/child.h"
#include "tests/host/fixture/test.h"

static void random_round(u64 seed)
{
	static const u32 pieces[] = { 4080, 1, 16, 17, 1000, 4079, 333 };
	struct child_shape shape;
	struct guest_stream s, again = { .data = NULL };
	u64 source, target;
	u32 result;

	child_shape_random(&shape, seed);
	child_save(&shape, seed, &source, &s);
	target = child_make_target(&shape);
	fake.tsc += 12345;
	assert_ok(guest_restore(target, 0, &s, pieces[seed % ARRAY_LEN(pieces)],
	                        &result));
	assert_int_equal(result, HV_STATE_COMPLETE);
	child_compare(source, target, &shape);
	/* What was restored can be saved: the stream is as long. */
	assert_ok(guest_save(target, 0, &again, &result));
	assert_int_equal(result, HV_STATE_COMPLETE);
	guest_stream_free(&s);
	guest_stream_free(&again);
	guest_destroy(source);
	guest_destroy(target);
}

static void test_random_round_trips(void **state)
{
	for (u64 seed = 0; seed < 70; seed++) {
		fake_teardown(state);
		guest_setup(state);
		fake_become((enum fake_machine)(seed % FAKE_MACHINES));
		random_round(seed);
	}
}

/* Every place where a stream can be cut in two. */
static void test_every_two_way_split(void **state)
{
	struct child_shape shape;
	struct guest_stream s;
	u64 source, target;

	(void)state;
	child_shape_small(&shape, 2);
	child_save(&shape, 7, &source, &s);
	target = child_make_target(&shape);
	for (u32 cut = 0; cut <= s.size; cut++) {
		u32 result = HV_STATE_INCOMPLETE, at = 0, consumed;
		u32 flags = GUEST_START;

		while (result == HV_STATE_INCOMPLETE) {
			u32 end = at < cut ? cut : s.size;
			u32 size = end - at < 4080 ? end - at : 4080;

			assert_ok(guest_restore_call(target, flags, s.data + at,
			                             size, &result, &consumed));
			at += consumed;
			flags = 0;
		}
		assert_int_equal(result, HV_STATE_COMPLETE);
		assert_int_equal(at, s.size);
	}
	child_compare(source, target, &shape);
	guest_stream_free(&s);
}

/* Two processes side by side, and the system's as a third. */
static void test_d9_interleaved_processes(void **state)
{
	struct child_shape shape;
	struct guest_stream s[2], summary = { .data = NULL };
	u64 source[2], target[2];
	u32 at[2] = { 0 }, result[2] = { 1, 1 }, consumed, r;

	(void)state;
	child_shape_small(&shape, 5);
	for (u32 i = 0; i < 2; i++) {
		child_save(&shape, 17 + i, &source[i], &s[i]);
		target[i] = child_make_target(&shape);
	}
	assert_ok(guest_save(0, GUEST_SUMMARY, &summary, &r));
	assert_ok(guest_restore_call(0, GUEST_START | GUEST_SUMMARY,
	                             summary.data, 100, &r, &consumed));
	for (u32 n = 0; result[0] == 1 || result[1] == 1; n++) {
		u32 i = n & 1, left = s[i].size - at[i];

		if (result[i] != 1)
			continue;
		assert_ok(guest_restore_call(
			target[i], at[i] ? 0 : GUEST_START, s[i].data + at[i],
			left < 700 ? left : 700, &result[i], &consumed));
		at[i] += consumed;
	}
	assert_ok(guest_restore_call(0, GUEST_SUMMARY, summary.data + 100, 3980,
	                             &r, &consumed));
	assert_int_equal(r, HV_STATE_INCOMPLETE);
	assert_ok(guest_restore_call(0, GUEST_SUMMARY, summary.data + 4080,
	                             summary.size - 4080, &r, &consumed));
	assert_int_equal(r, HV_STATE_RESTORABLE);
	for (u32 i = 0; i < 2; i++) {
		assert_int_equal(result[i], HV_STATE_COMPLETE);
		child_compare(source[i], target[i], &shape);
		guest_stream_free(&s[i]);
	}
	guest_stream_free(&summary);
}

static void test_d20_bytes_behind_the_end_stay(void **state)
{
	struct child_shape shape;
	struct guest_stream s;
	u64 source, target;
	u32 at, result, consumed;

	(void)state;
	child_shape_small(&shape, 0);
	child_save(&shape, 3, &source, &s);
	target = child_make_target(&shape);
	s.data = realloc(s.data, s.size + 4080);
	memset(s.data + s.size, 0xdd, 4080);
	assert_ok(guest_restore_call(target, GUEST_START, s.data, 4080, &result,
	                             &consumed));
	for (at = consumed; result == HV_STATE_INCOMPLETE; at += consumed)
		assert_ok(guest_restore_call(target, 0, s.data + at, 4080,
		                             &result, &consumed));
	assert_int_equal(result, HV_STATE_COMPLETE);
	assert_int_equal(at, s.size);
	guest_stream_free(&s);
}

/* What the other machine has not: a verdict before any memory is touched. */
static void test_machines_that_do_not_fit(void **state)
{
	static const struct {
		enum fake_machine from, to;
		u32 result;
	} rows[] = {
		{ FAKE_SKYLAKE_X, FAKE_HASWELL,
		  HV_STATE_XSAVE_UNKNOWN_FEATURE_MISMATCH },
		{ FAKE_SKYLAKE_X, FAKE_NO_XSAVE, HV_STATE_XSAVE_MISMATCH },
		{ FAKE_HASWELL, FAKE_NO_XSAVE, HV_STATE_XSAVE_MISMATCH },
		{ FAKE_HASWELL, FAKE_SKYLAKE_X, HV_STATE_COMPLETE },
		{ FAKE_NO_XSAVE, FAKE_HASWELL, HV_STATE_COMPLETE },
		{ FAKE_NO_XSAVE, FAKE_SKYLAKE_X, HV_STATE_COMPLETE },
	};

	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		struct child_shape shape;
		struct guest_stream s;
		u64 source, target;
		u32 result;

		fake_teardown(state);
		guest_setup(state);
		fake_become(rows[i].from);
		child_shape_small(&shape, 2);
		child_save(&shape, 19, &source, &s);
		fake_become(rows[i].to);
		target = child_make_target(&shape);
		assert_ok(guest_restore(target, 0, &s, 4080, &result));
		assert_int_equal(result, rows[i].result);
		assert_false(guest_partition(target)->half_restored);
		/* The same verdict is had beforehand (D13). */
		assert_ok(guest_restore(0, GUEST_SUMMARY, &s, 4080, &result));
		assert_int_equal(result, rows[i].result ? rows[i].result
		                                        : HV_STATE_RESTORABLE);
		if (!rows[i].result) {
			assert_int_equal(
				guest_get64(target, 0, HV_REGISTER_RAX),
				guest_get64(source, 0, HV_REGISTER_RAX));
		}
		guest_stream_free(&s);
	}
}

/* x87 and SSE of a source without XSAVE arrive where XSAVE rules. */
static void test_legacy_state_survives_the_move(void **state)
{
	struct child_shape shape;
	struct guest_stream s;
	union hv_register_value a, b;
	u64 source, target;
	u32 result;

	(void)state;
	fake_become(FAKE_NO_XSAVE);
	child_shape_small(&shape, 0);
	child_save(&shape, 23, &source, &s);
	assert_ok(guest_get(source, 0, HV_REGISTER_XMM0 + 9, &a));
	assert_true(a.reg64 != 0);
	fake_become(FAKE_HASWELL);
	target = child_make_target(&shape);
	assert_ok(guest_restore(target, 0, &s, 4080, &result));
	assert_int_equal(result, HV_STATE_COMPLETE);
	assert_ok(guest_get(target, 0, HV_REGISTER_XMM0 + 9, &b));
	assert_memory_equal(&a, &b, 16);
	guest_stream_free(&s);
}

/* A target that has run before: the hardware gets the new state, all of it. */
static void test_restored_state_reaches_the_hardware(void **state)
{
	struct child_shape shape;
	struct guest_stream s;
	const struct vp_state *guest;
	u64 source, target;
	struct vp *vp;
	u32 result;

	(void)state;
	child_shape_small(&shape, 1);
	child_save(&shape, 29, &source, &s);
	target = child_make_target(&shape);
	vp = guest_partition(target)->vps[0];
	fake_enter(vp)->rip = 0x4444;
	fake_exit(vp);
	assert_int_equal(vp_state_read(vp)->rip, 0x4444);
	assert_ok(guest_restore(target, 0, &s, 4080, &result));
	assert_int_equal(result, HV_STATE_COMPLETE);
	guest = fake_enter(vp);
	assert_int_equal(guest->rip, guest_get64(source, 0, HV_REGISTER_RIP));
	assert_int_equal(
		guest->segment[VP_GS].base,
		guest_partition(source)->vps[0]->state.segment[VP_GS].base);
	fake_exit(vp);
	guest_stream_free(&s);
}

/* D25: the message of a restored VP reaches the parent's VP 0. */
static void test_d25_restored_message_is_delivered(void **state)
{
	struct child_shape shape;
	struct guest_stream s = { .data = NULL };
	u64 source, target;
	u32 result;

	(void)state;
	child_shape_small(&shape, 0);
	source = child_make(&shape);
	exit_triple_fault(guest_partition(source)->vps[0]);
	assert_ok(guest_save(source, 0, &s, &result));
	guest_destroy(source);
	fake_root_vp()->synic.scontrol = 1;
	fake_root_vp()->synic.sint[0] = 0x55;
	assert_ok(synic_write_msr(fake_root_vp(), HV_MSR_SIMP, 0x300001));
	target = child_make_target(&shape);
	assert_ok(guest_restore(target, 0, &s, 4080, &result));
	assert_int_equal(result, HV_STATE_COMPLETE);
	assert_int_equal(fake.interrupts, 1);
	assert_int_equal(
		((struct hv_message *)fake_root_vp()->pages[VP_PAGE_SIM])
			->sender,
		target);
	assert_int_equal(guest_get64(target, 0, HV_REGISTER_INTERCEPT_SUSPEND),
	                 1);
	guest_stream_free(&s);
}

/*
 * What an AMD processor gets into by itself comes back there: behind SYSRET to nowhere. To
 * one with VT-x's rules it is no state.
 */
static void test_state_that_only_svm_enters(void **state)
{
	struct child_shape shape;
	struct guest_stream s = { .data = NULL };
	u64 source, target;
	u32 result;

	(void)state;
	fake_vendor_become_svm();
	child_shape_small(&shape, 4);
	source = child_make(&shape);
	child_fill(source, &shape, 33);
	assert_ok(guest_set(source, 0, HV_REGISTER_RIP, BIT(63)));
	assert_ok(guest_save(source, 0, &s, &result));
	assert_int_equal(result, HV_STATE_COMPLETE);
	target = child_make_target(&shape);
	assert_ok(guest_restore(target, 0, &s, 4080, &result));
	assert_int_equal(result, HV_STATE_COMPLETE);
	assert_int_equal(guest_get64(target, 0, HV_REGISTER_RIP), BIT(63));
	fake.facts.any_rip = false;
	target = child_make_target(&shape);
	assert_ok(guest_restore(target, 0, &s, 4080, &result));
	assert_int_equal(result, HV_STATE_CORRUPT_DATA);
	guest_stream_free(&s);
}

/* D18: a stream without memory leaves the target's as it is. */
static void test_d18_stream_without_memory(void **state)
{
	struct child_shape shape;
	struct guest_stream s = { .data = NULL };
	struct partition *p;
	u64 source, target;
	u32 result;

	(void)state;
	child_shape_small(&shape, 4);
	source = child_make(&shape);
	child_fill(source, &shape, 31);
	assert_ok(
		guest_set_property(source, HV_PROPERTY_STASIS_SAVE_MEMORY, 0));
	assert_ok(guest_save(source, 0, &s, &result));
	target = child_make_target(&shape);
	p = guest_partition(target);
	assert_ok(guest_restore(target, 0, &s, 4080, &result));
	assert_int_equal(result, HV_STATE_COMPLETE);
	assert_int_equal(guest_get64(target, 0, HV_REGISTER_RIP),
	                 guest_get64(source, 0, HV_REGISTER_RIP));
	for (u32 i = 0; i < shape.page_count; i++) {
		struct arch_mapping m;
		const u8 *page;

		assert_true(gpa_lookup(&p->space, shape.gpns[i], &m));
		page = arch_page(m.page);
		assert_int_equal(page[0], 0xb7);
		assert_memory_equal(page, page + 1, PAGE_SIZE - 1);
	}
	/* Nothing is half done: it may run, and be saved. */
	assert_false(p->half_restored);
	guest_stream_free(&s);
}

/* D13: a summary says that it can be restored at its end, and not before. */
static void test_d13_summary_of_a_partition(void **state)
{
	struct child_shape shape;
	struct guest_stream s = { .data = NULL };
	u32 result, consumed;
	u64 source, target;

	(void)state;
	child_shape_small(&shape, 1);
	source = child_make(&shape);
	target = child_make_target(&shape);
	assert_ok(guest_save(source, GUEST_SUMMARY, &s, &result));
	assert_int_equal(result, HV_STATE_COMPLETE);
	for (u32 at = 0; at < s.size; at += consumed) {
		assert_ok(guest_restore_call(
			target, GUEST_SUMMARY | (at ? 0 : GUEST_START),
			s.data + at, 1, &result, &consumed));
		assert_int_equal(result, at + 1 < s.size ? HV_STATE_INCOMPLETE
		                                         : HV_STATE_RESTORABLE);
	}
	/* It is no state to restore from. */
	assert_ok(guest_restore(target, 0, &s, 4080, &result));
	assert_int_equal(result, HV_STATE_CORRUPT_DATA);
	guest_stream_free(&s);
}

/* Before any memory is written, and of a summary as of the whole. */
static void test_another_tsc_frequency(void **state)
{
	static const u64 hz[] = { 3000000000, 1999000000 / 2, 2100000000 };
	struct child_shape shape;
	struct guest_stream s;
	u64 source, target;
	u32 result;

	(void)state;
	child_shape_small(&shape, 2);
	child_save(&shape, 7, &source, &s);
	for (u32 i = 0; i < ARRAY_LEN(hz); i++) {
		fake.facts.tsc_hz = fake.facts.compat.tsc_hz = hz[i];
		target = child_make_target(&shape);
		assert_ok(guest_restore(target, 0, &s, 4080, &result));
		assert_int_equal(result, HV_STATE_HARDWARE_FEATURE_MISMATCH);
		assert_false(guest_partition(target)->half_restored);
		assert_ok(guest_restore(0, GUEST_SUMMARY, &s, 4080, &result));
		assert_int_equal(result, HV_STATE_HARDWARE_FEATURE_MISMATCH);
	}
	fake.facts.tsc_hz = fake.facts.compat.tsc_hz = 2000000000;
	assert_ok(guest_restore(0, GUEST_SUMMARY, &s, 4080, &result));
	assert_int_equal(result, HV_STATE_RESTORABLE);
	assert_ok(guest_restore(target, 0, &s, 4080, &result));
	assert_int_equal(result, HV_STATE_COMPLETE);
	guest_stream_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_random_round_trips),
		TEST(test_every_two_way_split),
		TEST(test_d9_interleaved_processes),
		TEST(test_d20_bytes_behind_the_end_stay),
		TEST(test_machines_that_do_not_fit),
		TEST(test_another_tsc_frequency),
		TEST(test_legacy_state_survives_the_move),
		TEST(test_restored_state_reaches_the_hardware),
		TEST(test_d25_restored_message_is_delivered),
		TEST(test_state_that_only_svm_enters),
		TEST(test_d18_stream_without_memory),
		TEST(test_d13_summary_of_a_partition),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
