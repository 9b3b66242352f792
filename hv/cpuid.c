/*
 * CPUID: what each partition sees of the processor.
 *
 * The root sees the processor but for VMX, which is taken. A child sees the
 * feature words of arch_facts, which are also what its stream records: a
 * feature is either in the saved state or hidden.
 */
#include "hv/cpuid.h"

#include "hv/arch.h"
#include "hv/partition.h"
#include "hv/vp.h"

#define CPUID_1_EDX_APIC BIT(9)
#define CPUID_1_ECX_VMX BIT(5)
#define CPUID_1_ECX_XSAVE BIT(26)
#define CPUID_1_ECX_OSXSAVE BIT(27)
#define CPUID_1_ECX_HYPERVISOR BIT(31)
#define CPUID_7_ECX_OSPKE BIT(4)
#define CR4_OSXSAVE BIT(18)
#define CR4_PKE BIT(22)

#define CPUID_MAX_HV HV_CPUID_HARDWARE
#define HARDWARE_MSR_BITMAPS BIT(1)
#define HARDWARE_SLAT BIT(3)
#define NEVER_NOTIFY_SPIN 0xffffffffu

enum { EAX, EBX, ECX, EDX };

static void set(u32 regs[4], u32 eax, u32 ebx, u32 ecx, u32 edx)
{
	regs[EAX] = eax;
	regs[EBX] = ebx;
	regs[ECX] = ecx;
	regs[EDX] = edx;
}

static u32 features_of(u64 privileges)
{
	u32 features = 0;

	if (privileges & HV_PRIVILEGE_ACCESS_FREQUENCY_MSRS)
		features |= HV_FEATURE_FREQUENCY_MSRS;
	if (privileges & HV_PRIVILEGE_ACCESS_SYNTHETIC_TIMER_MSRS)
		features |= HV_FEATURE_DIRECT_TIMERS;
	return features;
}

static void hypervisor_leaf(const struct vp *vp, u32 leaf, u32 regs[4])
{
	u64 privileges = vp->partition->privileges;

	set(regs, 0, 0, 0, 0);
	if (leaf == HV_CPUID_VENDOR_AND_MAX)
		set(regs, CPUID_MAX_HV, HV_CPUID_VENDOR_EBX,
		    HV_CPUID_VENDOR_ECX, HV_CPUID_VENDOR_EDX);
	else if (leaf == HV_CPUID_INTERFACE)
		set(regs, HV_CPUID_INTERFACE_HV1, 0, 0, 0);
	else if (leaf == HV_CPUID_VERSION)
		set(regs, STASIS_BUILD,
		    STASIS_VERSION_MAJOR << 16 | STASIS_VERSION_MINOR, 0, 0);
	else if (leaf == HV_CPUID_FEATURES)
		set(regs, (u32)privileges, (u32)(privileges >> 32), 0,
		    features_of(privileges));
	else if (leaf == HV_CPUID_RECOMMENDATIONS)
		set(regs, 0, NEVER_NOTIFY_SPIN, 0, 0);
	else if (leaf == HV_CPUID_LIMITS)
		set(regs, PARTITION_VPS, 0, 0, 0);
	else if (leaf == HV_CPUID_HARDWARE)
		set(regs, HARDWARE_MSR_BITMAPS | HARDWARE_SLAT, 0, 0, 0);
	else if (leaf == STASIS_CPUID)
		set(regs, STASIS_CPUID, STASIS_CPUID_EBX, STASIS_CPUID_ECX,
		    STASIS_CPUID_EDX);
}

/* Where the feature words of the stream's facts come from. */
static const struct {
	u32 leaf;
	u32 subleaf;
	u32 reg;
	enum stream_feature word;
} feature_words[] = {
	{ 0x1, 0, ECX, STREAM_FEATURE_1_ECX },
	{ 0x1, 0, EDX, STREAM_FEATURE_1_EDX },
	{ 0x7, 0, EBX, STREAM_FEATURE_7_EBX },
	{ 0x7, 0, ECX, STREAM_FEATURE_7_ECX },
	{ 0x7, 0, EDX, STREAM_FEATURE_7_EDX },
	{ 0x7, 1, EAX, STREAM_FEATURE_7_1_EAX },
	{ 0xd, 1, EAX, STREAM_FEATURE_D_1_EAX },
	{ 0x80000001, 0, ECX, STREAM_FEATURE_80000001_ECX },
	{ 0x80000001, 0, EDX, STREAM_FEATURE_80000001_EDX },
	{ 0x80000008, 0, EBX, STREAM_FEATURE_80000008_EBX },
};

/* Leaves of which a child sees nothing: what they describe it does not have. */
static bool hidden_from_child(u32 leaf)
{
	static const u32 hidden[] = {
		0x5, 0x6, 0x9, 0xa, 0xf, 0x10, 0x12, 0x14
	};

	for (u32 i = 0; i < ARRAY_LEN(hidden); i++)
		if (hidden[i] == leaf)
			return true;
	return leaf >= 0x17 && leaf < HV_CPUID_VENDOR_AND_MAX;
}

