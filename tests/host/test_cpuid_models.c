/*
 * CPUID on processors from Westmere to Panther Lake: every leaf, whatever ECX
 * holds, against a reading of the SDM (volume 2, CPUID) that is the tests' own:
 * features by their names and bits (oracle/features.c), rules by leaf.
 */
#include "arch/x86_64/common/words.h"
#include "arch/x86_64/vmx/allowed.h"
#include "arch/x86_64/vmx/vmx.h"
#include "hv/run/cpuid.h"
#include "hv/vp/partition.h"
#include "include/x86.h"
#include "tests/host/fake/dumps.h"
#include "tests/host/fixture/test.h"
#include "tests/host/oracle/features.h"

#define LAST_CHILD 0x16u
#define VP_INDEX 2u
#define TSC_HZ 3300000000ull

#define ALL_CONTROLS \
	(PROC2_RDTSCP | PROC2_INVPCID | PROC2_XSAVES | PROC2_USER_WAIT)

/* ---- The world ---- */

static const struct fake_dump *dump;
static struct vp *child;
static u64 components, controls;

/* The processor, in 64-bit mode. */
static void own(u32 leaf, u32 subleaf, u32 regs[4])
{
	fake_dumps_cpuid(dump, leaf, subleaf, regs);
}

static bool in_range(u32 leaf)
{
	return leaf <= fake_dumps_last(dump, leaf);
}

static u64 find_components(void)
{
	u32 r[4] = { 0 }, one[4];
	u64 found;

	own(1, 0, one);
	if (!(one[ECX] & BIT(26)))
		return 0;
	own(0xd, 0, r);
	found = 3 | (r[EAX] & (XSTATE_AVX | XSTATE_PKRU));
	if ((r[EAX] & XSTATE_AVX512) == XSTATE_AVX512)
		found |= XSTATE_AVX512;
	return found;
}

static void become(const struct fake_dump *d, u64 allowed)
{
	u64 misc = allowed ? VMX_MISC_TRACE : 0;

	dump = fake.dump = d;
	controls = allowed;
	memset(&fake.facts.compat, 0, sizeof(fake.facts.compat));
	fake.facts.tsc_hz = TSC_HZ;
	words_find(&fake.facts, allowed_root(allowed, misc),
	           allowed_child(allowed));
	components = find_components();
	child = guest_partition(guest_child(40, 3))->vps[VP_INDEX];
}

/* ---- What it should read ---- */

static u32 feature_word(u32 leaf, u32 subleaf, u32 reg)
{
	u32 r[4] = { 0 }, word = 0, count;
	const struct oracle_feature *f = oracle_features(&count);

	if (in_range(leaf))
		own(leaf, subleaf, r);
	for (; count > 0; count--, f++)
		if (f->leaf == leaf && f->subleaf == subleaf && f->reg == reg &&
		    (components & f->components) == f->components &&
		    (controls & f->control) == f->control)
			word |= r[reg] & (1u << f->bit);
	return word;
}

static u32 area(u64 enabled, bool compacted)
{
	u32 size = 576, r[4];

	for (u32 i = 2; i < 63; i++) {
		if (!(enabled >> i & 1))
			continue;
		own(0xd, i, r);
		if (!compacted)
			size = r[EBX] + r[EAX] > size ? r[EBX] + r[EAX] : size;
		else
			size = (r[ECX] & 2 ? (size + 63) / 64 * 64 : size) +
			       r[EAX];
	}
	return size;
}

static void want_d(u32 subleaf, u32 want[4])
{
	u32 r[4];

	if (!components)
		return;
	if (subleaf == 0) {
		want[EAX] = (u32)components;
		want[EBX] = area(child->state.xcr0, false);
		want[ECX] = area(components, false);
	} else if (subleaf == 1) {
		want[EAX] = feature_word(0xd, 1, EAX);
		want[EBX] = want[EAX] & 2 ? area(child->state.xcr0, true) : 0;
	} else if (subleaf < 63 && (components >> subleaf & 1)) {
		own(0xd, subleaf, r);
		want[EAX] = r[EAX];
		want[EBX] = r[EBX];
		want[ECX] = r[ECX] & 2;
	}
}

