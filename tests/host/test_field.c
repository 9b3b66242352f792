/*
 * hv/base/field.c: a table of fields is walked in both directions, and says what
 * must be zero.
 */
#include "hv/base/field.h"
#include "tests/host/fixture/test.h"

struct saved {
	u8 byte;
	u8 rsvd0;
	u16 limit;
	u32 rsvd1;
	u64 rows[4];
	u32 sparse[3];
	u32 own;
	u8 rsvd2[8];
};

struct live {
	u64 limit;
	u64 rows[4];
	u32 sparse[3 * 4]; /* every fourth */
	u8 byte;
};

/* clang-format off */
static const struct field fields[] = {
	{ .name = "byte", .at = offsetof(struct saved, byte), .width = 1,
	  .count = 1, .live = offsetof(struct live, byte), .live_width = 1,
	  .step = 1, .rsvd = 0xf0 },
	{ .name = "limit", .at = offsetof(struct saved, limit), .width = 2,
	  .count = 1, .live = offsetof(struct live, limit), .live_width = 8,
	  .step = 8 },
	{ .name = "rows", .at = offsetof(struct saved, rows), .width = 8,
	  .count = 4, .live = offsetof(struct live, rows), .live_width = 8,
	  .step = 8, .rsvd = BIT(63) },
	{ .name = "sparse", .at = offsetof(struct saved, sparse), .width = 4,
	  .count = 3, .live = offsetof(struct live, sparse), .live_width = 4,
	  .step = 16 },
	{ .name = "own", .at = offsetof(struct saved, own), .width = 4,
	  .count = 1 },
	{ .name = NULL },
};
/* clang-format on */

static const struct live example = {
	.limit = 0x1ffff, /* more than the field has */
	.rows = { 1, 2, 3, 4 },
	.sparse = { 5, 0, 0, 0, 6, 0, 0, 0, 7 },
	.byte = 8,
};

static void test_both_directions(void **state)
{
	struct saved s = { .own = 9, .rsvd0 = 1 };
	struct live l = { .sparse = { [1] = 77 } };

	(void)state;
	field_save(fields, &s, &example);
	assert_int_equal(s.byte, 8);
	assert_int_equal(s.limit, 0xffff);
	assert_memory_equal(s.rows, example.rows, sizeof(s.rows));
	assert_int_equal(s.sparse[0], 5);
	assert_int_equal(s.sparse[2], 7);
	/* Nothing else is touched, on either side. */
	assert_int_equal(s.own, 9);
	assert_int_equal(s.rsvd0, 1);
	field_load(fields, &s, &l);
	assert_int_equal(l.limit, 0xffff);
	assert_memory_equal(l.rows, example.rows, sizeof(l.rows));
	assert_int_equal(l.sparse[1], 77);
	assert_int_equal(l.sparse[8], 7);
	assert_int_equal(l.byte, 8);
}

/* Every bit that is not a field's, and every reserved one, and no other. */
static void test_what_must_be_zero(void **state)
{
	struct saved s;
	u8 *bytes = (u8 *)&s;
	u32 refused = 0;

	(void)state;
	for (u32 bit = 0; bit < sizeof(s) * 8; bit++) {
		memset(&s, 0, sizeof(s));
		bytes[bit / 8] = (u8)(1u << bit % 8);
		refused += !field_valid(fields, &s, sizeof(s));
	}
	/* rsvd0, rsvd1, rsvd2; of byte; of each of the rows */
	assert_int_equal(refused, 8 + 32 + 64 + 4 + 4);
	memset(&s, 0, sizeof(s));
	assert_true(field_valid(fields, &s, sizeof(s)));
}

static void test_all_zero(void **state)
{
	u8 bytes[40] = { 0 };

	(void)state;
	for (u32 at = 0; at < 8; at++)
		for (u32 count = 0; count + at <= sizeof(bytes); count++)
			assert_true(field_all_zero(bytes + at, count));
	for (u32 at = 0; at < 20; at++) {
		bytes[at] = 1;
		assert_false(field_all_zero(bytes, at + 1));
		assert_true(field_all_zero(bytes, at));
		assert_true(field_all_zero(bytes + at + 1, 19 - at));
		bytes[at] = 0;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_both_directions),
		TEST(test_what_must_be_zero),
		TEST(test_all_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
