/*
 * boot/frequency.c: whose word on the TSC's frequency is taken, with the words
 * of real processors.
 */
#include "boot/frequency.h"
#include "tests/host/fixture/test.h"

#define SKYLAKE_U 0x406e3
#define KABY_LAKE 0x906e9
#define DENVERTON 0x506f1
#define APOLLO_LAKE 0x506c9
#define SKYLAKE_SP 0x50654
#define ICE_LAKE_U 0x706e5
#define HASWELL 0x306c3
#define RYZEN 0x800f11

/* What these processors say in public dumps, and what follows. */
static const struct row {
	const char *name;
	struct frequency_words words;
	u64 hz;
	enum frequency_source source;
} rows[] = {
	{ "i7-6600U: the crystal is known by the model",
	  { true, SKYLAKE_U, { 2, 234, 0 }, 2800, 0, 0 },
	  2808000000,
	  FREQUENCY_LEAF_15 },
	{ "a Skylake of 88 crystals",
	  { true, SKYLAKE_U, { 2, 176, 0 }, 2100, 0, 0 },
	  2112000000,
	  FREQUENCY_LEAF_15 },
	{ "i7-7700K",
	  { true, KABY_LAKE, { 2, 350, 0 }, 4200, 0, 0 },
	  4200000000,
	  FREQUENCY_LEAF_15 },
	{ "C3558",
	  { true, DENVERTON, { 1, 88, 0 }, 2200, 0, 0 },
	  2200000000,
	  FREQUENCY_LEAF_15 },
	{ "N3350",
	  { true, APOLLO_LAKE, { 3, 171, 19200000 }, 1100, 0, 0 },
	  1094400000,
	  FREQUENCY_LEAF_15 },
	{ "the same without its crystal",
	  { true, APOLLO_LAKE, { 3, 171, 0 }, 1100, 0, 0 },
	  1094400000,
	  FREQUENCY_LEAF_15 },
	/* Some have 24 MHz and some 25: only leaf 0x16 is sure. */
	{ "Xeon of Skylake-SP",
	  { true, SKYLAKE_SP, { 2, 168, 0 }, 2100, 0, 0 },
	  2100000000,
	  FREQUENCY_LEAF_16 },
	{ "i7-1065G7",
	  { true, ICE_LAKE_U, { 2, 78, 38400000 }, 1500, 0, 0 },
	  1497600000,
	  FREQUENCY_LEAF_15 },
	{ "above 32 bits of Hz",
	  { true, ICE_LAKE_U, { 2, 260, 38400000 }, 5000, 0, 0 },
	  4992000000,
	  FREQUENCY_LEAF_15 },
	{ "Haswell has no such leaf",
	  { true, HASWELL, { 0 }, 0, 0, 0 },
	  0,
	  FREQUENCY_MEASURED },
	{ "nor AMD", { false, RYZEN, { 0 }, 0, 0, 0 }, 0, FREQUENCY_MEASURED },
	{ "another vendor's model 4EH",
	  { false, SKYLAKE_U, { 2, 176, 0 }, 0, 0, 0 },
	  0,
	  FREQUENCY_MEASURED },
	{ "another family's",
	  { true, 0x40fe3, { 2, 176, 0 }, 0, 0, 0 },
	  0,
	  FREQUENCY_MEASURED },
	{ "no ratio",
	  { true, SKYLAKE_U, { 2, 0, 24000000 }, 2400, 0, 0 },
	  2400000000,
	  FREQUENCY_LEAF_16 },
	{ "half a ratio",
	  { true, SKYLAKE_U, { 0, 176, 24000000 }, 0, 0, 0 },
	  0,
	  FREQUENCY_MEASURED },
	{ "KVM with vmware-cpuid-freq",
	  { true, HASWELL, { 0 }, 0, 2593994, 0 },
	  2593994000,
	  FREQUENCY_HYPERVISOR_LEAF },
	{ "a hypervisor that scales",
	  { true, ICE_LAKE_U, { 2, 78, 38400000 }, 1500, 2000000, 0 },
	  2000000000,
	  FREQUENCY_HYPERVISOR_LEAF },
	{ "Hyper-V",
	  { true, SKYLAKE_SP, { 2, 168, 0 }, 2100, 0, 2095197600 },
	  2095197600,
	  FREQUENCY_HYPERVISOR_MSR },
};

