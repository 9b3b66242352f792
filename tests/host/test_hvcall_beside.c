/*
 * hv/stream/beside.c: memory is saved and restored without the lock of the machine, and what
 * another processor may do meanwhile.
 */
#include "hv/stream/beside.h"

#include <string.h>

#include "hv/call/hypercall.h"
#include "hv/vp/partition.h"
#include "include/tlfs_save.h"
#include "tests/host/fake/others.h"
#include "tests/host/fixture/guest.h"
#include "tests/host/fixture/test.h"

#define REP(n) ((u64)(n) << HV_CONTROL_REP_COUNT_SHIFT)
#define PAGES 24
/* Blocks of the other processor's. */
#define THEIR_INPUT 0x210000ull
#define THEIR_OUTPUT 0x211000ull

static u64 ours, theirs; /* children */
static u64 gpns[2 * PAGES];
static struct cpu *other;

/* ---- The children ---- */

static u64 child(u64 *pages, u8 first)
{
	u64 id = guest_child(100, 1);

	for (u32 i = 0; i < PAGES; i++) {
		pages[i] = guest_page();
		memset(guest_at(pages[i] << PAGE_SHIFT), first + (int)i, 100);
		assert_ok(guest_map(id, i, pages[i], ARCH_READ | ARCH_WRITE));
	}
	return id;
}

static int set_up(void **state)
{
	if (guest_setup(state) != 0)
		return -1;
	ours = child(gpns, 1);
	theirs = child(gpns + PAGES, 0x71);
	other = fake_processor_add(7);
	return 0;
}

static struct guest_stream save(void)
{
	struct guest_stream s = { 0 };
	u32 result;

	assert_ok(guest_save(ours, 0, &s, &result));
	assert_int_equal(result, HV_STATE_COMPLETE);
	return s;
}

/* In pieces of a block; what it ended with. */
static u32 restore(const struct guest_stream *s)
{
	u32 result;

	assert_ok(guest_restore(ours, 0, s, HV_SAVE_DATA_MAX, &result));
	return result;
}

/* ---- What another processor does while we are beside ---- */

static u32 met; /* times */

static enum exit_outcome their_call(u64 control, const void *in, u32 size,
                                    enum hv_status *status)
{
	struct hypercall_registers call = { .control = control,
		                            .input = THEIR_INPUT,
		                            .output = THEIR_OUTPUT };
	struct fake_others *o = &fake_others;
	enum exit_outcome outcome;
	struct cpu *here = fake.here;
	void (*then)(void) = o->beside;
	bool open = o->open;

	/* It has the lock, and may give it away itself. */
	o->open = false;
	o->beside = NULL;
	memcpy(guest_at(THEIR_INPUT), in, size);
	fake_go_to(other);
	outcome = hypercall_execute(other->root, &call);
	cpu_arch(other)->in_guest = true;
	fake.here = here;
	assert_false(o->open);
	o->beside = then;
	o->open = open;
	*status = (enum hv_status)call.result;
	return outcome;
}

static void waits(u64 control, const void *in, u32 size)
{
	enum hv_status status;

	assert_int_equal(their_call(control, in, size, &status), EXIT_AGAIN);
}

static void succeeds(u64 control, const void *in, u32 size)
{
	enum hv_status status;

	assert_int_equal(their_call(control, in, size, &status), EXIT_SKIP);
	assert_ok(status);
}

static void get_register(u64 of, bool must_wait)
{
	struct {
		struct hv_input_vp_registers in;
		u32 name;
	} block = { { .partition_id = of }, HV_REGISTER_RIP };
	u64 control = HVCALL_GET_VP_REGISTERS | REP(1);

	if (must_wait)
		waits(control, &block, sizeof(block));
	else
		succeeds(control, &block, sizeof(block));
}

static void save_call(u64 of, u32 flags, bool must_wait)
{
	const struct hv_input_save_partition_state in = { of, flags, 0 };

	if (must_wait)
		waits(HVCALL_SAVE_PARTITION_STATE, &in, sizeof(in));
	else
		succeeds(HVCALL_SAVE_PARTITION_STATE, &in, sizeof(in));
}

/* A page that the root has is the hypervisor's behind it. */
static bool deposit(bool must_wait)
{
	static u64 page;
	struct {
		struct hv_input_deposit_memory in;
		u64 gpn;
	} block = { { .partition_id = theirs }, 0 };
	u64 control = HVCALL_DEPOSIT_MEMORY | REP(1);

	if (!page)
		page = guest_page();
	block.gpn = page;
	if (must_wait) {
		waits(control, &block, sizeof(block));
		return false;
	}
	succeeds(control, &block, sizeof(block));
	page = 0;
	return true;
}

