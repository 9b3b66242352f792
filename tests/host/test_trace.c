/*
 * arch/x86_64/vmx/trace.c: what the root has written down goes on while it runs, and
 * never while we or a child do; and where it is not used nothing is done.
 */
#include "arch/x86_64/vmx/trace.h"
#include "hv/run/cpuid.h"
#include "hv/run/exit.h"
#include "tests/host/fake/trace.h"
#include "tests/host/fixture/test.h"

#define SET(m) (1u << (m))
#define COUNTERS SET(TRACE_COUNTERS)
#define PEBS SET(TRACE_PEBS)
#define ARCH_PEBS SET(TRACE_ARCH_PEBS)
#define PACKETS SET(TRACE_PACKETS)
#define BRANCHES SET(TRACE_BRANCHES)
#define ALL (COUNTERS | PEBS | ARCH_PEBS | PACKETS | BRANCHES)

#define GLOBAL_CTRL 0x38fu
#define PEBS_ENABLE 0x3f1u
#define PEBS_BASE 0x3f4u
#define RTIT_CTL 0x570u
#define LBR_CTL 0x14ceu

#define AFTER_RESET 0xfull /* of IA32_PERF_GLOBAL_CTRL */

static struct trace t;

static u64 *in_processor(u32 msr)
{
	return &fake_trace.value[fake_trace_at(msr)];
}

static bool exits(u32 msr)
{
	return fake_trace.exits[fake_trace_at(msr)];
}

/* The root runs, behind its first entry. */
static void start(u32 there)
{
	fake_trace = (struct fake_trace){ .xss = 0 };
	*in_processor(GLOBAL_CTRL) = AFTER_RESET;
	trace_begin(&t, there);
	fake_trace_enter(&t);
}

/* One exit of the root that is about something else, and the way back. */
static void turn(void)
{
	fake_trace_exit(&t);
	trace_exited(&t);
	fake_trace_enter(&t);
}

/* WRMSR in the root: by the processor, behind an exit where there is one. */
static bool root_writes(u32 msr, u64 value)
{
	bool exited = exits(msr);

	if (exited) {
		fake_trace_exit(&t);
		trace_exited(&t);
		assert_true(trace_written(&t, msr));
		fake_trace_enter(&t);
		assert_false(exits(msr));
	}
	*in_processor(msr) = value;
	return exited;
}

/* ---- What is there ---- */

static const struct {
	const char *model;
	struct trace_words words;
	u32 there;
} models[] = {
	{ "Bochs, and guests without counters", { .leaf_a_eax = 0 }, 0 },
	{ "a debug store and no counters", { .leaf_1_edx = BIT(21) }, 0 },
	{ "counters of version 1", { .leaf_a_eax = 0x07280201 }, 0 },
	{ "Westmere",
	  { .leaf_1_edx = BIT(21), .leaf_a_eax = 0x07300403 },
	  COUNTERS | PEBS },
	{ "Broadwell: PT does not work in VMX operation",
	  { .leaf_1_edx = BIT(21),
	    .leaf_a_eax = 0x07300403,
	    .leaf_7_ebx = BIT(25) },
	  COUNTERS | PEBS },
	{ "Skylake",
	  { .leaf_1_edx = BIT(21),
	    .leaf_a_eax = 0x07300404,
	    .leaf_7_ebx = BIT(25),
	    .vmx_misc = BIT(14) },
	  COUNTERS | PEBS | PACKETS },
	{ "KVM's guest: counters and no PEBS",
	  { .leaf_a_eax = 0x07300402, .misc_enable = BIT(12) },
	  COUNTERS },
	{ "PEBS switched off",
	  { .leaf_1_edx = BIT(21),
	    .leaf_a_eax = 0x07300404,
	    .misc_enable = BIT(12) },
	  COUNTERS },
	{ "Alder Lake",
	  { .leaf_1_edx = BIT(21),
	    .leaf_a_eax = 0x07300605,
	    .leaf_7_ebx = BIT(25),
	    .leaf_7_edx = BIT(19),
	    .vmx_misc = BIT(14) },
	  COUNTERS | PEBS | PACKETS | BRANCHES },
	{ "Panther Lake",
	  { .leaf_a_eax = 0x07300606,
	    .leaf_7_ebx = BIT(25),
	    .leaf_7_edx = BIT(19),
	    .leaf_23_eax = 0x3b,
	    .vmx_misc = BIT(14),
	    .misc_enable = BIT(12) },
	  COUNTERS | ARCH_PEBS | PACKETS | BRANCHES },
};

static void test_what_each_model_has(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(models); i++) {
		u32 got = trace_find(&models[i].words);

		if (got != models[i].there)
			fail_msg("%s: %x, not %x", models[i].model, got,
			         models[i].there);
	}
}

