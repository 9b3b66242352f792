/*
 * Reads what the processor offers, lets controls.c check it before the launch,
 * and keeps what follows: the control words of the two kinds of VMCS, and more.
 */
#include "arch/x86_64/vmx/features.h"

#include "arch/x86_64/common/barriers.h"
#include "arch/x86_64/common/entry_rules.h"
#include "arch/x86_64/common/msr.h"
#include "arch/x86_64/common/regs.h"
#include "arch/x86_64/common/vendor.h"
#include "arch/x86_64/vmx/allowed.h"
#include "arch/x86_64/vmx/bitmaps.h"
#include "arch/x86_64/vmx/hypercall_code.h"
#include "arch/x86_64/vmx/leaks.h"
#include "arch/x86_64/vmx/mtrr.h"
#include "arch/x86_64/vmx/vmx.h"
#include "hv/arch.h"

#define CPUID_7_EDX_ARCH_CAPABILITIES BIT(29)

static struct features found;
static struct handoff_findings findings;
static u32 must_be_1[CONTROLS]; /* the "allowed 0-settings" */

const struct features *features(void)
{
	return &found;
}

/* Capability MSRs that are not announced fault: bits first, then MSRs. */
static u64 read_control(enum vmx_control word, u64 basic)
{
	u32 msr = controls_msr(word);

	if (word != CONTROL_PROC2 && !(basic & VMX_BASIC_TRUE_CONTROLS))
		msr -= MSR_VMX_TRUE_CONTROLS;
	return msr_read(msr);
}

static void read_offer(struct vmx_offer *offer)
{
	u64 basic = msr_read(MSR_IA32_VMX_BASIC), capability;

	offer->words[CONTROL_BASIC] = basic;
	for (u32 i = 0; i < CONTROLS; i++) {
		if (i == CONTROL_PROC2 &&
		    !(offer->words[CONTROL_PROC] & PROC_SECONDARY))
			continue;
		capability = read_control((enum vmx_control)i, basic);
		offer->words[i] = capability >> 32;
		must_be_1[i] = (u32)capability;
	}
	if (offer->words[CONTROL_PROC2] & (PROC2_EPT | PROC2_VPID))
		offer->words[CONTROL_EPT_VPID] =
			msr_read(MSR_IA32_VMX_EPT_VPID_CAP);
	offer->feature_control = msr_read(MSR_IA32_FEATURE_CONTROL);
}

/*
 * What a processor demands comes on top of what we choose: a bit that must be 1 and
 * that we do not know makes an exit without a handler, and no failed entry.
 */
static void choose_controls(const struct vmx_offer *offer)
{
	found.misc = msr_read(MSR_IA32_VMX_MISC);
	for (u32 i = 0; i < CONTROLS; i++) {
		enum vmx_control word = (enum vmx_control)i;

		found.root[i] = must_be_1[i] | controls_of(offer, word, false);
		found.child[i] = must_be_1[i] | controls_of(offer, word, true);
	}
	found.has_apicv = controls_has_apicv(offer);
	found.has_tsc_scaling = offer->words[CONTROL_PROC2] & PROC2_TSC_SCALING;
	found.ept_vpid = offer->words[CONTROL_EPT_VPID];
	found.revision =
		(u32)(offer->words[CONTROL_BASIC] & VMX_BASIC_REVISION);
	found.timer_rate = (u32)(found.misc & VMX_MISC_TIMER_RATE);
	found.has_hlt_state = found.misc & VMX_MISC_HLT_STATE;
	/* Unrestricted guests may leave protected mode and paging. */
	found.cr0_fixed = msr_read(MSR_IA32_VMX_CR0_FIXED0) &
	                  ~(CR0_PE | CR0_PG);
	found.cr4_fixed = msr_read(MSR_IA32_VMX_CR4_FIXED0);
}

/*
 * Alone the root takes its NMIs itself. Where another processor may kick this one they exit,
 * also while it handles one of its own.
 */
static void let_kicks_through(void)
{
	found.root[CONTROL_PIN] |= PIN_NMI | PIN_VIRTUAL_NMI;
}

