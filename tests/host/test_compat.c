/*
 * hv/stream/compat.c: one result for each thing that must agree, and a line of the log.
 */
#include "hv/base/log.h"
#include "hv/stream/compat.h"
#include "tests/host/fixture/test.h"

#define FITS 0 /* no result */

static struct stream_compat saved;

static void make(void)
{
	saved = fake.facts.compat;
}

/* In as many turns as it takes. */
static u32 verdict(void)
{
	struct compat_walk walk = { 0 };

	while (!compat_check(&saved, &walk))
		continue;
	return walk.first;
}

/* The result, and that the log then has these lines and no others. */
static void assert_verdict(u32 result, const char *lines)
{
	u64 position = guest_log_end();
	static char text[16384];
	u32 count;

	assert_int_equal(verdict(), result);
	count = log_read(&position, (u8 *)text, sizeof(text) - 1);
	text[count] = 0;
	assert_string_equal(text, lines);
}

static void test_same_machine(void **state)
{
	(void)state;
	for (u32 m = 0; m < FAKE_MACHINES; m++) {
		fake_become((enum fake_machine)m);
		make();
		assert_int_equal(verdict(), FITS);
	}
}

/* Section 9.2: 12 to 27, 29, 30, 32, 35 to 50, and 5 for all the others. */
static const struct {
	u8 word, bit, result;
} named[] = {
	{ STREAM_FEATURE_1_ECX, 0, 12 },
	{ STREAM_FEATURE_80000001_ECX, 0, 13 },
	{ STREAM_FEATURE_1_ECX, 9, 14 },
	{ STREAM_FEATURE_1_ECX, 19, 15 },
	{ STREAM_FEATURE_1_ECX, 20, 16 },
	{ STREAM_FEATURE_80000001_ECX, 6, 17 },
	{ STREAM_FEATURE_80000001_ECX, 11, 18 },
	{ STREAM_FEATURE_1_ECX, 23, 19 },
	{ STREAM_FEATURE_1_ECX, 13, 20 },
	{ STREAM_FEATURE_80000001_ECX, 4, 21 },
	{ STREAM_FEATURE_80000001_ECX, 5, 22 },
	{ STREAM_FEATURE_80000001_ECX, 7, 23 },
	{ STREAM_FEATURE_80000001_EDX, 22, 24 },
	{ STREAM_FEATURE_80000001_EDX, 31, 25 },
	{ STREAM_FEATURE_80000001_EDX, 30, 26 },
	{ STREAM_FEATURE_80000001_EDX, 26, 27 },
	{ STREAM_FEATURE_1_ECX, 26, 29 },
	{ STREAM_FEATURE_D_1_EAX, 0, 30 },
	{ STREAM_FEATURE_1_ECX, 28, 32 },
	{ STREAM_FEATURE_1_ECX, 25, 35 },
	{ STREAM_FEATURE_1_ECX, 1, 36 },
	{ STREAM_FEATURE_1_ECX, 17, 37 },
	{ STREAM_FEATURE_80000001_ECX, 16, 38 },
	{ STREAM_FEATURE_1_ECX, 29, 39 },
	{ STREAM_FEATURE_1_ECX, 30, 40 },
	{ STREAM_FEATURE_7_EBX, 0, 41 },
	{ STREAM_FEATURE_7_EBX, 7, 42 },
	{ STREAM_FEATURE_7_EBX, 9, 43 },
	{ STREAM_FEATURE_1_ECX, 12, 44 },
	{ STREAM_FEATURE_7_EBX, 5, 45 },
	{ STREAM_FEATURE_7_EBX, 3, 46 },
	{ STREAM_FEATURE_7_EBX, 8, 47 },
	{ STREAM_FEATURE_7_EBX, 4, 48 },
	{ STREAM_FEATURE_7_EBX, 11, 49 },
	{ STREAM_FEATURE_1_ECX, 22, 50 },
};

static void test_every_feature_bit(void **state)
{
	(void)state;
	memset(fake.facts.compat.features, 0, 64);
	for (u32 word = 0; word < STREAM_FEATURE_COUNT; word++) {
		for (u32 bit = 0; bit < 32; bit++) {
			u32 expected = HV_STATE_PROCESSOR_FEATURE_MISMATCH;

			for (u32 i = 0; i < ARRAY_LEN(named); i++)
				if (named[i].word == word &&
				    named[i].bit == bit)
					expected = named[i].result;
			make();
			saved.features[word] = 1u << bit;
			assert_int_equal(verdict(), expected);
			/* More here than there is no mismatch. */
			fake.facts.compat.features[word] = UINT32_MAX;
			assert_int_equal(verdict(), FITS);
			fake.facts.compat.features[word] = 0;
		}
	}
}