/* The MSRs fault there: none is touched, none exits, whatever happens. */
static void test_a_processor_that_has_none(void **state)
{
	u32 msr;

	(void)state;
	start(0);
	for (u32 i = 0; trace_trigger(i, &msr); i++) {
		assert_false(exits(msr));
		assert_false(trace_written(&t, msr));
	}
	assert_false(trace_xsaves(&t));
	assert_int_equal(fake_trace.xss, 0);
	for (u32 i = 0; i < 5000; i++)
		turn();
	assert_int_equal(fake_trace.touched, 0);
	assert_int_equal(fake_trace.exchanged, 0);
	trace_end(&t);
	assert_int_equal(fake_trace.touched, 0);
}

/* It says that it has one, and faults: Bochs' models, and hypervisors, do. */
static void test_one_that_is_missing(void **state)
{
	(void)state;
	fake_trace = (struct fake_trace){ .xss = 0 };
	fake_trace.missing[fake_trace_at(PEBS_ENABLE)] = true;
	trace_begin(&t, COUNTERS | PEBS);
	assert_int_equal(t.there, COUNTERS);
	assert_false(exits(PEBS_ENABLE));
	assert_true(exits(GLOBAL_CTRL));
}

/* ---- In use ---- */

/* The state after a reset is not use: exits and entries are as without us. */
static void test_unused_costs_nothing(void **state)
{
	u32 touched, changes;

	(void)state;
	start(ALL);
	touched = fake_trace.touched;
	changes = fake_trace.changes;
	for (u32 i = 0; i < 5000; i++)
		turn();
	assert_int_equal(fake_trace.touched, touched);
	assert_int_equal(fake_trace.changes, changes);
	assert_int_equal(fake_trace.exchanged, 0);
	assert_int_equal(*in_processor(GLOBAL_CTRL), AFTER_RESET);
}

/* The first write exits, and then none; the value is the root's alone. */
static void test_each_is_exchanged(void **state)
{
	static const struct {
		u32 msr;
		u32 uses;
	} rows[] = {
		{ GLOBAL_CTRL, COUNTERS }, { PEBS_ENABLE, COUNTERS | PEBS },
		{ PEBS_BASE, COUNTERS },   { RTIT_CTL, PACKETS },
		{ LBR_CTL, BRANCHES },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		start(ALL);
		assert_true(root_writes(rows[i].msr, 0x101));
		assert_int_equal(t.in_use, rows[i].uses);
		assert_false(root_writes(rows[i].msr, 0x107));
		fake_trace_exit(&t);
		if (rows[i].msr == PEBS_BASE)
			assert_int_equal(*in_processor(GLOBAL_CTRL), 0);
		else
			assert_int_equal(*in_processor(rows[i].msr), 0);
		trace_exited(&t);
		fake_trace_enter(&t);
		assert_int_equal(*in_processor(rows[i].msr), 0x107);
	}
}

/* Records end where their counters do, and what counted goes on counting. */
static void test_records_take_their_counters_along(void **state)
{
	(void)state;
	start(ALL);
	assert_true(root_writes(PEBS_ENABLE, 1));
	assert_int_equal(*in_processor(GLOBAL_CTRL), AFTER_RESET);
	assert_false(exits(GLOBAL_CTRL));
	assert_int_equal(t.root[t.count - 1].msr, GLOBAL_CTRL);
	assert_int_equal(t.none[0].msr, GLOBAL_CTRL);
	fake_trace_exit(&t);
	assert_int_equal(*in_processor(GLOBAL_CTRL), 0);
	assert_int_equal(*in_processor(PEBS_ENABLE), 0);
	fake_trace_enter(&t);
	/* A PMI may stop the counters without any WRMSR: they stay so. */
	*in_processor(GLOBAL_CTRL) = 0;
	turn();
	assert_int_equal(*in_processor(GLOBAL_CTRL), 0);
	assert_int_equal(*in_processor(PEBS_ENABLE), 1);
}

/* XRSTORS loads what no WRMSR has announced. */
static void test_xrstors(void **state)
{
	(void)state;
	start(ALL);
	assert_int_equal(fake_trace.xss, BIT(8) | BIT(15));
	fake_trace_exit(&t);
	assert_true(trace_xsaves(&t));
	fake_trace_enter(&t);
	assert_int_equal(fake_trace.xss, 0);
	*in_processor(RTIT_CTL) = 0x2001;
	fake_trace_exit(&t);
	assert_int_equal(*in_processor(RTIT_CTL), 0);
	start(COUNTERS | PEBS | PACKETS);
	assert_int_equal(fake_trace.xss, BIT(8));
	start(COUNTERS | PEBS);
	assert_int_equal(fake_trace.xss, 0);
}

