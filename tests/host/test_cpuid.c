/*
 * hv/run/cpuid.c: what a child may see, and what it may not.
 */
#include "hv/run/cpuid.h"
#include "hv/run/msr.h"
#include "hv/vp/partition.h"
#include "include/x86.h"
#include "include/x86_msr.h"
#include "tests/host/fake/dumps.h"
#include "tests/host/fixture/test.h"

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
		/* The root is not told of one (test_words_of_the_root). */
		cpuid_answer(vps[i], 0x40000003, 0, r);
		assert_int_equal(r[EAX] | (u64)r[EBX] << 32,
		                 vps[i]->partition->privileges &
		                         ~(i == 0 ? BIT(33) : 0));
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
	vp_state_write(vp)->efer = EFER_LONG;
	vp_state_write(vp)->segment[VP_CS].attributes = RIGHTS_CODE_64;
	cpuid_answer(vp, 0x80000001, 0, r);
	assert_int_equal(r[ECX], c->features[STREAM_FEATURE_80000001_ECX]);
	assert_int_equal(r[EDX], c->features[STREAM_FEATURE_80000001_EDX]);
	/* SYSCALL is of 64-bit mode. */
	vp_state_write(vp)->segment[VP_CS].attributes = RIGHTS_CODE_32;
	cpuid_answer(vp, 0x80000001, 0, r);
	assert_int_equal(r[EDX],
	                 c->features[STREAM_FEATURE_80000001_EDX] & ~BIT(11));
}

/* Leaves without subleaves do not look at ECX (SDM, CPUID). */
static void test_ecx_is_ignored(void **state)
{
	static const u32 leaves[] = { 0, 1, 2, 0x15, 0x80000001, 0x80000008 };
	static const u32 with[] = { 1, 2, 0x80000000, 0xffffffff };
	struct vp *vp = child();
	u32 want[4], r[4];

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(leaves); i++) {
		cpuid_answer(vp, leaves[i], 0, want);
		for (u32 j = 0; j < ARRAY_LEN(with); j++) {
			cpuid_answer(vp, leaves[i], with[j], r);
			assert_memory_equal(r, want, sizeof(r));
		}
	}
	for (u32 j = 0; j < ARRAY_LEN(with); j++) {
		cpuid_answer(fake_root_vp(), 1, with[j], r);
		assert_int_equal(r[ECX] & (BIT(5) | BIT(31)), BIT(31));
	}
}

/* Beyond the last leaf, basic or extended: the last basic one's data. */
static void test_beyond(void **state)
{
	static const u32 beyond[] = { 0xe,        0x20,       0x3fffffff,
		                      0x50000000, 0x7fffffff, 0x80000009,
		                      0x8fffffff, 0xffffffff };
	struct vp *vp = child();
	u32 want[4], r[4];

	(void)state;
	fake.facts.cpuid_max = 0xd;
	cpuid_answer(vp, 0, 0, r);
	assert_int_equal(r[EAX], 0xd);
	for (u32 sub = 0; sub < 4; sub++) {
		cpuid_answer(vp, 0xd, sub, want);
		for (u32 i = 0; i < ARRAY_LEN(beyond); i++) {
			cpuid_answer(vp, beyond[i], sub, r);
			assert_memory_equal(r, want, sizeof(r));
		}
	}
	cpuid_answer(vp, 0x80000000, 0, r);
	assert_int_equal(r[EAX], 0x80000008);
	assert_int_equal(r[EBX] | r[ECX] | r[EDX], 0);
}

