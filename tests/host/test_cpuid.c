/*
 * hv/cpuid.c: what a child may see, and what it may not.
 */
#include "hv/cpuid.h"
#include "hv/partition.h"
#include "tests/host/fake_test.h"

enum { EAX, EBX, ECX, EDX };

static struct vp *child(void)
{
	return guest_partition(guest_child(40, 3))->vps[2];
}

static void test_hypervisor_leaves(void **state)
{
	struct vp *vps[2] = { fake_root_vp(), child() };
	u32 r[4];

	(void)state;
	for (u32 i = 0; i < 2; i++) {
		cpuid_answer(vps[i], 0x40000000, 0, r);
		assert_int_equal(r[EAX], 0x40000006);
		assert_memory_equal(&r[EBX], "Microsoft Hv", 12);
		cpuid_answer(vps[i], 0x40000001, 0, r);
		assert_memory_equal(r, "Hv#1", 4);
		cpuid_answer(vps[i], 0x40000003, 0, r);
		assert_int_equal(r[EAX] | (u64)r[EBX] << 32,
		                 vps[i]->partition->privileges);
		cpuid_answer(vps[i], 0x40000005, 0, r);
		assert_int_equal(r[EAX], PARTITION_VPS); /* D31 */
		for (u32 leaf = 0x40000007; leaf < 0x40000100; leaf++) {
			cpuid_answer(vps[i], leaf, 0, r);
			assert_int_equal(r[0] | r[1] | r[2] | r[3], 0);
		}
		/* Nothing of a hypervisor below us shows here. */
		cpuid_answer(vps[i], 0x40000100, 0, r);
		assert_int_equal(r[EAX], 0x40000100);
		assert_memory_equal(&r[EBX], "StasisStasis", 12);
		for (u32 leaf = 0x40000101; leaf < 0x40000210; leaf++) {
			cpuid_answer(vps[i], leaf, 0, r);
			assert_int_equal(r[0] | r[1] | r[2] | r[3], 0);
		}
		cpuid_answer(vps[i], 1, 0, r);
		assert_true(r[ECX] & BIT(31));
		assert_false(r[ECX] & BIT(5));
	}
}

/* A feature is in the saved state or hidden. */
static void test_child_sees_the_facts(void **state)
{
	const struct stream_compat *c = &fake.facts.compat;
	struct vp *vp = child();
	u32 r[4];

	(void)state;
	cpuid_answer(vp, 1, 0, r);
	assert_int_equal(r[ECX] & ~BIT(31), c->features[STREAM_FEATURE_1_ECX]);
	assert_int_equal(r[EDX], c->features[STREAM_FEATURE_1_EDX]);
	assert_int_equal(r[EBX], 0x02010800);
	cpuid_answer(vp, 7, 0, r);
	assert_int_equal(r[EAX], 1);
	assert_int_equal(r[EBX], c->features[STREAM_FEATURE_7_EBX]);
	assert_int_equal(r[ECX], c->features[STREAM_FEATURE_7_ECX]);
	assert_int_equal(r[EDX], c->features[STREAM_FEATURE_7_EDX]);
	cpuid_answer(vp, 7, 1, r);
	assert_int_equal(r[EAX], c->features[STREAM_FEATURE_7_1_EAX]);
	assert_int_equal(r[EBX] | r[ECX] | r[EDX], 0);
	cpuid_answer(vp, 7, 2, r);
	assert_int_equal(r[EAX] | r[EBX] | r[ECX] | r[EDX], 0);
	cpuid_answer(vp, 0x80000001, 0, r);
	assert_int_equal(r[ECX], c->features[STREAM_FEATURE_80000001_ECX]);
	assert_int_equal(r[EDX], c->features[STREAM_FEATURE_80000001_EDX]);
}

static void test_hidden_leaves(void **state)
{
	static const u32 hidden[] = { 5,    6,    9,    0xa,       0xf,
		                      0x10, 0x12, 0x14, 0x17,      0x18,
		                      0x1a, 0x1d, 0x1f, 0x3fffffff };
	struct vp *vp = child();
	u32 r[4];

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(hidden); i++) {
		cpuid_answer(vp, hidden[i], 0, r);
		assert_int_equal(r[0] | r[1] | r[2] | r[3], 0);
		cpuid_answer(fake_root_vp(), hidden[i], 0, r);
		assert_int_equal(r[0], 0xdead0000 | (hidden[i] & 0xff));
	}
}

