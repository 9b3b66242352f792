/*
 * hv/run/merge.c: SDM tables 6-4 and 6-5, word for word.
 */
#include "hv/run/merge.h"
#include "tests/host/fixture/test.h"

#define EXCEPTION HV_PENDING_TYPE_EXCEPTION

enum { DE = 0, DB = 1, UD = 6, DF = 8, TS = 10, NP = 11, SS = 12, GP = 13 };
enum { PF = 14, AC = 17, MC = 18, XM = 19, VE = 20, CP = 21 };

static const u8 benign[] = { DB, 2, 3, 4, 5, UD, 7, 16, AC, XM };
static const u8 contributory[] = { DE, TS, NP, SS, GP, CP };
static const u8 faults[] = { PF, VE };

/* All pairs of these, the first being delivered. */
static void expect(const u8 *first, u64 firsts, const u8 *second, u64 seconds,
                   enum merge want)
{
	for (u64 i = 0; i < firsts; i++)
		for (u64 k = 0; k < seconds; k++)
			assert_int_equal(
				merge_events(EXCEPTION, first[i], second[k]),
				want);
}
#define EXPECT_PAIRS(first, second, want) \
	expect(first, ARRAY_LEN(first), second, ARRAY_LEN(second), want)

static const u8 double_fault[] = { DF };

static void test_serially(void **state)
{
	(void)state;
	EXPECT_PAIRS(benign, benign, MERGE_SERIAL);
	EXPECT_PAIRS(benign, contributory, MERGE_SERIAL);
	EXPECT_PAIRS(benign, faults, MERGE_SERIAL);
	EXPECT_PAIRS(contributory, benign, MERGE_SERIAL);
	EXPECT_PAIRS(contributory, faults, MERGE_SERIAL);
	EXPECT_PAIRS(faults, benign, MERGE_SERIAL);
	EXPECT_PAIRS(double_fault, benign, MERGE_SERIAL);
}

static void test_double_faults(void **state)
{
	(void)state;
	EXPECT_PAIRS(contributory, contributory, MERGE_DOUBLE_FAULT);
	EXPECT_PAIRS(faults, contributory, MERGE_DOUBLE_FAULT);
	EXPECT_PAIRS(faults, faults, MERGE_DOUBLE_FAULT);
}

static void test_shutdown(void **state)
{
	(void)state;
	EXPECT_PAIRS(double_fault, contributory, MERGE_SHUTDOWN);
	EXPECT_PAIRS(double_fault, faults, MERGE_SHUTDOWN);
	/* MCIP is set (SDM 15.3.1.2). */
	assert_int_equal(merge_events(EXCEPTION, MC, MC), MERGE_SHUTDOWN);
	assert_int_equal(merge_events(EXCEPTION, GP, MC), MERGE_SERIAL);
	assert_int_equal(merge_events(EXCEPTION, MC, GP), MERGE_SERIAL);
}

/* A vector is that of an exception only where one was delivered. */
static void test_interrupts_are_benign(void **state)
{
	static const enum hv_pending_type types[] = {
		HV_PENDING_TYPE_INTERRUPT,
		HV_PENDING_TYPE_NMI,
		HV_PENDING_TYPE_SOFTWARE_INTERRUPT,
		HV_PENDING_TYPE_PRIVILEGED_SOFTWARE_EXCEPTION,
		HV_PENDING_TYPE_SOFTWARE_EXCEPTION,
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(types); i++)
		for (u32 vector = 0; vector < 256; vector++)
			assert_int_equal(merge_events(types[i], (u8)vector, GP),
			                 MERGE_SERIAL);
}

/* EXT (SDM 6.13): clear for INT n, INT3 and INTO alone. */
static void test_external(void **state)
{
	(void)state;
	assert_int_equal(merge_error(HV_PENDING_TYPE_INTERRUPT), 1);
	assert_int_equal(merge_error(HV_PENDING_TYPE_NMI), 1);
	assert_int_equal(merge_error(EXCEPTION), 1);
	assert_int_equal(
		merge_error(HV_PENDING_TYPE_PRIVILEGED_SOFTWARE_EXCEPTION), 1);
	assert_int_equal(merge_error(HV_PENDING_TYPE_SOFTWARE_INTERRUPT), 0);
	assert_int_equal(merge_error(HV_PENDING_TYPE_SOFTWARE_EXCEPTION), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_serially), TEST(test_double_faults),
		TEST(test_shutdown), TEST(test_interrupts_are_benign),
		TEST(test_external),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
