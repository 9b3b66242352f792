/*
 * Reads what the processor offers, lets offer.c check it before the launch, and keeps
 * what follows.
 */
#include "arch/x86_64/svm/features.h"

#include "arch/x86_64/common/barriers.h"
#include "arch/x86_64/common/entry_rules.h"
#include "arch/x86_64/common/msr.h"
#include "arch/x86_64/common/regs.h"
#include "arch/x86_64/common/vendor.h"
#include "arch/x86_64/svm/hypercall_code.h"
#include "arch/x86_64/svm/maps.h"
#include "arch/x86_64/svm/offer.h"
#include "arch/x86_64/svm/svm.h"
#include "hv/base/tsc.h"

#define CPUID_80000008_EBX_POINTERS (1u << 2) /* FXRSTOR, XRSTOR: always */
#define CPUID_80000008_EBX_IBPB (1u << 12)

static struct features found;
static struct handoff_findings findings;

const struct features *features(void)
{
	return &found;
}

/* All zero where the processor has no such leaf. */
static void read_leaf(u32 leaf, u32 regs[4])
{
	u32 max[4];

	arch_cpuid(leaf & CPUID_EXTENDED, 0, max);
	__builtin_memset(regs, 0, 4 * sizeof(u32));
	if (leaf <= max[EAX])
		arch_cpuid(leaf, 0, regs);
}

static void read_offer(struct svm_offer *offer)
{
	u32 regs[4];

	offer->cr4 = cr4_read();
	read_leaf(CPUID_EXTENDED + 1, regs);
	offer->has_svm = regs[ECX] & CPUID_80000001_ECX_SVM;
	/* VM_CR is there with SVM alone: to read it would be a #GP. */
	if (!offer->has_svm)
		return;
	read_leaf(1, regs);
	offer->has_crc32 = regs[ECX] & CPUID_1_ECX_SSE42;
	read_leaf(CPUID_SVM, regs);
	offer->asids = regs[EBX];
	offer->features = regs[EDX];
	offer->efer = msr_read(MSR_IA32_EFER);
	offer->vm_cr = msr_read(MSR_VM_CR);
}

static void choose(const struct svm_offer *offer)
{
	u32 leaf1[4], leaf7[4], regs[4];

	read_leaf(1, leaf1);
	read_leaf(7, leaf7);
	read_leaf(CPUID_EXTENDED + 1, regs);
	found.has_lbr = offer->features & SVM_FEATURE_LBR;
	found.has_nrip = offer->features & SVM_FEATURE_NRIP;
	found.has_tsc_ratio = offer->features & SVM_FEATURE_TSC_RATE;
	found.has_flush_asid = offer->features & SVM_FEATURE_FLUSH_ASID;
	found.asids = offer->asids;
	found.has_gigabyte_pages = regs[EDX] & BIT(26);
	found.has_xsave = leaf1[ECX] & CPUID_1_ECX_XSAVE;
	found.host_cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
	/* MCE: without it a machine check in the hypervisor is a shutdown. */
	found.host_cr4 = CR4_PAE | CR4_MCE | CR4_OSFXSR | CR4_OSXMMEXCPT;
	if (found.has_xsave)
		found.host_cr4 |= CR4_OSXSAVE;
	if (leaf7[EBX] & BIT(7))
		found.host_cr4 |= CR4_SMEP;
	if (leaf7[ECX] & BIT(2))
		found.host_cr4 |= CR4_UMIP;
}

/*
 * AMD's processors leak by their predictors alone: what the flush of the first-level
 * cache and VERW are against they do not have.
 */
static u32 find_barriers(void)
{
	u32 barriers = HANDOFF_BARRIER_RETURNS, regs[4];

	read_leaf(CPUID_EXTENDED + 8, regs);
	if (regs[EBX] & CPUID_80000008_EBX_IBPB)
		barriers |= HANDOFF_BARRIER_BRANCHES;
	return barriers;
}

enum handoff_result vendor_find(struct handoff *h)
{
	struct svm_offer offer = { 0 };
	enum handoff_result result;

	if (h->magic != HANDOFF_MAGIC || h->size != sizeof(*h) ||
	    h->range_count > HANDOFF_RANGES)
		return HANDOFF_BAD_HANDOFF;
	read_offer(&offer);
	result = offer_check(&offer, &findings);
	/* For a refusal as well: boot prints what was found. */
	h->findings = (u64)&findings;
	if (!h->no_barriers)
		findings.barriers = find_barriers();
	if (result != HANDOFF_OK)
		return result;
	choose(&offer);
	barriers_init(findings.barriers);
	maps_init();
	return HANDOFF_OK;
}

struct vendor_registers vendor_registers(void)
{
	return (struct vendor_registers){ found.host_cr0, found.host_cr4 };
}

/* ---- What guests see of it ---- */

/* No guest is refused an instruction that the processor has. */
struct vendor_features vendor_features(void)
{
	return (struct vendor_features){
		ARCH_ROOT_RDTSCP | ARCH_ROOT_INVPCID | ARCH_ROOT_XSAVES |
			ARCH_ROOT_USER_WAIT,
		ARCH_ROOT_RDTSCP | ARCH_ROOT_INVPCID,
	};
}

/*
 * As with VT-x a child may write LBR, and reads it clear. Without LBR virtualization (15.23)
 * BTF is kept for it, and does nothing (state.c).
 */
void vendor_limit(struct arch_facts *facts)
{
	u32 regs[4];

	read_leaf(CPUID_EXTENDED + 8, regs);
	facts->x87_pointers_stay = !(regs[EBX] & CPUID_80000008_EBX_POINTERS);
	facts->compat.cpu_vendor = STREAM_VENDOR_AMD;
	facts->any_rip = true;
	/* INTR exits, and V_INTR_MASKING keeps the child's IF out of it (15.21.1). */
	facts->interrupts_may_wait = false;
	facts->debugctl_allowed = DEBUGCTL_LBR | DEBUGCTL_BTF;
	facts->has_tsc_scaling = found.has_tsc_ratio;
	facts->tsc_ratio_less_behind = TSC_RATIO_BITS - SVM_RATIO_BITS;
	facts->tsc_ratio_less_before = 64 - TSC_RATIO_BITS - SVM_RATIO_BEFORE;
}

/* As on a processor where the firmware has locked SVM off (15.31). */
const struct vendor_msr *vendor_msrs(u32 *count)
{
	static const struct vendor_msr rows[] = {
		{ MSR_TSC_RATIO, MSR_TSC_RATIO, false, 0 },
		{ MSR_VM_CR, MSR_VM_CR, true, VM_CR_LOCK | VM_CR_SVMDIS },
		{ MSR_VM_IGNNE, MSR_VM_HSAVE_PA, false, 0 },
	};

	*count = ARRAY_LEN(rows);
	return rows;
}

const struct vp_rule *vendor_rules(u32 *count)
{
	return entry_rules(count, ENTRY_OF_SVM);
}

const void *vendor_hypercall_page(void)
{
	return svm_hypercall_code;
}