/* Long after the last use it is as before the first. */
static void test_it_ends(void **state)
{
	u32 turns = 0;

	(void)state;
	start(ALL);
	assert_true(root_writes(LBR_CTL, 1));
	for (u32 i = 0; i < 5000; i++)
		turn();
	assert_int_equal(t.in_use, BRANCHES);
	assert_false(root_writes(LBR_CTL, 0));
	for (turns = 0; t.in_use && turns < 5000; turns++)
		turn();
	assert_in_range(turns, 500, 2000);
	assert_true(exits(LBR_CTL));
	assert_int_equal(t.count, 0);
	/* And begins anew. */
	assert_true(root_writes(LBR_CTL, 3));
	turn();
	assert_int_equal(*in_processor(LBR_CTL), 3);
	/* A moment without does not end it. */
	for (u32 i = 0; i < 400; i++)
		turn();
	root_writes(LBR_CTL, 0);
	for (u32 i = 0; i < 400; i++)
		turn();
	assert_false(root_writes(LBR_CTL, 1));
}

/* What the firmware has on, it has on as the root; and again after a refusal. */
static void test_on_at_the_start(void **state)
{
	for (u32 refused = 0; refused < 2; refused++) {
		fake_trace = (struct fake_trace){ .xss = 0 };
		*in_processor(GLOBAL_CTRL) = 3;
		*in_processor(PEBS_ENABLE) = 1;
		*in_processor(RTIT_CTL) = 0x2009;
		trace_begin(&t, ALL);
		assert_int_equal(t.in_use, COUNTERS | PEBS | PACKETS);
		for (u32 i = 0; i < FAKE_TRACE_MSRS; i++)
			assert_int_equal(fake_trace.value[i], 0);
		if (refused)
			trace_end(&t);
		else
			fake_trace_enter(&t);
		assert_int_equal(*in_processor(GLOBAL_CTRL), 3);
		assert_int_equal(*in_processor(PEBS_ENABLE), 1);
		assert_int_equal(*in_processor(RTIT_CTL), 0x2009);
	}
	(void)state;
}

/*
 * Anything in any order on any processor: whoever else runs finds 0 in what the root
 * has ever written, and the root always finds its own.
 */
static void test_at_random(void **state)
{
	u64 seed = 41;

	(void)state;
	for (u32 round = 0; round < 300; round++) {
		u64 own[FAKE_TRACE_MSRS];
		u32 there = (u32)fake_random(&seed) & ALL;
		bool written[FAKE_TRACE_MSRS] = { false };

		start(there);
		memcpy(own, fake_trace.value, sizeof(own));
		for (u32 step = 0; step < 200; step++) {
			u32 at = (u32)(fake_random(&seed) % FAKE_TRACE_MSRS);

			if (fake_random(&seed) % 4 == 0) {
				own[at] = fake_random(&seed) % 3;
				root_writes(fake_trace_msrs[at], own[at]);
				written[at] = true;
			}
			for (u32 i = fake_random(&seed) % 20 ? 1 : 1100; i;
			     i--) {
				fake_trace_exit(&t);
				trace_exited(&t);
				for (u32 k = 0; k < TRACE_MSRS; k++) {
					static const u32 place[] = { 1, 4, 3,
						                     0 };

					if ((t.there & SET(k)) &&
					    written[place[k]])
						assert_int_equal(
							fake_trace.value
								[place[k]],
							0);
				}
				fake_trace_enter(&t);
			}
			assert_memory_equal(own, fake_trace.value, sizeof(own));
		}
	}
}

/* ---- Children ---- */

/*
 * Neither told of any of it nor let at it: nothing is theirs to switch on. (Bits of
 * features: test_cpuid_models.c.)
 */
static void test_a_child_has_none_of_it(void **state)
{
	static const u32 msrs[] = { GLOBAL_CTRL, PEBS_ENABLE, PEBS_BASE,
		                    RTIT_CTL,    LBR_CTL,     0x345,
		                    0x600,       0xc1,        0x186,
		                    0x309,       0x38d,       0x390,
		                    0x560,       0x1c8,       0x1200 };
	static const u32 leaves[] = { 0xa, 0x14, 0x1c, 0x23 };
	struct vp *vp = guest_partition(guest_child(40, 1))->vps[0];
	u32 r[4];

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(msrs); i++) {
		vp->state.gpr[VP_RCX] = msrs[i];
		vp->state.gpr[VP_RAX] = 1;
		vp->state.gpr[VP_RDX] = 0;
		assert_int_equal(exit_rdmsr(vp, 2), EXIT_FAULT_GP);
		assert_int_equal(exit_wrmsr(vp, 2), EXIT_FAULT_GP);
	}
	for (u32 i = 0; i < ARRAY_LEN(leaves); i++) {
		cpuid_answer(vp, leaves[i], 0, r);
		assert_int_equal(r[0] | r[1] | r[2] | r[3], 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_each_model_has),
		TEST(test_a_processor_that_has_none),
		TEST(test_one_that_is_missing),
		TEST(test_unused_costs_nothing),
		TEST(test_each_is_exchanged),
		TEST(test_records_take_their_counters_along),
		TEST(test_xrstors),
		TEST(test_it_ends),
		TEST(test_on_at_the_start),
		TEST(test_at_random),
		TEST(test_a_child_has_none_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
