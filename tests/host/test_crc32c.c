/*
 * hv/crc32c.c against the polynomial, a bit at a time.
 */
#include "hv/crc32c.h"
#include "tests/host/fake_test.h"

static u32 reference(u32 crc, const u8 *at, u64 bytes)
{
	crc = ~crc;
	for (; bytes > 0; bytes--) {
		crc ^= *at++;
		for (u32 i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return ~crc;
}

static void test_known_values(void **state)
{
	u8 zero[32] = { 0 }, ones[32];

	(void)state;
	memset(ones, 0xff, sizeof(ones));
	/* RFC 3720, B.4 */
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(0, zero, 32), 0x8a9136aa);
	assert_int_equal(crc32c(0, ones, 32), 0x62a8ab43);
	assert_int_equal(crc32c(0x1234, NULL, 0), 0x1234);
}

static void test_every_length_and_alignment(void **state)
{
	static u8 bytes[5000];
	u64 seed = 1;

	(void)state;
	for (u32 i = 0; i < sizeof(bytes); i++)
		bytes[i] = (u8)fake_random(&seed);
	for (u32 n = 0; n < 4200; n += n < 900 ? 1 : 17)
		for (u32 at = 0; at < 8; at += 3)
			assert_int_equal(crc32c(n, bytes + at, n),
			                 reference(n, bytes + at, n));
}

static void test_pieces_are_the_whole(void **state)
{
	static u8 bytes[4096];
	u64 seed = 2;
	u32 whole;

	(void)state;
	for (u32 i = 0; i < sizeof(bytes); i++)
		bytes[i] = (u8)fake_random(&seed);
	whole = reference(7, bytes, sizeof(bytes));
	for (u32 cut = 0; cut <= sizeof(bytes); cut++)
		assert_int_equal(crc32c(crc32c(7, bytes, cut), bytes + cut,
		                        sizeof(bytes) - cut),
		                 whole);
}

/* A page, wherever it lies, and its copy. */
static void test_a_page_is_counted_and_copied(void **state)
{
	static u8 from[4096 + 8], to[4096 + 8];
	u64 seed = 3;

	(void)state;
	for (u32 round = 0; round < 50; round++) {
		u32 at = round % 8, start = (u32)fake_random(&seed);
		u32 want;

		for (u32 i = 0; i < sizeof(from); i++)
			from[i] = (u8)fake_random(&seed);
		memset(to, 0, sizeof(to));
		want = reference(start, from + at, 4096);
		assert_int_equal(crc32c_page(start, from + at, NULL), want);
		assert_int_equal(crc32c_copy_page(start, to + 8 - at, from + at,
		                                  from + at + 4096),
		                 want);
		assert_memory_equal(to + 8 - at, from + at, 4096);
		for (u32 i = 0; i < 8u - at; i++)
			assert_int_equal(to[i], 0);
		for (u32 i = 4096u + 8 - at; i < sizeof(to); i++)
			assert_int_equal(to[i], 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_page_is_counted_and_copied),
		cmocka_unit_test(test_known_values),
		cmocka_unit_test(test_every_length_and_alignment),
		cmocka_unit_test(test_pieces_are_the_whole),
	};

	crc32c_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
