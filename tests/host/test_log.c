/*
 * hv/base/log.c: formats, and the ring that forgets its oldest text.
 */
#include "hv/base/log.h"
#include "tests/host/fixture/test.h"

static void test_formats(void **state)
{
	char text[64];

	(void)state;
	assert_int_equal(log_format(text, sizeof(text), "%s %u %x %%", "ab",
	                            (u64)0, (u64)0xbeef),
	                 11);
	assert_string_equal(text, "ab 0 beef %");
	log_format(text, sizeof(text), "%u %x", UINT64_MAX, UINT64_MAX);
	assert_string_equal(text, "18446744073709551615 ffffffffffffffff");
	assert_int_equal(log_format(text, 4, "%s", "abcdef"), 3);
	assert_string_equal(text, "abc");
	assert_int_equal(log_format(text, sizeof(text), "ends in %"), 8);
	assert_string_equal(text, "ends in ");
}

static void test_lines_come_back_in_order(void **state)
{
	u64 position = guest_log_end();
	u8 text[64];

	(void)state;
	log_line("one %u", (u64)1);
	log_line("two");
	assert_int_equal(log_read(&position, text, sizeof(text)), 10);
	assert_memory_equal(text, "one 1\ntwo\n", 10);
	position += 10;
	assert_int_equal(log_read(&position, text, sizeof(text)), 0);
	position = UINT64_MAX;
	assert_int_equal(log_read(&position, text, sizeof(text)), 0);
}

static void test_long_line_is_cut(void **state)
{
	u64 position = guest_log_end();
	char longer[400];
	u8 text[512];

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = 0;
	log_line("%s", longer);
	assert_int_equal(log_read(&position, text, sizeof(text)), 160);
	assert_int_equal(text[158], 'x');
	assert_int_equal(text[159], '\n');
}

static void test_ring_keeps_the_newest(void **state)
{
	u64 position = 0, end;
	u8 text[8];

	(void)state;
	for (u32 i = 0; i < 3000; i++)
		log_line("line %u", (u64)i);
	end = guest_log_end();
	assert_int_equal(log_read(&position, text, sizeof(text)), 8);
	assert_int_equal(end - position, 16384);
	position = end - 5;
	assert_int_equal(log_read(&position, text, sizeof(text)), 5);
	assert_memory_equal(text, "2999\n", 5);
}

static void test_parent_reads_it(void **state)
{
	struct hv_input_read_log in = { guest_log_end() };
	static struct hv_output_read_log out;

	(void)state;
	log_line("for the parent");
	assert_ok(guest_call(HVCALL_STASIS_READ_LOG, &in, sizeof(in), &out,
	                     sizeof(out)));
	assert_int_equal(out.position, in.position);
	assert_int_equal(out.count, 15);
	assert_memory_equal(out.data, "for the parent\n", 15);
	in.position += 15;
	assert_ok(guest_call(HVCALL_STASIS_READ_LOG, &in, sizeof(in), &out,
	                     sizeof(out)));
	assert_int_equal(out.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_formats),
		TEST(test_lines_come_back_in_order),
		TEST(test_long_line_is_cut),
		TEST(test_ring_keeps_the_newest),
		TEST(test_parent_reads_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
