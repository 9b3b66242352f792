/*
 * hv/call/cost.c: the longest turn of each call, once in the log.
 */
#include "hv/base/log.h"
#include "hv/call/cost.h"
#include "hv/call/hypercall.h"
#include "tests/host/fixture/test.h"

static struct hv_output_read_log log_piece;

/* Reads the log to its end; what came since `position`, as one string. */
static const char *read_log_to_end(u64 *position)
{
	static char text[16384];
	u32 length = 0;

	do {
		struct hv_input_read_log in = { *position };

		assert_ok(guest_call(HVCALL_STASIS_READ_LOG, &in, sizeof(in),
		                     &log_piece, sizeof(log_piece)));
		assert_true(length + log_piece.count < sizeof(text));
		memcpy(text + length, log_piece.data, log_piece.count);
		length += log_piece.count;
		*position = log_piece.position + log_piece.count;
	} while (log_piece.count > 0);
	text[length] = 0;
	return text;
}

static u32 lines_of(const char *text)
{
	u32 lines = 0;

	for (; *text; text++)
		lines += *text == '\n';
	return lines;
}

/* What earlier cases noted stays: these figures only ever grow. */
static u64 fresh(void)
{
	static u64 ticks = 1000000;

	ticks += 1000;
	return ticks;
}

static void note(u32 code, u64 ticks)
{
	cost_note(fake.cpu.counters, hypercall_slot(code), ticks);
}

static void test_a_longer_turn_is_at_the_end_of_the_log(void **state)
{
	u64 position = 0, ticks = fresh();
	char wanted[80];

	(void)state;
	read_log_to_end(&position);
	note(HVCALL_SAVE_PARTITION_STATE, ticks);
	note(HVCALL_SAVE_PARTITION_STATE, ticks - 1);
	log_format(wanted, sizeof(wanted), "hypercall 5e: at most %u ticks\n",
	           ticks);
	assert_string_equal(read_log_to_end(&position), wanted);
}

static void test_what_was_logged_is_not_logged_again(void **state)
{
	u64 position = 0, ticks = fresh();

	(void)state;
	note(HVCALL_SAVE_PARTITION_STATE, ticks);
	read_log_to_end(&position);
	note(HVCALL_SAVE_PARTITION_STATE, ticks);
	assert_string_equal(read_log_to_end(&position), "");
	assert_false(cost_log());
}

static void test_every_code_has_its_own_figure(void **state)
{
	u64 position = 0, ticks = fresh();
	const char *text;

	(void)state;
	read_log_to_end(&position);
	for (u32 code = 0; code <= 0xffff; code++)
		note(code, ticks);
	text = read_log_to_end(&position);
	/* One for all that are neither near the TLFS's calls nor ours. */
	assert_int_equal(lines_of(text), HYPERCALL_SLOTS);
	assert_non_null(strstr(text, "hypercall 96: "));
	assert_non_null(strstr(text, "hypercall 40: "));
	assert_non_null(strstr(text, "hypercall 5f: "));
	assert_non_null(strstr(text, "hypercall 7f00: "));
	assert_non_null(strstr(text, "hypercall 0: "));
}

static void test_one_read_has_few_calls(void **state)
{
	u64 position = 0, ticks = fresh();
	struct hv_input_read_log in;

	(void)state;
	read_log_to_end(&position);
	for (u32 code = 0x40; code <= 0x5f; code++)
		note(code, ticks);
	in.position = position;
	assert_ok(guest_call(HVCALL_STASIS_READ_LOG, &in, sizeof(in),
	                     &log_piece, sizeof(log_piece)));
	log_piece.data[log_piece.count] = 0;
	assert_in_range(lines_of((const char *)log_piece.data), 1, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_longer_turn_is_at_the_end_of_the_log),
		TEST(test_what_was_logged_is_not_logged_again),
		TEST(test_every_code_has_its_own_figure),
		TEST(test_one_read_has_few_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