/* Of the words of leaf 7, those that no feature word covers. */
static void child_features_leaf(u32 subleaf, u32 regs[4])
{
	if (subleaf == 0)
		regs[EAX] = regs[EAX] > 1 ? 1 : regs[EAX];
	else if (subleaf == 1)
		regs[EBX] = regs[ECX] = regs[EDX] = 0;
	else
		set(regs, 0, 0, 0, 0);
}

/* XSAVE sizes and components (leaf 0xd) with only what a child may enable. */
static void child_xsave_leaf(u64 xcr0, u32 subleaf, u32 regs[4])
{
	const struct stream_compat *c = &arch_facts()->compat;
	u32 size = 576;

	if (!arch_facts()->has_xsave) {
		set(regs, 0, 0, 0, 0);
		return;
	}
	for (u32 i = 2; i < 63; i++) {
		u32 sub[4];

		if (!(xcr0 & BIT(i)))
			continue;
		arch_cpuid(0xd, i, sub);
		size = sub[EBX] + sub[EAX] > size ? sub[EBX] + sub[EAX] : size;
	}
	if (subleaf == 0)
		set(regs, (u32)c->xcr0, size, c->xsave_size,
		    (u32)(c->xcr0 >> 32));
	else if (subleaf == 1)
		set(regs, c->features[STREAM_FEATURE_D_1_EAX], size, 0, 0);
	else if (subleaf >= 63 || !(c->xcr0 & BIT(subleaf)))
		set(regs, 0, 0, 0, 0);
}

/* The APIC's feature bit goes when the guest has switched it off. */
static void child_first_leaf(const struct vp *vp, u32 regs[4])
{
	regs[EBX] = (regs[EBX] & 0xffff) | 1u << 16 | vp->index << 24;
	if (lapic_mode(vp) == LAPIC_DISABLED)
		regs[EDX] &= (u32)~CPUID_1_EDX_APIC;
}

/*
 * The APIC timer's clock is the TSC's, and so the core crystal's, as far as
 * ECX can tell it. Above 4.29 GHz only the ratio is told, and leaf 0x16 has
 * the frequency in MHz, from which guests work out the crystal's.
 */
static void child_frequency_leaf(u32 leaf, u32 regs[4])
{
	u64 hz = arch_facts()->tsc_hz;
	bool fits = hz <= 0xffffffff;

	if (leaf == 0x15)
		set(regs, 1, 1, fits ? (u32)hz : 0, 0);
	else
		set(regs, fits ? 0 : (u32)(hz / 1000000), 0, 0, 0);
}

static void child_leaf(struct vp *vp, u32 leaf, u32 subleaf, u32 regs[4])
{
	const struct stream_compat *c = &arch_facts()->compat;

	if (hidden_from_child(leaf)) {
		set(regs, 0, 0, 0, 0);
		return;
	}
	for (u32 i = 0; i < ARRAY_LEN(feature_words); i++)
		if (feature_words[i].leaf == leaf &&
		    feature_words[i].subleaf == subleaf)
			regs[feature_words[i].reg] =
				c->features[feature_words[i].word];
	if (leaf == 0x1)
		child_first_leaf(vp, regs);
	else if (leaf == 0x15 || leaf == 0x16)
		child_frequency_leaf(leaf, regs);
	else if (leaf == 0x7)
		child_features_leaf(subleaf, regs);
	else if (leaf == 0xb) /* one thread a core; the id is the VP's index */
		set(regs, 0, subleaf < 2,
		    subleaf | (subleaf < 2 ? subleaf + 1 : 0) << 8, vp->index);
	else if (leaf == 0xd)
		child_xsave_leaf(vp->state.xcr0, subleaf, regs);
}

void cpuid_answer(struct vp *vp, u32 leaf, u32 subleaf, u32 regs[4])
{
	u64 cr4;

	if (leaf >= HV_CPUID_VENDOR_AND_MAX && leaf <= 0x4fffffff) {
		hypervisor_leaf(vp, leaf, regs);
		return;
	}
	arch_cpuid(leaf, subleaf, regs);
	if (!vp->is_root)
		child_leaf(vp, leaf, subleaf, regs);
	/* Two bits mirror CR4 of the VP that asks. */
	if (leaf == 0x1) {
		cr4 = vp_state_part(vp, VP_PART_PAGING)->cr4;
		regs[ECX] &= (u32) ~(CPUID_1_ECX_VMX | CPUID_1_ECX_OSXSAVE);
		regs[ECX] |= CPUID_1_ECX_HYPERVISOR;
		if ((regs[ECX] & CPUID_1_ECX_XSAVE) && (cr4 & CR4_OSXSAVE))
			regs[ECX] |= CPUID_1_ECX_OSXSAVE;
	} else if (leaf == 0x7 && subleaf == 0) {
		cr4 = vp_state_part(vp, VP_PART_PAGING)->cr4;
		regs[ECX] &= (u32)~CPUID_7_ECX_OSPKE;
		if (cr4 & CR4_PKE)
			regs[ECX] |= CPUID_7_ECX_OSPKE;
	}
}
