/*
 * hv/stream/stream.c: what binds a chunk to its stream and its place.
 */
#include "hv/stream/stream.h"
#include "lib/crc32c.h"
#include "tests/host/fixture/test.h"

static void test_seed_depends_on_both_words(void **state)
{
	(void)state;
	for (u32 i = 0; i < 64; i++) {
		assert_int_not_equal(stream_seed(BIT(i), 0), stream_seed(0, 0));
		assert_int_not_equal(stream_seed(0, BIT(i)), stream_seed(0, 0));
		assert_int_not_equal(stream_seed(BIT(i), 0),
		                     stream_seed(0, BIT(i)));
	}
}

/* As docs/stream.md has it: seed continued over id, length, payload_crc. */
static void test_header_crc_is_the_documented_one(void **state)
{
	struct stream_header h = { STREAM_VP, 16, 0xffffffff, 0x12345678 };
	u8 bytes[12] = { 0x00, 0x10, 0x00, 0x30, 0x10, 0,
		         0,    0,    0x78, 0x56, 0x34, 0x12 };
	u64 words[2] = { 5, 6 };
	u32 seed = crc32c(0, words, 16);

	(void)state;
	assert_int_equal(stream_seed(5, 6), seed);
	assert_int_equal(stream_header_crc(seed, &h), crc32c(seed, bytes, 12));
	h.header_crc = 0;
	assert_int_equal(stream_header_crc(seed, &h), crc32c(seed, bytes, 12));
}

static void test_ids_differ(void **state)
{
	u64 seen[512];

	(void)state;
	for (u32 i = 0; i < 512; i++) {
		fake.tsc += i % 3; /* the clock may stand still */
		seen[i] = stream_new_id(i % 4);
		for (u32 k = 0; k < i; k++)
			assert_true(seen[k] != seen[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_seed_depends_on_both_words),
		TEST(test_header_crc_is_the_documented_one),
		TEST(test_ids_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