static void want_basic(u32 leaf, u32 subleaf, u32 want[4])
{
	u32 r[4];

	own(leaf, subleaf, r);
	switch (leaf) {
	case 0:
		memcpy(want, r, 16);
		want[EAX] = r[EAX] < LAST_CHILD ? r[EAX] : LAST_CHILD;
		break;
	case 1:
		want[EAX] = r[EAX];
		want[EBX] = (r[EBX] & 0xff00) | 1 << 16 | VP_INDEX << 24;
		want[ECX] = feature_word(1, 0, ECX) | 1u << 31; /* hypervisor */
		want[ECX] |= 1u << 21 | 1u << 24; /* x2APIC, deadline */
		want[EDX] = feature_word(1, 0, EDX) | 1u << 9; /* APIC */
		break;
	case 2:
		memcpy(want, r, 16);
		break;
	case 4:
		if (!(r[EAX] & 0x1f))
			break;
		memcpy(want, r, 16);
		want[EAX] &= 0x3ff; /* shared by nobody, one core */
		want[EDX] &= 7;
		break;
	case 7:
		if (subleaf == 0)
			want[EAX] = r[EAX] ? 1 : 0;
		if (subleaf == 0)
			for (u32 i = EBX; i <= EDX; i++)
				want[i] = feature_word(7, 0, i);
		own(7, 0, r);
		if (subleaf == 1 && r[EAX] >= 1)
			want[EAX] = feature_word(7, 1, EAX);
		break;
	case 0xb:
		want[EBX] = subleaf < 2;
		want[ECX] = (subleaf & 0xff) |
		            (subleaf < 2 ? (subleaf + 1) << 8 : 0);
		want[EDX] = VP_INDEX;
		break;
	case 0xd:
		want_d(subleaf, want);
		break;
	case 0x15:
		want[EAX] = want[EBX] = 1;
		want[ECX] = (u32)TSC_HZ;
		break;
	}
}

static void want_extended(u32 leaf, u32 want[4])
{
	u32 r[4];

	own(leaf, 0, r);
	switch (leaf - CPUID_EXTENDED) {
	case 0:
		want[EAX] = CPUID_EXTENDED + 8;
		break;
	case 1:
		want[ECX] = feature_word(leaf, 0, ECX);
		want[EDX] = feature_word(leaf, 0, EDX);
		break;
	case 2 ... 4:
		memcpy(want, r, 16);
		break;
	case 6:
		want[ECX] = r[ECX] & 0xfffff0ff;
		break;
	case 7:
		want[EDX] = r[EDX] & (1u << 8);
		break;
	case 8:
		want[EAX] = (r[EAX] & 0xff) > 48 ? 48 : r[EAX] & 0xff;
		want[EAX] |= 48 << 8;
		want[EBX] = feature_word(leaf, 0, EBX);
		break;
	}
}

static void want_child(u32 leaf, u32 subleaf, u32 want[4])
{
	u32 last = fake_dumps_last(dump, 0);

	last = last < LAST_CHILD ? last : LAST_CHILD;
	if (leaf > (leaf >= CPUID_EXTENDED ? CPUID_EXTENDED + 8 : last))
		leaf = last;
	memset(want, 0, 16);
	if (leaf >= CPUID_EXTENDED)
		want_extended(leaf, want);
	else
		want_basic(leaf, subleaf, want);
}

/* ---- The cases ---- */

static const u32 odd_leaves[] = { 0x3fffffff, 0x50000000, 0x7fffffff,
	                          0x80860000, 0x8fffffff, 0xc0000000,
	                          0xffffffff };
static const u32 odd_subleaves[] = { 0x100, 0x12345678, 0x80000000,
	                             0xffffffff };

static void each_subleaf(u32 leaf, void (*check)(u32 leaf, u32 subleaf))
{
	for (u32 i = 0; i < 66; i++)
		check(leaf, i);
	for (u32 i = 0; i < ARRAY_LEN(odd_subleaves); i++)
		check(leaf, odd_subleaves[i]);
}

static void each_leaf(void (*check)(u32 leaf, u32 subleaf))
{
	for (u32 leaf = 0; leaf < 0x40; leaf++) {
		each_subleaf(leaf, check);
		each_subleaf(CPUID_EXTENDED + leaf, check);
	}
	for (u32 i = 0; i < ARRAY_LEN(odd_leaves); i++)
		each_subleaf(odd_leaves[i], check);
}

static void check(const char *who, u32 leaf, u32 subleaf, const u32 got[4],
                  const u32 want[4])
{
	if (!memcmp(got, want, 16))
		return;
	fail_msg("%s, %s, leaf %x.%x: %08x %08x %08x %08x, not %08x %08x %08x "
	         "%08x",
	         dump->name, who, leaf, subleaf, got[0], got[1], got[2], got[3],
	         want[0], want[1], want[2], want[3]);
}

