/*
 * boot/hypervisor.c: who is below us, by the leaves of several.
 */
#include "boot/hypervisor.h"
#include "hv/run/cpuid.h"
#include "tests/host/fixture/test.h"

struct leaf {
	u32 leaf;
	u32 regs[4];
};

static const struct leaf *leaves;

/* Signatures, four characters a word. */
#define MICROSOFT 0x7263694d, 0x666f736f, 0x76482074
#define KVM 0x4b4d564b, 0x564b4d56, 0x4d
#define OURS 0x73617453, 0x74537369, 0x73697361
#define HV1 0x31237648

static const struct leaf none[] = {
	{ 1, { 0x50654, 0, 0x77faf3bf, 0xbfebfbff } },
	/* Beyond its last leaf a processor repeats that: here, what fits. */
	{ 0x40000000, { 0x40000010, MICROSOFT } },
	{ 0x40000001, { HV1, 0, 0, 0 } },
	{ 0x40000100, { 0x40000100, OURS } },
	{ 0, { 0 } },
};
static const struct leaf kvm[] = {
	{ 1, { 0x50654, 0, 0xf7faf3bf, 0 } },
	{ 0x40000000, { 0x40000001, KVM } },
	{ 0x40000001, { 0x1007efb, 0, 0, 0 } },
	{ 0x40000010, { 1234, 0, 0, 0 } }, /* above its last leaf */
	{ 0, { 0 } },
};
static const struct leaf kvm_timing[] = {
	{ 1, { 0x50654, 0, 0xf7faf3bf, 0 } },
	{ 0x40000000, { 0x40000010, KVM } },
	{ 0x40000001, { 0x1007efb, 0, 0, 0 } },
	{ 0x40000010, { 2593994, 1000000, 0, 0 } },
	{ 0, { 0 } },
};
static const struct leaf kvm_old[] = {
	{ 1, { 0x50654, 0, 0xf7faf3bf, 0 } },
	{ 0x40000000, { 0, KVM } },
	{ 0, { 0 } },
};
/* QEMU with hv-* flags: Hyper-V's leaves, and KVM's own further up. */
static const struct leaf kvm_hv[] = {
	{ 1, { 0x50654, 0, 0xf7faf3bf, 0 } },
	{ 0x40000000, { 0x40000005, MICROSOFT } },
	{ 0x40000001, { HV1, 0, 0, 0 } },
	{ 0x40000003, { 0x26e, 0, 0, 0 } },
	{ 0x40000100, { 0x40000101, KVM } },
	{ 0, { 0 } },
};
static const struct leaf hyperv[] = {
	{ 1, { 0x50654, 0, 0xf7faf3bf, 0 } },
	{ 0x40000000, { 0x40000010, MICROSOFT } },
	{ 0x40000001, { HV1, 0, 0, 0 } },
	{ 0x40000003, { 0xae7f, 0x388030, 2, 0xe0bed7b2 | 0x100 } },
	{ 0x40000010, { 99, 0, 0, 0 } }, /* not what VMware means by it */
	{ 0, { 0 } },
};
static const struct leaf hyperv_feature_only[] = {
	{ 1, { 0x50654, 0, 0xf7faf3bf, 0 } },
	{ 0x40000000, { 0x40000006, MICROSOFT } },
	{ 0x40000001, { HV1, 0, 0, 0 } },
	{ 0x40000003, { 0x267f, 0, 0, 0x100 } },
	{ 0, { 0 } },
};
static const struct leaf ours[] = {
	{ 1, { 0x50654, 0, 0xf7faf39f, 0 } },
	{ 0x40000000, { 0x40000006, MICROSOFT } },
	{ 0x40000001, { HV1, 0, 0, 0 } },
	{ 0x40000003, { 0xa7e, 0x70003, 0, 0x80100 } },
	{ 0x40000100, { 0x40000100, OURS } },
	{ 0, { 0 } },
};

static void answer(u32 leaf, u32 regs[4])
{
	memset(regs, 0, 4 * sizeof(u32));
	for (u32 i = 0; leaves[i].leaf; i++)
		if (leaves[i].leaf == leaf)
			memcpy(regs, leaves[i].regs, 4 * sizeof(u32));
}

static void test_who_is_below(void **state)
{
	static const struct {
		const struct leaf *leaves;
		struct hypervisor want;
	} rows[] = {
		{ none, { 0, "", false, false, false, 0 } },
		{ kvm, { 0x40000001, "KVMKVMKVM", false, false, false, 0 } },
		{ kvm_timing,
		  { 0x40000010, "KVMKVMKVM", false, false, false, 2593994 } },
		{ kvm_old,
		  { 0x40000001, "KVMKVMKVM", false, false, false, 0 } },
		{ kvm_hv,
		  { 0x40000005, "Microsoft Hv", true, false, false, 0 } },
		{ hyperv,
		  { 0x40000010, "Microsoft Hv", true, false, true, 0 } },
		{ hyperv_feature_only,
		  { 0x40000006, "Microsoft Hv", true, false, false, 0 } },
		{ ours, { 0x40000006, "Microsoft Hv", true, true, true, 0 } },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		struct hypervisor found;

		leaves = rows[i].leaves;
		hypervisor_find(answer, &found);
		assert_string_equal(found.name, rows[i].want.name);
		assert_int_equal(found.leaf_max, rows[i].want.leaf_max);
		assert_int_equal(found.has_hv1, rows[i].want.has_hv1);
		assert_int_equal(found.is_stasis, rows[i].want.is_stasis);
		assert_int_equal(found.has_frequency_msr,
		                 rows[i].want.has_frequency_msr);
		assert_int_equal(found.tsc_khz, rows[i].want.tsc_khz);
	}
}

static void by_the_core(u32 leaf, u32 regs[4])
{
	cpuid_answer(fake_root_vp(), leaf, 0, regs);
}

/* What the core shows is what boot looks for. */
static void test_our_own_leaves(void **state)
{
	struct hypervisor found;

	(void)state;
	hypervisor_find(by_the_core, &found);
	assert_true(found.is_stasis && found.has_hv1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_is_below),
		TEST(test_our_own_leaves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
