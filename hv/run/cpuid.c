/*
 * CPUID: the hypervisor's own leaves, and the bits that mirror the mode of the VP
 * that asks. What else a partition sees of the processor is in cpuid_root.c and
 * cpuid_child.c.
 */
#include "hv/run/cpuid.h"

#include "hv/arch.h"
#include "hv/run/cpuid_leaf.h"
#include "hv/vp/partition.h"
#include "hv/vp/vp.h"

#define LEAF_HV_LAST 0x4fffffffu

#define CPUID_MAX_HV HV_CPUID_HARDWARE
#define HARDWARE_MSR_BITMAPS BIT(1)
#define HARDWARE_SLAT BIT(3)

/*
 * No call is recommended, as there is none for it here, and a guest that spins needs not
 * tell us. The root's APIC is the processor's, which has no AutoEOI: an interrupt without an
 * EOI stays in service, and keeps all others out.
 */
#define NEVER_NOTIFY_SPIN 0xffffffffu
#define ROOT_RECOMMENDATIONS \
	(HV_RECOMMEND_RELAXED_TIMING | HV_RECOMMEND_NO_AUTO_EOI)

static void set(u32 regs[4], u32 eax, u32 ebx, u32 ecx, u32 edx)
{
	regs[EAX] = eax;
	regs[EBX] = ebx;
	regs[ECX] = ecx;
	regs[EDX] = edx;
}

/* EDX of the leaf of privileges: what a partition has by them, and must be told. */
static const struct {
	u64 privilege;
	u32 feature;
} feature_rows[] = {
	{ HV_PRIVILEGE_ACCESS_FREQUENCY_MSRS, HV_FEATURE_FREQUENCY_MSRS },
	{ HV_PRIVILEGE_ACCESS_SYNTHETIC_TIMER_MSRS, HV_FEATURE_DIRECT_TIMERS },
};

static u32 features_of(u64 privileges)
{
	u32 features = 0;

	for (u32 i = 0; i < ARRAY_LEN(feature_rows); i++)
		if (privileges & feature_rows[i].privilege)
			features |= feature_rows[i].feature;
	return features;
}

/*
 * The root is not told that it may ask for its id. No guest of Hyper-V may, and a Linux
 * up to 6.14 that is told asks, but has no page for the answer: it ends there.
 */
static u64 told_privileges(const struct vp *vp)
{
	u64 untold = vp->is_root ? HV_PRIVILEGE_ACCESS_PARTITION_ID : 0;

	return vp->partition->privileges & ~untold;
}

/* Other leaves of the range are 0: one that says nothing promises nothing. */
static void hypervisor_leaf(const struct vp *vp, u32 leaf, u32 regs[4])
{
	u64 privileges = told_privileges(vp);

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
		set(regs, vp->is_root ? ROOT_RECOMMENDATIONS : 0,
		    NEVER_NOTIFY_SPIN, 0, 0);
	/* VPs of a partition. 0 of the logical processors: not told. */
	else if (leaf == HV_CPUID_LIMITS)
		set(regs, PARTITION_VPS, 0, 0, 0);
	/* What is in use here whatever the processor: both are required. */
	else if (leaf == HV_CPUID_HARDWARE)
		set(regs, HARDWARE_MSR_BITMAPS | HARDWARE_SLAT, 0, 0, 0);
	/* By this we, and boot, know ourselves (tlfs.h). */
	else if (leaf == STASIS_CPUID)
		set(regs, STASIS_CPUID, STASIS_CPUID_EBX, STASIS_CPUID_ECX,
		    STASIS_CPUID_EDX);
}

/* ---- What mirrors the mode of the VP that asks (SDM, CPUID) ---- */

static bool has_osxsave(struct vp *vp)
{
	return vp_state_part(vp, VP_PART_PAGING)->cr4 & CR4_OSXSAVE;
}

static bool has_ospke(struct vp *vp)
{
	return vp_state_part(vp, VP_PART_PAGING)->cr4 & CR4_PKE;
}

/*
 * SYSCALL is an instruction of 64-bit code on Intel's processors, and its bit
 * shows that (SDM, CPUID 80000001H).
 */
static bool in_64_bit_mode(struct vp *vp)
{
	return vp_state_is_64(vp_state_part(vp, VP_PART_CORE));
}

/* A bit is there if `with` is and the VP is so. */
static const struct mirror_row {
	u32 leaf;
	bool any_subleaf;
	u32 reg;
	u32 bit;
	u32 with;
	bool (*is_so)(struct vp *vp);
} mirror_rows[] = {
	{ 0x1, true, ECX, CPUID_1_ECX_OSXSAVE, CPUID_1_ECX_XSAVE, has_osxsave },
	{ 0x7, false, ECX, CPUID_7_ECX_OSPKE, CPUID_7_ECX_PKU, has_ospke },
	{ 0x80000001, true, EDX, CPUID_80000001_EDX_SYSCALL,
	  CPUID_80000001_EDX_SYSCALL, in_64_bit_mode },
};

static void mirror(struct vp *vp, u32 leaf, u32 subleaf, u32 regs[4])
{
	for (u32 i = 0; i < ARRAY_LEN(mirror_rows); i++) {
		const struct mirror_row *row = &mirror_rows[i];
		u32 *word = &regs[row->reg];
		bool is;

		if (row->leaf != leaf || (subleaf && !row->any_subleaf))
			continue;
		/* The processor answered for the mode in which we are, so its
		 * bit goes whatever it was. */
		is = (*word & row->with) && row->is_so(vp);
		*word &= ~row->bit;
		*word |= is ? row->bit : 0;
	}
}

void cpuid_answer(struct vp *vp, u32 leaf, u32 subleaf, u32 regs[4])
{
	/* Before the processor is asked: below another hypervisor these leaves
	 * are its own, which no partition is to see. */
	if (leaf >= HV_CPUID_VENDOR_AND_MAX && leaf <= LEAF_HV_LAST) {
		hypervisor_leaf(vp, leaf, regs);
		return;
	}
	if (vp->is_root) {
		leaf = cpuid_root_leaf(leaf);
		cpuid_root_answer(leaf, subleaf, regs);
	} else {
		leaf = cpuid_child_leaf(leaf);
		cpuid_child_answer(vp, leaf, subleaf, regs);
	}
	/* For the root as well, or its programs would not look for us. */
	if (leaf == 0x1)
		regs[ECX] |= CPUID_1_ECX_HYPERVISOR;
	/* By the leaf that was answered: beyond the last one it is another. */
	mirror(vp, leaf, subleaf, regs);
}