static void check_child(u32 leaf, u32 subleaf)
{
	u32 got[4], want[4];

	cpuid_answer(child, leaf, subleaf, got);
	want_child(leaf, subleaf, want);
	check("child", leaf, subleaf, got, want);
}

static void each_machine(u64 allowed, void (*run)(void))
{
	for (u32 i = 0; i < FAKE_DUMPS; i++) {
		assert_int_equal(guest_start(&(struct fake_options){ 0 }),
		                 HANDOFF_OK);
		become(&fake_dumps[i], allowed);
		run();
		fake_stop();
	}
}

/* With each set of components that XCR0 can have there. */
static void run_child(void)
{
	static const u64 sets[] = { 1, 3, 7, 0xe7, 0x203, 0x207, 0x2e7 };

	for (u32 i = 0; i < ARRAY_LEN(sets); i++) {
		if (components && (sets[i] & ~components))
			continue;
		vp_state_write(child)->xcr0 = components ? sets[i] : 1;
		each_leaf(check_child);
	}
}

static void test_children(void **state)
{
	(void)state;
	each_machine(ALL_CONTROLS, run_child);
	each_machine(0, run_child);
	each_machine(PROC2_INVPCID, run_child);
	each_machine(PROC2_RDTSCP, run_child);
}

/* Bits that mirror the mode: OSXSAVE, OSPKE, SYSCALL. */
static void run_mirrors(void)
{
	struct vp_state *s = vp_state_write(child);
	u32 before[3][4], after[3][4];
	static const u32 leaves[3] = { 1, 7, CPUID_EXTENDED + 1 };

	for (u32 i = 0; i < 3; i++)
		cpuid_answer(child, leaves[i], 0, before[i]);
	s->cr4 = BIT(18) | BIT(22);
	s->efer = BIT(8) | BIT(10);
	s->segment[VP_CS].attributes = 0xa09b;
	for (u32 i = 0; i < 3; i++)
		cpuid_answer(child, leaves[i], 0, after[i]);
	assert_int_equal(before[0][ECX] ^ after[0][ECX],
	                 components ? 1u << 27 : 0);
	if (fake_dumps_last(dump, 0) >= 7)
		assert_int_equal(before[1][ECX] ^ after[1][ECX],
		                 components & XSTATE_PKRU ? 1u << 4 : 0);
	assert_int_equal(before[2][EDX] ^ after[2][EDX], 1u << 11);
	s->segment[VP_CS].attributes = 0xc09b; /* compatibility mode */
	cpuid_answer(child, CPUID_EXTENDED + 1, 0, after[2]);
	assert_int_equal(after[2][EDX], before[2][EDX]);
}

static void test_mirrors(void **state)
{
	(void)state;
	each_machine(ALL_CONTROLS, run_mirrors);
}

/* No bit is set that its own stream would not say is needed elsewhere. */
static void run_stream(void)
{
	const u32 *words = fake.facts.compat.features;
	u32 r[4];

	cpuid_answer(child, 1, 0, r);
	assert_int_equal(r[ECX] & ~BIT(31), words[STREAM_FEATURE_1_ECX]);
	assert_int_equal(r[EDX], words[STREAM_FEATURE_1_EDX]);
	assert_int_equal(fake.facts.compat.signature, r[EAX]);
	cpuid_answer(child, CPUID_EXTENDED + 8, 0, r);
	assert_int_equal(r[EAX] & 0xff, fake.facts.compat.phys_bits);
	assert_int_equal(r[EAX] >> 8, fake.facts.compat.linear_bits);
	if (!components)
		return;
	cpuid_answer(child, 0xd, 0, r);
	assert_int_equal(r[ECX], fake.facts.compat.xsave_size);
}

static void test_the_stream_has_it(void **state)
{
	(void)state;
	each_machine(ALL_CONTROLS, run_stream);
}

/* ---- The root ---- */

