/*
 * hv/stream/chunk_apply.c: a partition with as many VPs and overlay pages as there can
 * be becomes what a stream says in several turns, and cannot be used between
 * them. hv/call/hvcall_save.c: its VPs are checked in several turns.
 */
#include <stdlib.h>

#include "hv/memory/gpa.h"
#include "hv/stream/context.h"
#include "tests/host/fixture/child.h"
#include "tests/host/fixture/state.h"
#include "tests/host/fixture/test.h"

#define NOT_OPEN HV_STATUS_INVALID_SAVE_RESTORE_STATE
#define OVERLAYS 0x2000000u /* of the source */
#define OVERLAYS_ON_THEM (OVERLAYS + 3)
#define PIECE 4080u

static struct child_shape shape;
static struct guest_stream s;
static u64 source, target;

/* All VPs, each with both of its overlay pages. */
static u64 make_full(u64 overlays, u64 seed)
{
	u64 id = child_make_target(&shape);
	struct partition *p = guest_partition(id);

	child_fill(id, &shape, seed);
	for (u32 i = 0; i < PARTITION_VPS; i++)
		state_fill_synic(p->vps[i], 0, &seed);
	for (u32 i = 0; i < PARTITION_VPS; i++)
		state_fill_synic(p->vps[i], overlays, &seed);
	return id;
}

static int setup(void **state)
{
	guest_setup(state);
	child_shape_small(&shape, 3);
	shape.vps = PARTITION_VPS;
	shape.vp_set = ~0ull;
	source = make_full(OVERLAYS, 1);
	target = make_full(OVERLAYS_ON_THEM, 2);
	guest_save_whole(source, &s);
	return 0;
}

static int teardown(void **state)
{
	guest_stream_free(&s);
	return fake_teardown(state);
}

static enum hv_status give(u32 flags, u32 at, u32 size, u32 *result,
                           u32 *consumed)
{
	return guest_restore_call(target, flags, s.data + at, size, result,
	                          consumed);
}

/* All but the last byte is taken; *at: where that is. */
static void restore_to_the_last_byte(u32 *at)
{
	u32 flags = GUEST_START, result = 0, consumed = 1;

	for (*at = 0; consumed > 0 || *at == 0; *at += consumed, flags = 0) {
		u32 left = s.size - *at;

		assert_ok(give(flags, *at, left < PIECE ? left : PIECE, &result,
		               &consumed));
		assert_int_equal(result, HV_STATE_INCOMPLETE);
		assert_true(*at + consumed < s.size);
		if (*at + consumed == s.size - 1)
			break;
	}
	*at += consumed;
}

/* Offers that byte until it is taken. How often it was not. */
static u32 restore_the_rest(u32 at)
{
	u32 turns = 0, result, consumed;

	for (;; turns++) {
		assert_ok(give(0, at, 1, &result, &consumed));
		if (result != HV_STATE_INCOMPLETE)
			break;
		assert_int_equal(consumed, 0);
		assert_true(turns < 100);
	}
	assert_int_equal(result, HV_STATE_COMPLETE);
	assert_int_equal(consumed, 1);
	return turns;
}

static void test_in_turns(void **state)
{
	struct partition *p = guest_partition(target);
	u32 at, result, consumed;
	u64 before;

	(void)state;
	restore_to_the_last_byte(&at);
	assert_int_equal(at, s.size - 1);
	assert_true(p->half_restored);
	/* No turn without the byte, whatever it is. */
	before = p->space.overlay_count;
	for (u32 i = 0; i < 3; i++) {
		assert_ok(give(0, 0, 0, &result, &consumed));
		assert_int_equal(result, HV_STATE_INCOMPLETE);
		assert_int_equal(consumed, 0);
		assert_int_equal(p->space.overlay_count, before);
	}
	s.data[at] ^= 0xff;
	assert_in_range(restore_the_rest(at), 50, 60);
	assert_false(p->half_restored);
	child_compare(source, target, &shape);
	assert_int_equal(p->space.overlay_count,
	                 guest_partition(source)->space.overlay_count);
	for (u32 i = 0; i < PARTITION_VPS; i++)
		assert_int_equal(p->vps[i]->state.tsc_offset,
		                 p->vps[0]->state.tsc_offset +
		                         guest_partition(source)
		                                 ->vps[i]
		                                 ->state.tsc_offset -
		                         guest_partition(source)
		                                 ->vps[0]
		                                 ->state.tsc_offset);
	assert_int_equal(give(0, at, 1, &result, &consumed), NOT_OPEN);
	assert_ok(guest_set(target, 0, HV_REGISTER_EXPLICIT_SUSPEND, 0));
}

/* More than the stream: what is behind its end is left alone. */
static void test_bytes_behind_the_end(void **state)
{
	u32 at, result, consumed;
	u8 more[64];

	(void)state;
	restore_to_the_last_byte(&at);
	memset(more, 0x5a, sizeof(more));
	do {
		assert_ok(guest_restore_call(target, 0, more, sizeof(more),
		                             &result, &consumed));
		assert_int_equal(consumed, result == HV_STATE_COMPLETE);
	} while (result == HV_STATE_INCOMPLETE);
	assert_int_equal(result, HV_STATE_COMPLETE);
}

static void expect_unusable(void)
{
	u32 result;
	struct guest_stream other = { .data = NULL };

	assert_int_equal(guest_set(target, 5, HV_REGISTER_EXPLICIT_SUSPEND, 0),
	                 HV_STATUS_INVALID_PARTITION_STATE);
	assert_int_equal(guest_save_call(target, GUEST_START, &other, &result),
	                 HV_STATUS_INVALID_PARTITION_STATE);
	guest_stream_free(&other);
}

