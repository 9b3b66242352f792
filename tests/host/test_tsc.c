/*
 * hv/base/tsc.c: ratios, clocks and units against exact numbers.
 */
#include "hv/base/tsc.h"
#include "tests/host/fixture/test.h"

typedef unsigned __int128 u128;

/* ---- Numbers ---- */

static void test_fraction(void **state)
{
	u64 seed = 1;

	(void)state;
	for (u32 i = 0; i < 20000; i++) {
		u64 whole = fake_random(&seed) >> fake_random(&seed) % 64;
		u64 part;
		u32 bits = (u32)(fake_random(&seed) % 65);

		whole += !whole;
		part = fake_random(&seed) % whole;
		assert_int_equal(tsc_fraction(part, whole, bits),
		                 (u64)(((u128)part << bits) / whole));
		/* What is before the point does not matter. */
		if (whole >> 63 == 0)
			assert_int_equal(
				tsc_fraction(part + whole, whole, bits),
				tsc_fraction(part, whole, bits));
	}
}

/* To the nearest, by Python's fractions. */
static void test_ratio_by_hand(void **state)
{
	static const struct {
		u64 hz, here, ratio;
	} rows[] = {
		{ 1000000000, 1000000000, TSC_RATIO_ONE },
		{ 2000000000, 3000000000, 0xaaaaaaaaaaab },
		{ 3000000000, 2000000000, 0x1800000000000 },
		{ 2394230011, 2000000000, 0x1327621062c61 },
		{ 2000000000, 2394230011, 0xd5d8f2f5dddd },
		{ 5200000123, 50000000, 0x68000029459e9b },
		{ 1, 4000000000, 0x112e1 },
		{ TSC_HZ_LIMIT - 1, 1 << 24, 0xffffffffff000000 },
		/* 16 bits before the point are not enough. */
		{ TSC_HZ_LIMIT - 1, (1 << 24) - 1, 0 },
		{ UINT64_MAX, 1, 0 },
		/* Too fast for 64-bit products, however fast this machine is. */
		{ TSC_HZ_LIMIT, TSC_HZ_LIMIT, 0 },
		{ UINT64_MAX, UINT64_MAX, 0 },
		/* So slow that nothing is left of it. */
		{ 1, UINT64_MAX, 0 },
		{ 0, 2000000000, 0 },
		{ 2000000000, 0, 0 },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(tsc_ratio(rows[i].hz, rows[i].here),
		                 rows[i].ratio);
}

/* Half a unit of 2^-48 is all that is wrong with it. */
static void test_ratio_is_the_nearest(void **state)
{
	u64 seed = 2;
	u32 seen = 0;

	(void)state;
	for (u32 i = 0; i < 50000; i++) {
		u64 hz = fake_random(&seed) % TSC_HZ_LIMIT;
		u64 here = fake_random(&seed) >> (24 + fake_random(&seed) % 40);
		u64 ratio = tsc_ratio(hz, here);
		u128 is = (u128)ratio * here, is_not;
		u128 wanted = (u128)hz << TSC_RATIO_BITS;

		if (!ratio)
			continue;
		seen++;
		is_not = is > wanted ? is - wanted : wanted - is;
		assert_true(is_not * 2 <= here);
	}
	assert_true(seen > 20000);
}

/* SVM's form: 8 bits before the point, 32 behind it. */
static void test_ratio_in_a_shorter_form(void **state)
{
	static const struct {
		u64 ratio, fit;
	} rows[] = {
		{ TSC_RATIO_ONE, TSC_RATIO_ONE },
		{ 0x18000, 0x20000 },
		{ 0x17fff, 0x10000 },
		{ 0x7fff, 0 }, /* so slow that it would stand still */
		{ 0, 0 },
		{ TSC_RATIO_ONE * 256 - 1, 0 },
		{ TSC_RATIO_ONE * 256 - 0x8001, TSC_RATIO_ONE * 256 - 0x10000 },
		{ TSC_RATIO_ONE * 256, 0 },
		{ ~0ull, 0 },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(tsc_ratio_fit(rows[i].ratio, 16, 8),
		                 rows[i].fit);
		assert_int_equal(tsc_ratio_fit(rows[i].ratio, 0, 0),
		                 rows[i].ratio);
	}
	/* It turns over where nothing before the point is missing, too. */
	assert_int_equal(tsc_ratio_fit(~0ull, 16, 0), 0);
}

static u64 some_ratio(u64 *seed)
{
	u64 ratio = fake_random(seed) >> fake_random(seed) % 64;

	return ratio + !ratio;
}

static void test_clock_is_the_product(void **state)
{
	struct tsc_clock clock = { 0, 0 };
	u64 seed = 3;

	(void)state;
	for (u32 i = 0; i < 20000; i++) {
		u64 tsc = fake_random(&seed) >> fake_random(&seed) % 64;

		clock.ratio = 0;
		assert_int_equal(tsc_at(&clock, tsc), tsc);
		assert_int_equal(tsc_ticks(&clock, tsc), tsc);
		clock.ratio = TSC_RATIO_ONE;
		assert_int_equal(tsc_at(&clock, tsc), tsc);
		assert_int_equal(tsc_ticks(&clock, tsc), tsc);
		clock.ratio = some_ratio(&seed);
		/* Bits 111:48 of the product (SDM 25.3). */
		assert_int_equal(tsc_at(&clock, tsc),
		                 (u64)((u128)tsc * clock.ratio >> 48));
	}
}

/* The least number of ticks in which the clock goes on by so many. */
static void test_ticks_are_the_least(void **state)
{
	struct tsc_clock clock = { 0, 0 };
	u64 seed = 4;
	u32 endless = 0;

	(void)state;
	for (u32 i = 0; i < 50000; i++) {
		u64 n = fake_random(&seed) >> fake_random(&seed) % 64;
		u64 d, base = fake_random(&seed) >>
		              (1 + fake_random(&seed) % 60);
		u128 wanted = (u128)n << TSC_RATIO_BITS;

		clock.ratio = some_ratio(&seed);
		d = tsc_ticks(&clock, n);
		if (d == UINT64_MAX) {
			assert_true((u128)(d - 1) * clock.ratio < wanted);
			endless++;
			continue;
		}
		assert_true((u128)d * clock.ratio >= wanted);
		assert_true(d == 0 || (u128)(d - 1) * clock.ratio < wanted);
		/* From wherever it is looked at. */
		if (n >> 62 || d >> 62)
			continue;
		assert_true(tsc_at(&clock, base + d) - tsc_at(&clock, base) >=
		            n);
	}
	assert_true(endless > 1000);
}

/* Rounded down and up, exactly, as far as 64 bits go. */
static void test_units_of_100_ns(void **state)
{
	static const u64 hz[] = { 10000000, 10000001, 2394230011, 3000000000,
		                  TSC_HZ_LIMIT - 1 };
	u64 seed = 77;

	(void)state;
	for (u32 i = 0; i < 20000; i++) {
		u64 h = hz[i % ARRAY_LEN(hz)];
		u64 units = fake_random(&seed) >> (i % 40 + 24);
		u128 ticks = ((u128)units * h + TSC_UNITS - 1) / TSC_UNITS;
		u64 some = fake_random(&seed) >> (i % 64);

		if (ticks >> 64)
			continue;
		assert_true(tsc_ticks_of_units(units, h) == (u64)ticks);
		assert_true(tsc_units((u64)ticks, h) == units);
		assert_true(tsc_units(some, h) ==
		            (u64)((u128)some * TSC_UNITS / h));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_fraction),
		TEST(test_ratio_by_hand),
		TEST(test_ratio_is_the_nearest),
		TEST(test_ratio_in_a_shorter_form),
		TEST(test_clock_is_the_product),
		TEST(test_ticks_are_the_least),
		TEST(test_units_of_100_ns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