/* One number for what is told and what is checked, in all that holds an address. */
static void test_widths(void **state)
{
	static const struct {
		u32 name, msr; /* 0: none */
		u64 beside;    /* bits that are no address */
	} rows[] = {
		{ HV_REGISTER_CR3, 0, 0 },
		{ HV_REGISTER_APIC_BASE, MSR_IA32_APIC_BASE, 0x900 },
		{ HV_REGISTER_MTRR_PHYS_BASE0, 0x200, 6 },
		{ HV_REGISTER_MTRR_PHYS_MASK0, 0x201, 0x800 },
		{ HV_REGISTER_HYPERCALL, HV_MSR_HYPERCALL, 0 },
		{ HV_REGISTER_SIMP, HV_MSR_SIMP, 0 },
		{ HV_REGISTER_REFERENCE_TSC, HV_MSR_REFERENCE_TSC, 0 },
	};
	struct vp *vp = child();
	u64 id = vp->partition->id;
	u32 r[4];

	(void)state;
	for (u32 bits = 36; bits <= 48; bits++) {
		fake.facts.compat.phys_bits = bits;
		cpuid_answer(vp, 0x80000008, 0, r);
		assert_int_equal(r[EAX], bits | 48 << 8);
		assert_int_equal(r[ECX] | r[EDX], 0);
		for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
			u64 good = BIT(bits - 1) | rows[i].beside;
			u64 bad = BIT(bits) | rows[i].beside;

			assert_ok(guest_set(id, 2, rows[i].name, good));
			assert_int_equal(guest_set(id, 2, rows[i].name, bad),
			                 HV_STATUS_INVALID_PARAMETER);
			if (!rows[i].msr)
				continue;
			assert_int_equal(vp_msr_write(vp, rows[i].msr, good),
			                 MSR_OK);
			assert_int_equal(vp_msr_write(vp, rows[i].msr, bad),
			                 MSR_FAULT);
		}
	}
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
	assert_int_equal(r[EBX], 0); /* no XSAVEC: no compacted form */
	fake.facts.compat.features[STREAM_FEATURE_D_1_EAX] = 7;
	cpuid_answer(vp, 0xd, 1, r);
	assert_int_equal(r[EBX], 576 + 256 + 64 + 512 + 1024 + 8);
	vp->state.xcr0 = 0xe7;
	cpuid_answer(vp, 0xd, 1, r);
	assert_int_equal(r[EBX], 2432);
	vp->state.xcr0 = 0x203; /* in the standard form PKRU is far behind */
	cpuid_answer(vp, 0xd, 1, r);
	assert_int_equal(r[EBX], 584);
	cpuid_answer(vp, 0xd, 0, r);
	assert_int_equal(r[EBX], 2696);
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

/* A component that is aligned when compacted, behind one of an odd size. */
static void test_compacted_alignment(void **state)
{
	static const struct fake_leaf leaves[] = {
		{ 0, 0, { 0xd } },
		{ 0x80000000, 0, { 0x80000008 } },
		{ 0xd, 2, { 240, 576, 0, 0 } },
		{ 0xd, 9, { 8, 2688, 2, 0 } },
	};
	static const struct fake_dump dump = { "a processor", leaves,
		                               ARRAY_LEN(leaves) };
	struct vp *vp = child();
	u32 r[4];

	(void)state;
	fake.facts.compat.features[STREAM_FEATURE_D_1_EAX] = 2;
	vp->state.xcr0 = 0x207;
	fake.dump = &dump;
	cpuid_answer(vp, 0xd, 1, r);
	assert_int_equal(r[EBX], 832 + 8); /* not 576 + 240 + 8 */
	cpuid_answer(vp, 0xd, 9, r);
	assert_int_equal(r[ECX], 2);
	cpuid_answer(vp, 0xd, 0, r);
	assert_int_equal(r[EBX], 2696);
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
	cpuid_answer(vp, 0xb, 0xabcd1234, r);
	assert_int_equal(r[ECX], 0x34);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_hypervisor_leaves),
		TEST(test_child_sees_the_facts),
		TEST(test_hidden_leaves),
		TEST(test_apic_leaves),
		TEST(test_a_fast_tsc),
		TEST(test_cr4_bits_are_mirrored),
		TEST(test_xsave_leaf),
		TEST(test_topology_is_the_index),
		TEST(test_ecx_is_ignored),
		TEST(test_beyond),
		TEST(test_widths),
		TEST(test_compacted_alignment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
