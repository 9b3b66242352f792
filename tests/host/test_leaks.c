/*
 * arch/x86_64/vmx/leaks.c: which barriers which processor needs, by what Intel says of
 * its models ("Affected Processors") and what they tell of themselves.
 */
#include "arch/x86_64/vmx/leaks.h"
#include "tests/host/fixture/test.h"

#define L1D HANDOFF_BARRIER_L1D
#define BUFFERS HANDOFF_BARRIER_BUFFERS
#define BRANCHES HANDOFF_BARRIER_BRANCHES
#define RETURNS HANDOFF_BARRIER_RETURNS

static const struct {
	const char *model;
	u32 leaf_7_edx;
	u64 capabilities;
	u32 barriers;
} rows[] = {
	{ "before all microcode", 0, 0, RETURNS },
	{ "Haswell, new microcode", 0x9c000400, 0,
	  L1D | BUFFERS | BRANCHES | RETURNS },
	{ "Skylake server", 0xbc000400, 0, L1D | BUFFERS | BRANCHES | RETURNS },
	/* RDCL_NO, IBRS_ALL, SKIP_L1DFL, MDS_NO, TSX_CTRL; TAA concerns it. */
	{ "Cascade Lake", 0xbc000400, 0xab, BUFFERS | BRANCHES | RETURNS },
	/* RDCL_NO, IBRS_ALL, SKIP_L1DFL, MDS_NO, TAA_NO; stale data of MMIO. */
	{ "Ice Lake server", 0xbc000400, 0x1eb, BUFFERS | BRANCHES | RETURNS },
	{ "all words of the buffers", 0xbc000400, 0x800e1eb,
	  BRANCHES | RETURNS },
	{ "one word of them is missing", 0xbc000400, 0x000e1eb,
	  BUFFERS | BRANCHES | RETURNS },
	/* A hypervisor below flushes at its own entries. */
	{ "guest of one that flushes", 0xbc000400, 0x08,
	  BUFFERS | BRANCHES | RETURNS },
	{ "no branch barrier", 0x10000400, 0, L1D | BUFFERS | RETURNS },
};

static void test_each_model_has_its_barriers(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		u32 got = leaks_barriers(rows[i].leaf_7_edx,
		                         rows[i].capabilities);

		if (got != rows[i].barriers)
			fail_msg("%s: %x, not %x", rows[i].model, got,
			         rows[i].barriers);
	}
}

/* Nothing is done that the processor does not offer: a write would be #GP. */
static void test_nothing_that_is_not_there(void **state)
{
	u64 seed = 7;

	(void)state;
	for (u32 i = 0; i < 100000; i++) {
		u32 edx = (u32)fake_random(&seed);
		u32 got = leaks_barriers(edx, fake_random(&seed));

		assert_true(!(got & L1D) || (edx & BIT(28)));
		assert_true(!(got & BUFFERS) || (edx & BIT(10)));
		assert_true(!(got & BRANCHES) == !(edx & BIT(26)));
		assert_true(got & RETURNS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_each_model_has_its_barriers),
		TEST(test_nothing_that_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
