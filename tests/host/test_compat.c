/*
 * hv/compat.c: one result for each thing that must agree.
 */
#include "hv/compat.h"
#include "tests/host/fake_test.h"

static struct stream_compat saved;

static void make(void)
{
	saved = fake.facts.compat;
}

static void test_same_machine(void **state)
{
	(void)state;
	for (u32 m = 0; m < FAKE_MACHINES; m++) {
		fake_become((enum fake_machine)m);
		make();
		assert_int_equal(compat_check(&saved), HV_STATE_INCOMPLETE);
	}
}

/* Section 9.2: 12 to 27, 29, 30, 32, 35 to 50, and 5 for all the others. */
static void test_every_feature_bit(void **state)
{
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
			assert_int_equal(compat_check(&saved), expected);
			/* More here than there is no mismatch. */
			fake.facts.compat.features[word] = UINT32_MAX;
			assert_int_equal(compat_check(&saved),
			                 HV_STATE_INCOMPLETE);
			fake.facts.compat.features[word] = 0;
		}
	}
}

static void test_what_is_no_feature(void **state)
{
	(void)state;
	make();
	saved.cpu_vendor = 0;
	assert_int_equal(compat_check(&saved), 11);
	make();
	saved.clflush = 128;
	assert_int_equal(compat_check(&saved), 28);
	make();
	saved.phys_bits++;
	assert_int_equal(compat_check(&saved), 6);
	make();
	saved.phys_bits = 36;
	assert_int_equal(compat_check(&saved), HV_STATE_INCOMPLETE);
	make();
	saved.linear_bits = 57;
	assert_int_equal(compat_check(&saved), 6);
	make();
	saved.mxcsr_mask |= 1u << 17;
	assert_int_equal(compat_check(&saved), 5);
	make();
	saved.tsc_hz++;
	saved.signature++;
	assert_int_equal(compat_check(&saved), HV_STATE_INCOMPLETE);
}

static void test_xsave(void **state)
{
	(void)state;
	make();
	saved.xcr0 |= BIT(3);
	assert_int_equal(compat_check(&saved), 33);
	make();
	saved.xss = BIT(8);
	assert_int_equal(compat_check(&saved), 33);
	make();
	saved.xsave_size += 64;
	assert_int_equal(compat_check(&saved), 34);
	make();
	saved.xsave_offset[6] += 64;
	assert_int_equal(compat_check(&saved), 34);
	make();
	saved.xcr0 = 7;
	saved.xsave_size = 832;
	memset(&saved.xsave_offset[3], 0, 61 * 2);
	assert_int_equal(compat_check(&saved), HV_STATE_INCOMPLETE);
	fake.facts.compat.xcr0 &= ~4ull;
	assert_int_equal(compat_check(&saved), 32);
	fake.facts.compat.xcr0 = 1;
	assert_int_equal(compat_check(&saved), 31);
}

/* The first in the order of 9.2, with 5 and 6 behind those that name one. */
static void test_first_mismatch_wins(void **state)
{
	(void)state;
	memset(fake.facts.compat.features, 0, 64);
	make();
	saved.features[STREAM_FEATURE_1_EDX] = 1;
	saved.linear_bits = 57;
	assert_int_equal(compat_check(&saved), 5);
	saved.features[STREAM_FEATURE_1_ECX] = BIT(22) | BIT(20);
	assert_int_equal(compat_check(&saved), 16);
	saved.features[STREAM_FEATURE_80000001_ECX] = 1;
	assert_int_equal(compat_check(&saved), 13);
	saved.cpu_vendor = 0;
	assert_int_equal(compat_check(&saved), 11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_same_machine),        TEST(test_every_feature_bit),
		TEST(test_what_is_no_feature),  TEST(test_xsave),
		TEST(test_first_mismatch_wins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