static void test_what_is_no_feature(void **state)
{
	(void)state;
	make();
	saved.cpu_vendor = 0;
	assert_int_equal(verdict(), 11);
	make();
	saved.clflush = 128;
	assert_int_equal(verdict(), 28);
	make();
	saved.phys_bits++;
	assert_int_equal(verdict(), 6);
	make();
	saved.phys_bits = 36;
	assert_int_equal(verdict(), FITS);
	make();
	saved.linear_bits = 57;
	assert_int_equal(verdict(), 6);
	make();
	saved.mxcsr_mask |= 1u << 17;
	assert_int_equal(verdict(), 5);
	make();
	saved.tsc_hz++;
	saved.signature++;
	assert_int_equal(verdict(), FITS);
}

/* What checks say: nothing yet, or a result. */
#define OTHER_CLOCK HV_STATE_HARDWARE_FEATURE_MISMATCH
#define VP_COUNT HV_STATE_PROCESSOR_COUNT_MISMATCH
#define VP_FLAGS HV_STATE_PROCESSOR_FLAGS_MISMATCH
#define VP_INDEX HV_STATE_PROCESSOR_INDEX_MISMATCH

/* A child that has a TSC has been told how fast it is. */
static void test_tsc_frequency(void **state)
{
	static const struct {
		u64 saved, here;
		u32 result;
	} rows[] = {
		{ 2000000000, 3000000000, OTHER_CLOCK },
		{ 3000000000, 2000000000, OTHER_CLOCK },
		{ 2000000000, 2000000000, FITS },
		{ 2000000000, 2100000000, OTHER_CLOCK },
		/* 500 parts in a million, either way. */
		{ 2001000000, 2000000000, FITS },
		{ 1999000000, 2000000000, FITS },
		{ 2001000001, 2000000000, OTHER_CLOCK },
		{ 1998999999, 2000000000, OTHER_CLOCK },
		/* 200 kHz of a slow one. */
		{ 50000000, 50200000, FITS },
		{ 50000000, 49800000, FITS },
		{ 50000000, 50200001, OTHER_CLOCK },
		{ 50000000, 49799999, OTHER_CLOCK },
		{ 1, UINT64_MAX, OTHER_CLOCK },
		{ UINT64_MAX, 1, OTHER_CLOCK },
		/* Who made it knew of none. */
		{ 0, 2000000000, FITS },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		make();
		saved.tsc_hz = rows[i].saved;
		fake.facts.compat.tsc_hz = rows[i].here;
		assert_int_equal(verdict(), rows[i].result);
		/* Where it can be scaled, all but the absurd ones fit. */
		fake.facts.has_tsc_scaling = true;
		assert_int_equal(verdict(),
		                 rows[i].saved == UINT64_MAX ||
		                                 rows[i].here == UINT64_MAX
		                         ? OTHER_CLOCK
		                         : FITS);
		fake.facts.has_tsc_scaling = false;
		/* One that has none cannot tell. */
		saved.features[STREAM_FEATURE_1_EDX] &= (u32)~BIT(4);
		assert_int_equal(verdict(), FITS);
	}
}

static void test_xsave(void **state)
{
	(void)state;
	make();
	saved.xcr0 |= BIT(3);
	assert_int_equal(verdict(), 33);
	make();
	saved.xss = BIT(8);
	assert_int_equal(verdict(), 33);
	make();
	saved.xsave_size += 64;
	assert_int_equal(verdict(), 34);
	make();
	saved.xsave_offset[6] += 64;
	assert_int_equal(verdict(), 34);
	make();
	saved.xcr0 = 7;
	saved.xsave_size = 832;
	memset(&saved.xsave_offset[3], 0, 61 * 2);
	assert_int_equal(verdict(), FITS);
	fake.facts.compat.xcr0 &= ~4ull;
	assert_int_equal(verdict(), 32);
	fake.facts.compat.xcr0 = 1;
	assert_int_equal(verdict(), 31);
}

/* The first in the order of 9.2, with 5 and 6 behind those that name one. */
static void test_first_mismatch_wins(void **state)
{
	(void)state;
	memset(fake.facts.compat.features, 0, 64);
	make();
	saved.features[STREAM_FEATURE_1_EDX] = 1;
	saved.linear_bits = 57;
	assert_int_equal(verdict(), 5);
	saved.features[STREAM_FEATURE_1_ECX] = BIT(22) | BIT(20);
	assert_int_equal(verdict(), 16);
	saved.features[STREAM_FEATURE_80000001_ECX] = 1;
	assert_int_equal(verdict(), 13);
	saved.cpu_vendor = 0;
	assert_int_equal(verdict(), 11);
}

static void test_log_names_leaf_register_and_bit(void **state)
{
	(void)state;
	memset(fake.facts.compat.features, 0, 64);
	make();
	saved.features[STREAM_FEATURE_80000001_ECX] = BIT(5);
	saved.features[STREAM_FEATURE_7_EBX] = BIT(18) | BIT(8);
	saved.features[STREAM_FEATURE_D_1_EAX] = BIT(0);
	saved.features[STREAM_FEATURE_1_EDX] = 3u << 30;
	saved.features[13] = 1;
	assert_verdict(
		22,
		"restore: result 22: LZCNT (CPUID 80000001 ECX bit 5) "
		"is not here\n"
		"restore: result 30: XSAVEOPT (CPUID D.1 EAX bit 0) "
		"is not here\n"
		"restore: result 47: BMI2 (CPUID 7.0 EBX bit 8) is not here\n"
		"restore: result 5: CPUID 1 EDX bits not here: 30 31\n"
		"restore: result 5: CPUID 7.0 EBX bits not here: 18\n"
		"restore: result 5: feature word 13 bits not here: 0\n");
}

