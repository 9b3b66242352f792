/*
 * hv/call/hypercall.c: what a row can say of a call's blocks, with rows of the test's own:
 * variable headers, blocks of two sizes, elements of a byte; and the slots of the table.
 */
#include "tests/host/fixture/test.h"

/* The dispatcher once more, which asks this test for the row of any code. */
#define hypercall_execute execute_own
#define hypercall_find find_own
#include "hv/call/hypercall.c"
#undef hypercall_find
const struct hypercall *hypercall_find(u32 code);

#define INPUT_BAD HV_STATUS_INVALID_HYPERCALL_INPUT
#define ALIGN_BAD HV_STATUS_INVALID_ALIGNMENT
#define HEADER(units) ((u64)(units) << HV_CONTROL_VARHEAD_SHIFT)
#define REPS(n) ((u64)(n) << HV_CONTROL_REP_COUNT_SHIFT)
#define START(n) ((u64)(n) << HV_CONTROL_REP_START_SHIFT)
#define ELEMENTS 40u

/* What the handler was given. */
static struct {
	u32 calls;
	u32 variable_bytes;
	u32 tail_bytes;
	u8 in[PAGE_SIZE];
	u8 variable[64];
	u32 elements[ELEMENTS];
} given;

static enum hv_status take(struct hypercall_frame *f)
{
	given.calls++;
	given.variable_bytes = f->variable_bytes;
	given.tail_bytes = f->row->tail ? f->row->tail(f->in) : 0;
	memcpy(given.in, f->in, f->row->in + given.tail_bytes);
	memcpy(given.variable, hypercall_variable(f), f->variable_bytes);
	if (f->row->in_rep)
		given.elements[f->rep] = *(const u32 *)f->in_rep;
	if (f->row->out_rep)
		*(u8 *)f->out_rep = (u8)(f->rep + 1);
	return HV_STATUS_SUCCESS;
}

/* A first byte of 1 is of the type whose block is longer. */
static u32 more(const void *in)
{
	return *(const u8 *)in == 1 ? 16 : 0;
}

/* As GetVpState, SetVpState with a list, ConnectPort, GetGpaPagesAccessStates. */
static const struct hypercall header = {
	.name = "header", .run = take, .in = 36, .in_variable = 24
};
static const struct hypercall header_and_list = { .name = "list",
	                                          .run = take,
	                                          .in = 20,
	                                          .in_variable = 16,
	                                          .in_rep = 4,
	                                          .flags = HYPERCALL_REP };
static const struct hypercall two_sizes = { .name = "two sizes",
	                                    .run = take,
	                                    .in = 56,
	                                    .flags = HYPERCALL_COPIES_TAIL,
	                                    .tail = more };
static const struct hypercall bytes = { .name = "bytes",
	                                .run = take,
	                                .in = 8,
	                                .out_rep = 1,
	                                .flags = HYPERCALL_REP };
static const struct hypercall fast = { .name = "fast",
	                               .run = take,
	                               .in = 16,
	                               .in_variable = 8,
	                               .flags = HYPERCALL_FAST };

static const struct hypercall *own;

const struct hypercall *find_own(u32 code)
{
	(void)code;
	return own;
}

/* Calls with an input of bytes 1, 2, 3, ... until the call is at its end. */
static enum hv_status call_at(const struct hypercall *row, u64 control,
                              u64 input)
{
	struct hypercall_registers call = { .control = control,
		                            .input = input,
		                            .output = GUEST_OUTPUT };

	memset(&given, 0, sizeof(given));
	own = row;
	while (execute_own(fake_root_vp(), &call) == EXIT_AGAIN)
		;
	return (enum hv_status)(call.result & HV_RESULT_STATUS);
}

static enum hv_status call(const struct hypercall *row, u64 control)
{
	for (u32 i = 0; i < PAGE_SIZE; i++)
		guest_at(GUEST_INPUT)[i] = (u8)(i + 1);
	return call_at(row, control, GUEST_INPUT);
}