/* The APIC is there until its VP switches it off; its clock is the TSC's. */
static void test_apic_leaves(void **state)
{
	struct vp *vp = child();
	u32 r[4];

	(void)state;
	fake.facts.compat.features[STREAM_FEATURE_1_EDX] |= 1u << 9;
	cpuid_answer(vp, 1, 0, r);
	assert_true(r[EDX] & BIT(9));
	vp_state_write(vp)->apic_base &= ~BIT(11);
	cpuid_answer(vp, 1, 0, r);
	assert_false(r[EDX] & BIT(9));
	cpuid_answer(vp, 0x15, 0, r);
	assert_int_equal(r[EAX], 1);
	assert_int_equal(r[EBX], 1);
	assert_int_equal(r[ECX], (u32)fake.facts.tsc_hz);
	cpuid_answer(vp, 0x16, 0, r);
	assert_int_equal(r[EAX] | r[EBX] | r[ECX] | r[EDX], 0);
}

/* ECX of leaf 0x15 has 32 bits: beyond them leaf 0x16 tells MHz. */
static void test_a_fast_tsc(void **state)
{
	struct vp *vp = child();
	u32 r[4];

	(void)state;
	fake.facts.tsc_hz = 0xffffffff;
	cpuid_answer(vp, 0x15, 0, r);
	assert_int_equal(r[ECX], 0xffffffff);
	fake.facts.tsc_hz = 5200000123;
	cpuid_answer(vp, 0x15, 0, r);
	assert_int_equal(r[EAX], 1);
	assert_int_equal(r[EBX], 1);
	assert_int_equal(r[ECX], 0);
	cpuid_answer(vp, 0x16, 0, r);
	assert_int_equal(r[EAX], 5200);
	assert_int_equal(r[EBX] | r[ECX] | r[EDX], 0);
}

static void test_cr4_bits_are_mirrored(void **state)
{
	struct vp *vp = child();
	u32 r[4];

	(void)state;
	cpuid_answer(vp, 1, 0, r);
	assert_false(r[ECX] & BIT(27));
	vp_state_write(vp)->cr4 = BIT(18) | BIT(22);
	cpuid_answer(vp, 1, 0, r);
	assert_true(r[ECX] & BIT(27));
	cpuid_answer(vp, 7, 0, r);
	assert_true(r[ECX] & BIT(4));
	fake_become(FAKE_NO_XSAVE);
	cpuid_answer(vp, 1, 0, r);
	assert_false(r[ECX] & BIT(27));
}

static void test_xsave_leaf(void **state)
{
	struct vp *vp = child();
	u32 r[4];

	(void)state;
	cpuid_answer(vp, 0xd, 0, r);
	assert_int_equal(r[EAX], 0x2e7);
	assert_int_equal(r[EBX], 576);
	assert_int_equal(r[ECX], 2696);
	assert_int_equal(r[EDX], 0);
	vp->state.xcr0 = 7;
	cpuid_answer(vp, 0xd, 0, r);
	assert_int_equal(r[EBX], 832);
	vp->state.xcr0 = 0x2e7;
	cpuid_answer(vp, 0xd, 0, r);
	assert_int_equal(r[EBX], 2696);
	cpuid_answer(vp, 0xd, 1, r);
	assert_int_equal(r[EAX], 1);
	cpuid_answer(vp, 0xd, 2, r);
	assert_int_equal(r[EAX], 256);
	assert_int_equal(r[EBX], 576);
	cpuid_answer(vp, 0xd, 3, r);
	assert_int_equal(r[EAX] | r[EBX] | r[ECX] | r[EDX], 0);
	cpuid_answer(vp, 0xd, UINT32_MAX, r);
	assert_int_equal(r[EAX] | r[EBX] | r[ECX] | r[EDX], 0);
	fake_become(FAKE_NO_XSAVE);
	for (u32 i = 0; i < 70; i++) {
		cpuid_answer(vp, 0xd, i, r);
		assert_int_equal(r[EAX] | r[EBX] | r[ECX] | r[EDX], 0);
	}
}

static void test_topology_is_the_index(void **state)
{
	struct vp *vp = child();
	u32 r[4];

	(void)state;
	for (u32 i = 0; i < 3; i++) {
		cpuid_answer(vp, 0xb, i, r);
		assert_int_equal(r[EDX], 2);
		assert_int_equal(r[EBX], i < 2);
		assert_int_equal(r[ECX], i | (i < 2 ? i + 1 : 0) << 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_hypervisor_leaves), TEST(test_child_sees_the_facts),
		TEST(test_hidden_leaves),     TEST(test_apic_leaves),
		TEST(test_a_fast_tsc),        TEST(test_cr4_bits_are_mirrored),
		TEST(test_xsave_leaf),        TEST(test_topology_is_the_index),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