/* ---- Cases ---- */

static void look_at_ours(void)
{
	met++;
	get_register(ours, true);
	save_call(ours, GUEST_START, true);
	assert_ptr_not_equal(guest_partition(ours)->context, NULL);
}

/* Nobody gets to the partition whose memory is at work on. */
static void test_ours_is_ours(void **state)
{
	struct guest_stream s;

	(void)state;
	fake_others.beside = look_at_ours;
	met = 0;
	s = save();
	assert_true(met > 0);
	assert_int_equal(met, fake_others.unlocked);
	assert_false(fake_others.open);
	assert_false(guest_partition(ours)->beside);
	fake_others.beside = NULL;
	get_register(ours, false);
	guest_stream_free(&s);
}

static u32 their_state;

static void look_at_theirs(void)
{
	const struct hv_output_save_partition_state *out =
		(const void *)guest_at(THEIR_OUTPUT);

	get_register(theirs, false);
	/* Theirs may be the longer one, as ours was begun before. */
	if (met++ == 0 || their_state == HV_STATE_INCOMPLETE) {
		save_call(theirs, met == 1 ? GUEST_START : 0, false);
		their_state = out->save_state;
	}
}

/* Others are: their registers, and their memory at the same time. */
static void test_theirs_are_theirs(void **state)
{
	struct guest_stream s;
	u32 alone;

	(void)state;
	s = save();
	alone = fake_others.unlocked;
	assert_true(alone > 0);
	guest_stream_free(&s);
	fake_others.unlocked = 0;
	fake_others.beside = look_at_theirs;
	met = 0;
	s = save();
	assert_int_equal(met, alone);
	assert_true(fake_others.unlocked > alone);
	guest_stream_free(&s);
}

static u32 deposits;

static void deposit_now(void)
{
	met++;
	assert_false(deposit(true));
	get_register(theirs, false);
}

/* Pages stay where they are; who wants to have one gets its turn. */
static void test_pages_stay(void **state)
{
	struct guest_stream s;

	(void)state;
	fake_others.beside = deposit_now;
	met = deposits = 0;
	s = save();
	/* Behind the first refusal nobody was beside any more. */
	assert_int_equal(met, 1);
	assert_int_equal(fake_others.unlocked, 1);
	guest_stream_free(&s);
	fake_others.beside = NULL;
	assert_true(deposit(false));
	s = save();
	assert_true(fake_others.unlocked > 1);
	guest_stream_free(&s);
}

static void look_at_ours_only(void)
{
	met++;
	get_register(ours, true);
}

/* The same bytes, and the same memory, as with one processor. */
static void test_the_same_bytes(void **state)
{
	struct guest_stream s, again;

	(void)state;
	s = save();
	for (u32 i = 0; i < PAGES; i++)
		memset(guest_at(gpns[i] << PAGE_SHIFT), 0xee, PAGE_SIZE);
	fake_others.beside = look_at_ours_only;
	fake_others.unlocked = met = 0;
	assert_int_equal(restore(&s), HV_STATE_COMPLETE);
	assert_true(met > 0);
	assert_false(fake_others.open);
	for (u32 i = 0; i < PAGES; i++)
		assert_int_equal(*guest_at(gpns[i] << PAGE_SHIFT), 1 + i);
	again = save();
	assert_int_equal(again.size, s.size);
	guest_stream_free(&again);
	guest_stream_free(&s);
}

/* A stream that is cut, or wrong, leaves the lock where it was. */
static void test_it_comes_back(void **state)
{
	struct guest_stream s;

	(void)state;
	s = save();
	for (u32 at = s.size / 2; at < s.size; at += 1001) {
		s.data[at] ^= 0x10;
		assert_int_not_equal(restore(&s), HV_STATE_COMPLETE);
		s.data[at] ^= 0x10;
		assert_false(fake_others.open);
		assert_false(guest_partition(ours)->beside);
	}
	assert_int_equal(restore(&s), HV_STATE_COMPLETE);
	guest_stream_free(&s);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_ours_is_ours),  CASE(test_theirs_are_theirs),
		CASE(test_pages_stay),    CASE(test_the_same_bytes),
		CASE(test_it_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