static void test_log_has_both_values(void **state)
{
	(void)state;
	fake_become(FAKE_HASWELL);
	make();
	saved.cpu_vendor = 0;
	saved.clflush = 128;
	saved.mxcsr_mask = 0x2ffbf;
	saved.phys_bits = 46;
	saved.linear_bits = 57;
	saved.tsc_hz = 3000000000;
	saved.xsave_size = 896;
	saved.xsave_offset[2] = 640;
	assert_verdict(
		11,
		"restore: result 11: vendor: 0 saved, 1 here\n"
		"restore: result 28: bytes of a CLFLUSH line: "
		"128 saved, 64 here\n"
		"restore: result 5: MXCSR mask: 2ffbf saved, ffff here\n"
		"restore: result 6: physical address bits: "
		"46 saved, 39 here\n"
		"restore: result 6: linear address bits: 57 saved, 48 here\n"
		"restore: result 34: bytes of the XSAVE area: "
		"896 saved, 832 here\n"
		"restore: result 6: TSC frequency: 3000000000 Hz saved, "
		"2000000000 Hz here\n"
		"restore: result 34: offset of XSAVE component 2: "
		"640 saved, 576 here\n");
}

static void test_log_names_components(void **state)
{
	(void)state;
	fake_become(FAKE_HASWELL);
	make();
	saved.xcr0 |= BIT(9);
	saved.xss = BIT(8) | BIT(0);
	fake.facts.compat.xcr0 = 1;
	assert_verdict(
		31,
		"restore: result 33: XSAVE component 0 (XSS) is not here\n"
		"restore: result 31: XSAVE component 1 (XCR0) is not here\n"
		"restore: result 32: XSAVE component 2 (XCR0) is not here\n"
		"restore: result 33: XSAVE component 8 (XSS) is not here\n"
		"restore: result 33: XSAVE component 9 (XCR0) is not here\n");
}

/* Whatever a stream says, what was in the log before is still there. */
static void test_log_is_not_flooded(void **state)
{
	struct compat_walk walk = { 0 };
	u64 before, start, end, oldest = 0;
	u32 turns = 1;
	u8 byte;

	(void)state;
	memset(&fake.facts.compat, 0, sizeof(fake.facts.compat));
	memset(&saved, 0xff, sizeof(saved));
	fake.facts.compat.xcr0 = UINT64_MAX;
	start = before = guest_log_end();
	/* A call says no more than some lines, of 160 bytes at most. */
	for (bool done = false; !done; turns++) {
		done = compat_check(&saved, &walk);
		end = guest_log_end();
		assert_true(end - before <= COMPAT_LINES_A_TURN * 160ull);
		before = end;
	}
	assert_int_equal(walk.first, 11);
	assert_true(turns > 8);
	assert_int_equal(log_read(&oldest, &byte, 1), 1);
	assert_true(end > start + 5000);
	assert_true(end - start < 14000);
}

/* Nothing is to be said of what fits, of more here least of all. */
static void test_nothing_is_logged_of_what_fits(void **state)
{
	(void)state;
	make();
	saved.phys_bits = 36;
	saved.features[STREAM_FEATURE_7_EBX] = 0;
	saved.xcr0 = 3;
	assert_verdict(FITS, "");
}

/* Number, flags, set: in the order of the results 7, 8, 9. */
static void test_vps(void **state)
{
	static const struct {
		u64 saved;
		u32 boot;
		u64 here;
		u32 result;
	} rows[] = {
		{ 1, 0, 1, FITS },
		{ UINT64_MAX, 0, UINT64_MAX, FITS },
		{ 0x8000000000000004, 0, 0x8000000000000004, FITS },
		{ 0, 0, 0, FITS },
		{ 3, 0, 1, VP_COUNT },
		{ 1, 0, UINT64_MAX, VP_COUNT },
		{ 6, 1, 1, VP_COUNT },
		{ 3, 1, 3, VP_FLAGS },
		{ 6, 1, 3, VP_FLAGS },
		{ 1ull << 63, 63, 1ull << 63, VP_FLAGS },
		{ 6, 0, 3, VP_INDEX },
		{ 1ull << 63, 0, 1, VP_INDEX },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(compat_check_vps(rows[i].saved, rows[i].boot,
		                                  rows[i].here),
		                 rows[i].result);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_same_machine),
		TEST(test_every_feature_bit),
		TEST(test_what_is_no_feature),
		TEST(test_tsc_frequency),
		TEST(test_xsave),
		TEST(test_first_mismatch_wins),
		TEST(test_log_names_leaf_register_and_bit),
		TEST(test_log_has_both_values),
		TEST(test_log_names_components),
		TEST(test_log_is_not_flooded),
		TEST(test_nothing_is_logged_of_what_fits),
		TEST(test_vps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
