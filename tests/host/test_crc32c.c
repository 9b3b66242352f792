/*
 * lib/crc32c.c against the polynomial, a bit at a time.
 */
#include "lib/crc32c.h"
#include "tests/host/fixture/test.h"

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

#define ROOM (PAGE_SIZE + 16)

/* A page in two parts from two places to two places, wherever they lie. */
static void count_in_parts(const u8 *page, u32 start, u32 cut, u32 at)
{
	static u8 from[2][ROOM], to[2][ROOM];
	const u32 size[2] = { cut, PAGE_SIZE - cut };
	struct crc32c_page p = { .from = { from[0] + at, from[1] + 7 - at },
		                 .to = { to[0] + 8 - at, to[1] + at },
		                 .cut = cut,
		                 .ahead = NULL };

	memset(to, 0x5a, sizeof(to));
	memset(from, 0xa5, sizeof(from));
	memcpy(from[0] + at, page, size[0]);
	memcpy(from[1] + 7 - at, page + cut, size[1]);
	assert_int_equal(crc32c_page(start, &p), reference(start, page, 4096));
	for (u32 part = 0; part < 2; part++) {
		u64 before = (u64)(p.to[part] - to[part]);

		assert_memory_equal(p.to[part], page + (part ? cut : 0),
		                    size[part]);
		for (u64 i = 0; i < before; i++)
			assert_int_equal(to[part][i], 0x5a);
		for (u64 i = before + size[part]; i < ROOM; i++)
			assert_int_equal(to[part][i], 0x5a);
	}
}

static void test_a_page_is_counted_and_moved(void **state)
{
	u8 page[PAGE_SIZE];
	u64 seed = 3;

	(void)state;
	for (u32 cut = 0; cut <= PAGE_SIZE; cut += CRC32C_CUT) {
		for (u32 i = 0; i < sizeof(page); i++)
			page[i] = (u8)fake_random(&seed);
		count_in_parts(page, (u32)fake_random(&seed), cut,
		               cut / CRC32C_CUT % 8);
	}
}

/* As a restore does: the first part lies there already. */
static void test_a_page_is_completed_where_it_lies(void **state)
{
	u8 page[PAGE_SIZE], rest[PAGE_SIZE], whole[PAGE_SIZE];
	u64 seed = 4;

	(void)state;
	for (u32 cut = 0; cut <= PAGE_SIZE; cut += CRC32C_CUT) {
		struct crc32c_page p = { .from = { page, rest },
			                 .to = { page, page + cut },
			                 .cut = cut };

		for (u32 i = 0; i < sizeof(page); i++)
			whole[i] = (u8)fake_random(&seed);
		memset(page, 0, sizeof(page));
		memcpy(page, whole, cut);
		memcpy(rest, whole + cut, PAGE_SIZE - cut);
		assert_int_equal(crc32c_page(5, &p),
		                 reference(5, whole, PAGE_SIZE));
		assert_memory_equal(page, whole, PAGE_SIZE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_page_is_counted_and_moved),
		cmocka_unit_test(test_a_page_is_completed_where_it_lies),
		cmocka_unit_test(test_known_values),
		cmocka_unit_test(test_every_length_and_alignment),
		cmocka_unit_test(test_pieces_are_the_whole),
	};

	crc32c_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