/* Of the root everything, less this. */
static const struct hidden {
	u32 leaf, subleaf, reg, bits;
	u64 control; /* with which it is there; 0: never */
	const char *name;
} hidden[] = {
	{ 1, ~0u, ECX, 1u << 5, 0, "VMX" },
	{ 1, ~0u, ECX, 1u << 6, 0, "SMX" },
	{ 7, 0, EBX, 1u << 10, PROC2_INVPCID, "INVPCID" },
	{ 7, 0, EBX, 1u << 25, VMX_MISC_TRACE, "Intel PT" },
	{ 7, 0, ECX, 1u << 5, PROC2_USER_WAIT, "WAITPKG" },
	{ 7, 0, ECX, 1u << 22, PROC2_RDTSCP, "RDPID" },
	{ 7, 0, ECX, 1u << 23, 0, "KL" },
	{ 7, 0, EDX, 1u << 18, 0, "PCONFIG" },
	{ 7, 1, EAX, 1u << 17, 0, "FRED" },
	{ 7, 1, EAX, 1u << 27, 0, "MSRLIST" },
	{ 7, 1, EBX, 1u << 1, 0, "PBNDKB" },
	{ 7, 1, ECX, 1u << 5, 0, "MSR_IMM" },
	{ 7, 1, EDX, 1u << 15, 0, "USER_MSR" },
	{ 0xd, 1, EAX, 1u << 3, PROC2_XSAVES, "XSAVES" },
	{ 0xd, 1, ECX, ~0u, PROC2_XSAVES, "IA32_XSS" },
	{ 0xd, 1, EDX, ~0u, PROC2_XSAVES, "IA32_XSS" },
	{ CPUID_EXTENDED + 1, ~0u, EDX, 1u << 27, PROC2_RDTSCP, "RDTSCP" },
	{ CPUID_EXTENDED + 1, ~0u, EDX, 1u << 11, 0,
	  "SYSCALL, not in 64-bit mode" },
	{ 7, 0, ECX, 1u << 4, 0, "OSPKE, CR4.PKE is 0" },
	{ 1, ~0u, ECX, 1u << 27, 0, "OSXSAVE, CR4.OSXSAVE is 0" },
};

static u32 seen_hidden; /* bits of `hidden` that some processor has */

static void check_root(u32 leaf, u32 subleaf)
{
	u64 has = controls ? controls | VMX_MISC_TRACE : 0;
	u32 got[4], want[4], in = leaf;

	cpuid_answer(fake_root_vp(), leaf, subleaf, got);
	own(leaf, subleaf, want);
	if (!in_range(leaf))
		in = fake_dumps_last(dump, 0);
	for (u32 i = 0; i < ARRAY_LEN(hidden); i++) {
		const struct hidden *h = &hidden[i];

		if (h->leaf != in || (h->control & has) ||
		    (h->subleaf != ~0u && h->subleaf != subleaf))
			continue;
		if (want[h->reg] & h->bits)
			seen_hidden |= 1u << i;
		want[h->reg] &= ~h->bits;
	}
	if (in == 1)
		want[ECX] |= 1u << 31;
	if (in == 0x19 || in == 0x1b || (in == 0x14 && !has))
		memset(want, 0, 16);
	check("root", leaf, subleaf, got, want);
}

static void run_root(void)
{
	vp_state_write(fake_root_vp())->cr4 = 0;
	each_leaf(check_root);
}

static void test_root(void **state)
{
	(void)state;
	each_machine(ALL_CONTROLS, run_root);
	each_machine(0, run_root);
	each_machine(PROC2_XSAVES, run_root);
	/* MSR_IMM, USER_MSR and PBNDKB are newer than these processors. */
	for (u32 i = 0; i < ARRAY_LEN(hidden); i++)
		if (hidden[i].leaf != 7 || hidden[i].subleaf != 1 ||
		    hidden[i].reg == EAX)
			assert_true((seen_hidden >> i & 1) ||
			            hidden[i].bits == ~0u);
}

/* What the firmware has limited (IA32_MISC_ENABLE) the root may give back. */
static void test_a_limited_start(void **state)
{
	u32 got[4], want[4];

	(void)state;
	assert_int_equal(guest_start(&(struct fake_options){ 0 }), HANDOFF_OK);
	become(&fake_dumps[3], ALL_CONTROLS);
	fake.facts.cpuid_max = 3;
	for (u32 leaf = 0; leaf < 0x20; leaf++) {
		cpuid_answer(fake_root_vp(), leaf, 0, got);
		own(leaf, 0, want);
		if (leaf != 1 && leaf != 7)
			check("root", leaf, 0, got, want);
	}
	fake_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_children),
		cmocka_unit_test(test_mirrors),
		cmocka_unit_test(test_the_stream_has_it),
		cmocka_unit_test(test_root),
		cmocka_unit_test(test_a_limited_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