/* Wherever it is left, it cannot be used, and the next restore mends it. */
static void test_left_half_way(void **state)
{
	u32 at, result, consumed;

	(void)state;
	for (u32 turns = 0; turns < 80; turns += 7) {
		restore_to_the_last_byte(&at);
		for (u32 i = 0; i < turns; i++) {
			assert_ok(give(0, at, 1, &result, &consumed));
			if (result == HV_STATE_COMPLETE)
				break;
		}
		if (result == HV_STATE_COMPLETE)
			return;
		expect_unusable();
		/* A change ends the process (D10). */
		assert_ok(guest_set(target, 63, HV_REGISTER_RAX, turns));
		assert_int_equal(give(0, at, 1, &result, &consumed), NOT_OPEN);
		expect_unusable();
		guest_restore_whole(target, &s, PIECE);
		child_compare(source, target, &shape);
	}
	fail();
}

/* Nothing but the registers: they alone make it half restored. */
static void test_left_half_way_without_memory(void **state)
{
	struct partition *p = guest_partition(target);
	u32 at, result, consumed;

	(void)state;
	assert_ok(
		guest_set_property(source, HV_PROPERTY_STASIS_SAVE_MEMORY, 0));
	s.size = 0;
	assert_ok(guest_save(source, 0, &s, &result));
	/* Until they change it is as it was. */
	for (at = 0; at + PIECE < s.size; at += consumed)
		assert_ok(give(at == 0 ? GUEST_START : 0, at, PIECE, &result,
		               &consumed));
	assert_false(p->half_restored);
	restore_to_the_last_byte(&at);
	for (u32 turns = 0; !p->half_restored; turns++) {
		assert_ok(give(0, at, 1, &result, &consumed));
		assert_int_equal(result, HV_STATE_INCOMPLETE);
		assert_true(turns < 8);
	}
	expect_unusable();
	restore_the_rest(at);
	assert_false(p->half_restored);
}

static void test_finalized_half_way(void **state)
{
	u32 at;

	(void)state;
	restore_to_the_last_byte(&at);
	guest_destroy(target);
}

/* ---- The tables of the overlay pages ---- */

/* With nothing in its pool a target becomes the source, but for what does not show. */
static void test_no_memory_for_tables(void **state)
{
	struct pool *pool = &guest_partition(target)->pool;
	struct gpa_space *space = &guest_partition(target)->space;
	u32 hidden = 0;

	(void)state;
	for (u32 i = 0; i < PARTITION_VPS; i++) {
		assert_ok(guest_set(target, i, HV_REGISTER_SIMP, 0));
		assert_ok(guest_set(target, i, HV_REGISTER_SIEFP, 0));
	}
	while (pool->available)
		assert_non_null(pool_alloc(pool));
	guest_restore_whole(target, &s, PIECE);
	child_compare(source, target, &shape);
	assert_int_equal(space->overlay_count,
	                 guest_partition(source)->space.overlay_count);
	for (u32 i = 0; i < space->overlay_count; i++)
		hidden += !space->overlays[i]->shown;
	assert_in_range(hidden, 1, 130);
	guest_deposit(target, 30);
	for (u32 i = 0; i < space->overlay_count; i++)
		assert_true(
			space->overlays[i]->shown ||
			gpa_overlay_show(space, space->overlays[i]->place - 1));
}

/* ---- Judging, before the first byte of a save ---- */

static u32 save_until_bytes(enum hv_status *status)
{
	struct guest_stream out = { .data = NULL };
	u32 calls = 0, flags = GUEST_START, result;

	do {
		*status = guest_save_call(source, flags, &out, &result);
		flags = 0;
		calls++;
	} while (*status == HV_STATUS_SUCCESS && out.size == 0);
	guest_stream_free(&out);
	return calls;
}

static void test_judged_in_turns(void **state)
{
	u64 in_use = fake_root()->pool.in_use;
	enum hv_status status;

	(void)state;
	assert_int_equal(save_until_bytes(&status), 1);
	assert_ok(status);
	for (u32 i = 0; i < PARTITION_VPS; i++)
		assert_ok(guest_set(source, i, HV_REGISTER_RIP, i));
	assert_in_range(save_until_bytes(&status), 2, 5);
	assert_ok(status);
	/* They were checked, and nothing has changed since. */
	assert_int_equal(save_until_bytes(&status), 1);
	for (u32 i = 0; i < PARTITION_VPS; i++)
		assert_ok(guest_set(source, i, HV_REGISTER_RIP, i));
	/* Long mode without PAE. */
	assert_ok(guest_set(source, 63, HV_REGISTER_CR0, 0x80000031));
	assert_ok(guest_set(source, 63, HV_REGISTER_CR4, 0));
	assert_ok(guest_set(source, 63, HV_REGISTER_EFER, 0x500));
	assert_in_range(save_until_bytes(&status), 2, 5);
	assert_int_equal(status, HV_STATUS_INVALID_VP_STATE);
	assert_int_equal(fake_root()->pool.in_use, in_use);
	/* The others are known to be good. */
	assert_int_equal(save_until_bytes(&status), 1);
	assert_int_equal(status, HV_STATUS_INVALID_VP_STATE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_in_turns, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bytes_behind_the_end,
		                                setup, teardown),
		cmocka_unit_test_setup_teardown(test_left_half_way, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(
			test_left_half_way_without_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_finalized_half_way, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(test_no_memory_for_tables,
		                                setup, teardown),
		cmocka_unit_test_setup_teardown(test_judged_in_turns, setup,
		                                teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