static void test_whose_word(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		struct frequency f = frequency_stated(&rows[i].words);

		if (f.hz != rows[i].hz || f.source != rows[i].source)
			print_error("%s\n", rows[i].name);
		assert_int_equal(f.hz, rows[i].hz);
		assert_int_equal(f.source, rows[i].source);
	}
}

/* Bochs' skylake_x claims 3.5 GHz and counts 50 million instructions. */
static void test_a_word_is_held_against_the_clock(void **state)
{
	(void)state;
	assert_false(frequency_agrees(3500000000, 50000000));
	assert_false(frequency_agrees(50000000, 3500000000));
	assert_true(frequency_agrees(2112000000, 2112000000));
	assert_true(frequency_agrees(2100000000, 2000000000));
	assert_true(frequency_agrees(1100000000, 1000000000));
	assert_false(frequency_agrees(1100000001, 1000000000));
	assert_true(frequency_agrees(900000000, 1000000000));
	assert_false(frequency_agrees(899999999, 1000000000));
	assert_false(frequency_agrees(1, 0));
}

/* Twice measured, a few parts in a million apart. */
static void test_a_measurement_repeats(void **state)
{
	(void)state;
	assert_int_equal(frequency_round(2494139912), 2494100000);
	assert_int_equal(frequency_round(2494131003), 2494100000);
	assert_int_equal(frequency_round(50049999), 50000000);
	assert_int_equal(frequency_round(50050000), 50100000);
}

/* The two best of all agree, in whatever order they come. */
static void test_rounds_that_were_disturbed(void **state)
{
	static const struct {
		u64 ticks[6];
		u32 count;
		bool settled;
		u64 best;
	} measured[] = {
		{ { 350000000 }, 1, false, 350000000 },
		{ { 350000000, 350035000 }, 2, true, 350000000 },
		{ { 350000000, 350035001 }, 2, false, 350000000 },
		{ { 350035001, 350000000 }, 2, false, 350000000 },
		{ { 350035000, 350000000 }, 2, true, 350000000 },
		/* Two that were disturbed agree no more once a better one comes. */
		{ { 364000000, 364000100, 350000000 }, 3, false, 350000000 },
		{ { 364000000, 357000000, 350000000, 350000010 },
		  4,
		  true,
		  350000000 },
		{ { 350000010, 364000000, 364000000, 350000000, 357000000 },
		  5,
		  true,
		  350000000 },
		{ { 350000000, 357000000, 353000000, 350000900, 364000000,
		    350000800 },
		  6,
		  true,
		  350000000 },
		{ { 0, 0 }, 2, true, 0 },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(measured); i++) {
		struct frequency_rounds r = { 0 };

		for (u32 k = 0; k < measured[i].count; k++)
			frequency_note(&r, measured[i].ticks[k]);
		assert_int_equal(r.best, measured[i].best);
		assert_int_equal(frequency_settled(&r), measured[i].settled);
	}
}

static void test_all_sources_have_names(void **state)
{
	(void)state;
	for (u32 i = 0; i < FREQUENCY_SOURCES; i++)
		assert_non_null(
			frequency_source_name((enum frequency_source)i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whose_word),
		cmocka_unit_test(test_a_word_is_held_against_the_clock),
		cmocka_unit_test(test_a_measurement_repeats),
		cmocka_unit_test(test_rounds_that_were_disturbed),
		cmocka_unit_test(test_all_sources_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