/* Bits of a CPUID answer that the hypervisor's own CR4 depends on. */
static void choose_host_registers(const u32 leaf1[4], const u32 leaf7[4],
                                  const u32 leaf_d1[4])
{
	found.has_xsave = leaf1[2] & BIT(26);
	found.has_xsaves = found.has_xsave && (leaf_d1[0] & BIT(3));
	found.host_cr0 = found.cr0_fixed | CR0_PE | CR0_MP | CR0_ET | CR0_NE |
	                 CR0_WP | CR0_PG;
	/* CR4.MCE, as a machine check without it is a shutdown of the machine. */
	found.host_cr4 = found.cr4_fixed | CR4_VMXE | CR4_PAE | CR4_MCE |
	                 CR4_OSFXSR | CR4_OSXMMEXCPT;
	if (found.has_xsave)
		found.host_cr4 |= CR4_OSXSAVE;
	/* SMEP: nothing that a guest maps as its user's is ever executed by us. */
	if (leaf7[1] & BIT(7))
		found.host_cr4 |= CR4_SMEP;
	if (leaf7[2] & BIT(2))
		found.host_cr4 |= CR4_UMIP;
}

/* The MSR is only there where CPUID says so; without it nothing is excused. */
static u32 find_barriers(u32 leaf_7_edx)
{
	u64 capabilities = 0;

	if (leaf_7_edx & CPUID_7_EDX_ARCH_CAPABILITIES)
		capabilities = msr_read(MSR_IA32_ARCH_CAPABILITIES);
	return leaks_barriers(leaf_7_edx, capabilities);
}

enum handoff_result vendor_find(struct handoff *h)
{
	u32 leaf1[4], leaf7[4] = { 0 }, leaf_d1[4] = { 0 }, max[4];
	struct vmx_offer offer = { .cr4 = cr4_read(),
		                   .others = h->processors > 1 };
	enum handoff_result result;

	if (h->magic != HANDOFF_MAGIC || h->size != sizeof(*h) ||
	    h->range_count > HANDOFF_RANGES)
		return HANDOFF_BAD_HANDOFF;
	arch_cpuid(0, 0, max);
	arch_cpuid(1, 0, leaf1);
	if (max[0] >= 7)
		arch_cpuid(7, 0, leaf7);
	if (max[0] >= 0xd)
		arch_cpuid(0xd, 1, leaf_d1);
	/* A hypervisor below may hide it: then none of the MSRs is there. */
	offer.has_vmx = leaf1[2] & BIT(5);
	if (offer.has_vmx)
		read_offer(&offer);
	result = controls_check(&offer, &findings);
	h->findings = (u64)&findings;
	if (!h->no_barriers)
		findings.barriers = find_barriers(leaf7[3]);
	/* The rest reads MSRs that a processor without VT-x does not have. */
	if (result != HANDOFF_OK)
		return result;
	choose_controls(&offer);
	if (h->processors > 1)
		let_kicks_through();
	choose_host_registers(leaf1, leaf7, leaf_d1);
	barriers_init(findings.barriers);
	mtrr_init();
	bitmaps_init();
	return HANDOFF_OK;
}

/* Fixed bits that are clear would make VMXON a #GP (SDM 23.8). */
struct vendor_registers vendor_registers(void)
{
	return (struct vendor_registers){ found.host_cr0, found.host_cr4 };
}

/* ---- What guests see of it ---- */

struct vendor_features vendor_features(void)
{
	return (struct vendor_features){
		allowed_root(found.root[CONTROL_PROC2], found.misc),
		allowed_child(found.child[CONTROL_PROC2]),
	};
}

void vendor_limit(struct arch_facts *facts)
{
	facts->compat.cpu_vendor = STREAM_VENDOR_INTEL;
	/* Bits that are clear there fault in VMX operation, whatever CPUID says. */
	facts->cr4_allowed &= msr_read(MSR_IA32_VMX_CR4_FIXED1);
	/* Of these LBR may be written, and is not kept (state.c). */
	facts->debugctl_allowed = DEBUGCTL_LBR | DEBUGCTL_BTF;
	facts->has_tsc_scaling = found.has_tsc_scaling;
	/* On a processor each does (SDM 25.2). But on Bochs 2.7 a guest with IF = 0 has no
	 * such exit, and nothing that a processor says of itself tells that apart. */
	facts->interrupts_may_wait = true;
}

/* As on a processor where the firmware has locked VMX off. */
const struct vendor_msr *vendor_msrs(u32 *count)
{
	static const struct vendor_msr rows[] = {
		{ MSR_IA32_FEATURE_CONTROL, MSR_IA32_FEATURE_CONTROL, true,
		  FEATURE_CONTROL_LOCK },
		{ MSR_IA32_VMX_BASIC, MSR_IA32_VMX_EXIT_CTLS2, false, 0 },
	};

	*count = ARRAY_LEN(rows);
	return rows;
}

const struct vp_rule *vendor_rules(u32 *count)
{
	return entry_rules(count, ENTRY_OF_VTX);
}

const void *vendor_hypercall_page(void)
{
	return vmx_hypercall_code;
}