/* Behind the fixed header, rounded up to 8, as long as the control word says. */
static void test_variable_header(void **state)
{
	(void)state;
	for (u32 units = 0; units <= 3; units++) {
		assert_ok(call(&header, HEADER(units)));
		assert_int_equal(given.variable_bytes, 8 * units);
		for (u32 i = 0; i < 8 * units; i++)
			assert_int_equal(given.variable[i], 41 + i);
	}
	assert_int_equal(call(&header, HEADER(4)), INPUT_BAD);
	assert_int_equal(call(&header, HEADER(0x3ff)), INPUT_BAD);
	assert_int_equal(given.calls, 0);
}

static void test_list_behind_a_variable_header(void **state)
{
	(void)state;
	for (u32 units = 0; units <= 2; units++) {
		u32 at = 24 + 8 * units;

		assert_ok(
			call(&header_and_list, HEADER(units) | REPS(ELEMENTS)));
		assert_int_equal(given.calls, ELEMENTS);
		for (u32 i = 0; i < ELEMENTS; i++)
			assert_int_equal(given.elements[i] & 0xff,
			                 (u8)(at + 4 * i + 1));
	}
	/* A list counts from element 0, wherever the call begins. */
	assert_ok(call(&header_and_list, HEADER(1) | REPS(6) | START(5)));
	assert_int_equal(given.calls, 1);
	assert_int_equal(given.elements[5] & 0xff, 24 + 8 + 4 * 5 + 1);
	assert_int_equal(call(&header_and_list, HEADER(3) | REPS(1)),
	                 INPUT_BAD);
}

/* The header counts where the block must end with its page. */
static void test_variable_header_at_a_page_border(void **state)
{
	(void)state;
	assert_ok(call_at(&header, 0, GUEST_INPUT + PAGE_SIZE - 40));
	assert_int_equal(
		call_at(&header, HEADER(1), GUEST_INPUT + PAGE_SIZE - 40),
		ALIGN_BAD);
	assert_ok(call_at(&header, HEADER(1), GUEST_INPUT + PAGE_SIZE - 48));
}

/* Two registers hold the fixed input and no more. */
static void test_no_variable_header_in_registers(void **state)
{
	(void)state;
	assert_ok(call(&fast, HV_CONTROL_FAST));
	assert_ok(call(&fast, HEADER(1)));
	assert_int_equal(call(&fast, HV_CONTROL_FAST | HEADER(1)), INPUT_BAD);
}

static void test_block_of_two_sizes(void **state)
{
	u64 end = GUEST_INPUT + PAGE_SIZE;

	(void)state;
	assert_ok(call(&two_sizes, 0));
	assert_int_equal(given.tail_bytes, 16);
	for (u32 i = 0; i < 72; i++)
		assert_int_equal(given.in[i], i + 1);
	guest_at(GUEST_INPUT)[0] = 2;
	assert_ok(call_at(&two_sizes, 0, GUEST_INPUT));
	assert_int_equal(given.tail_bytes, 0);
	/* The smaller one may lie where the larger one has no room. */
	guest_at(end - 56)[0] = 2;
	assert_ok(call_at(&two_sizes, 0, end - 56));
	guest_at(end - 56)[0] = 1;
	assert_int_equal(call_at(&two_sizes, 0, end - 56), ALIGN_BAD);
	assert_int_equal(given.calls, 0);
}

static void test_elements_of_one_byte(void **state)
{
	(void)state;
	memset(guest_at(GUEST_OUTPUT), 0xcc, PAGE_SIZE);
	assert_ok(call(&bytes, REPS(ELEMENTS)));
	for (u32 i = 0; i < ELEMENTS; i++)
		assert_int_equal(guest_at(GUEST_OUTPUT)[i], i + 1);
	assert_int_equal(guest_at(GUEST_OUTPUT)[ELEMENTS], 0xcc);
}

/* Each call has a slot of its own. */
static void test_slots(void **state)
{
	static bool taken[HYPERCALL_SLOTS];

	(void)state;
	for (u32 code = 0; code <= 0xffff; code++) {
		u32 slot = hypercall_slot(code);

		assert_true(slot != 0 || !hypercall_find(code));
		if (!slot)
			continue;
		assert_true(slot < HYPERCALL_SLOTS && !taken[slot]);
		taken[slot] = true;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_variable_header),
		TEST(test_list_behind_a_variable_header),
		TEST(test_variable_header_at_a_page_border),
		TEST(test_no_variable_header_in_registers),
		TEST(test_block_of_two_sizes),
		TEST(test_elements_of_one_byte),
		TEST(test_slots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
