/*
 * Feature checks before the launch, and the control words of the two kinds of
 * VMCS: what we require, what we like to have, what the processor allows.
 */
#include "arch/x86_64/features.h"

#include "arch/x86_64/msr.h"
#include "arch/x86_64/regs.h"
#include "arch/x86_64/vmx.h"
#include "hv/arch.h"

/* What virtualizes the local APIC of a child in x2APIC mode, all or none. */
#define PROC2_APICV (PROC2_X2APIC | PROC2_APIC_REGISTERS | PROC2_INTERRUPTS)

static struct features found;

const struct features *features(void)
{
	return &found;
}

/*
 * Required of both kinds, or of children alone; wanted: taken if it is there.
 * Some of these are switched on and off at run time.
 */
static const struct control_row {
	u32 msr;
	u64 required;
	u64 child_required;
	u64 root_wanted;
	u64 child_wanted;
} control_rows[CONTROLS] = {
	[CONTROL_PIN] = {
		.msr = MSR_IA32_VMX_TRUE_PINBASED_CTLS,
		.child_required = PIN_EXTERNAL_INTERRUPT | PIN_NMI | PIN_TIMER,
		.child_wanted = PIN_VIRTUAL_NMI,
	},
	[CONTROL_PROC] = {
		.msr = MSR_IA32_VMX_TRUE_PROCBASED_CTLS,
		.required = PROC_MSR_BITMAPS | PROC_SECONDARY,
		.child_required = PROC_TSC_OFFSET | PROC_HLT | PROC_MWAIT |
				  PROC_RDPMC | PROC_CR8_LOAD | PROC_CR8_STORE |
				  PROC_IO | PROC_MONITOR |
				  PROC_INTERRUPT_WINDOW,
		.child_wanted = PROC_NMI_WINDOW | PROC_TPR_SHADOW,
	},
	[CONTROL_PROC2] = {
		.msr = MSR_IA32_VMX_PROCBASED_CTLS2,
		.required = PROC2_EPT | PROC2_UNRESTRICTED,
		.root_wanted = PROC2_VPID | PROC2_RDTSCP | PROC2_INVPCID |
			       PROC2_XSAVES | PROC2_USER_WAIT,
		.child_wanted = PROC2_VPID | PROC2_RDTSCP | PROC2_INVPCID |
				PROC2_APICV,
	},
	[CONTROL_EXIT] = {
		.msr = MSR_IA32_VMX_TRUE_EXIT_CTLS,
		.required = EXIT_CTL_HOST_64 | EXIT_CTL_SAVE_DEBUG |
			    EXIT_CTL_SAVE_PAT | EXIT_CTL_LOAD_PAT |
			    EXIT_CTL_SAVE_EFER | EXIT_CTL_LOAD_EFER,
	},
	[CONTROL_ENTRY] = {
		.msr = MSR_IA32_VMX_TRUE_ENTRY_CTLS,
		.required = ENTRY_CTL_LOAD_DEBUG | ENTRY_CTL_IA32E |
			    ENTRY_CTL_LOAD_PAT | ENTRY_CTL_LOAD_EFER,
	},
};

/* A refusal's detail: the MSR's number, and below it the missing bits. */
static enum handoff_result missing(struct handoff *h, u32 msr, u64 bits)
{
	h->detail = (u64)msr << 32 | (u32)bits;
	return HANDOFF_MISSING_CONTROL;
}

/* Decided here, once; switched on for a VP while it is in x2APIC mode. */
static void choose_apicv(void)
{
	u32 *c = found.child;

	found.has_apicv = (c[CONTROL_PROC] & PROC_TPR_SHADOW) &&
	                  (c[CONTROL_PROC2] & PROC2_APICV) == PROC2_APICV;
	c[CONTROL_PROC] &= ~(u32)PROC_TPR_SHADOW;
	c[CONTROL_PROC2] &= ~(u32)PROC2_APICV;
}

static enum handoff_result negotiate_controls(struct handoff *h)
{
	for (u32 i = 0; i < CONTROLS; i++) {
		const struct control_row *row = &control_rows[i];
		u64 capability = msr_read(row->msr);
		u64 ones = (u32)capability, allowed = capability >> 32;
		u64 child = row->required | row->child_required;

		if (child & ~allowed)
			return missing(h, row->msr, child & ~allowed);
		found.root[i] = (u32)(ones | row->required |
		                      (row->root_wanted & allowed));
		found.child[i] =
			(u32)(ones | child | (row->child_wanted & allowed));
	}
	choose_apicv();
	/* A tag that cannot be flushed is worse than none. */
	if (!(found.ept_vpid & VPID_CAP_INVVPID) ||
	    !(found.ept_vpid & (VPID_CAP_SINGLE | VPID_CAP_ALL))) {
		found.root[CONTROL_PROC2] &= ~(u32)PROC2_VPID;
		found.child[CONTROL_PROC2] &= ~(u32)PROC2_VPID;
	}
	return HANDOFF_OK;
}

/* The capability MSRs of what a model lacks fault: bits first, then MSRs. */
static enum handoff_result check_ept(void)
{
	const u64 needed = EPT_CAP_WALK_4 | EPT_CAP_WB | EPT_CAP_2M |
	                   EPT_CAP_INVEPT;
	u64 proc2;

	if (!(msr_read(MSR_IA32_VMX_PROCBASED_CTLS) >> 32 & PROC_SECONDARY))
		return HANDOFF_NO_EPT;
	proc2 = msr_read(MSR_IA32_VMX_PROCBASED_CTLS2) >> 32;
	if (!(proc2 & PROC2_EPT))
		return HANDOFF_NO_EPT;
	found.ept_vpid = msr_read(MSR_IA32_VMX_EPT_VPID_CAP);
	if ((found.ept_vpid & needed) != needed ||
	    !(found.ept_vpid & (EPT_CAP_INVEPT_SINGLE | EPT_CAP_INVEPT_ALL)))
		return HANDOFF_NO_EPT;
	if (!(proc2 & PROC2_UNRESTRICTED))
		return HANDOFF_NO_UNRESTRICTED;
	return HANDOFF_OK;
}

static enum handoff_result check_vmx(struct handoff *h)
{
	u64 control = msr_read(MSR_IA32_FEATURE_CONTROL);
	u64 basic, misc;

	if ((control & FEATURE_CONTROL_LOCK) &&
	    !(control & FEATURE_CONTROL_VMX))
		return HANDOFF_LOCKED_OFF;
	if (cr4_read() & CR4_VMXE)
		return HANDOFF_RUNNING;
	basic = msr_read(MSR_IA32_VMX_BASIC);
	if (!(basic & VMX_BASIC_TRUE_CONTROLS))
		return missing(h, MSR_IA32_VMX_BASIC, 0);
	found.revision = (u32)(basic & VMX_BASIC_REVISION);
	misc = msr_read(MSR_IA32_VMX_MISC);
	found.timer_rate = (u32)(misc & VMX_MISC_TIMER_RATE);
	found.has_hlt_state = misc & VMX_MISC_HLT_STATE;
	/* Unrestricted guests may leave protected mode and paging. */
	found.cr0_fixed = msr_read(MSR_IA32_VMX_CR0_FIXED0) &
	                  ~(CR0_PE | CR0_PG);
	found.cr4_fixed = msr_read(MSR_IA32_VMX_CR4_FIXED0);
	return HANDOFF_OK;
}

/* Bits of a CPUID answer that the hypervisor's own CR4 depends on. */
static void choose_host_registers(const u32 leaf1[4], const u32 leaf7[4],
                                  const u32 leaf_d1[4])
{
	found.has_xsave = leaf1[2] & BIT(26);
	found.has_xsaves = found.has_xsave && (leaf_d1[0] & BIT(3));
	found.host_cr0 = found.cr0_fixed | CR0_PE | CR0_MP | CR0_ET | CR0_NE |
	                 CR0_WP | CR0_PG;
	found.host_cr4 = found.cr4_fixed | CR4_VMXE | CR4_PAE | CR4_MCE |
	                 CR4_OSFXSR | CR4_OSXMMEXCPT;
	if (found.has_xsave)
		found.host_cr4 |= CR4_OSXSAVE;
	if (leaf7[1] & BIT(7))
		found.host_cr4 |= CR4_SMEP;
	if (leaf7[2] & BIT(2))
		found.host_cr4 |= CR4_UMIP;
}

enum handoff_result features_check(struct handoff *h)
{
	u32 leaf1[4], leaf7[4] = { 0 }, leaf_d1[4] = { 0 }, max[4];
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
	if (!(leaf1[2] & BIT(5)))
		return HANDOFF_NO_VTX;
	/* Our page tables have four levels, and paging cannot be left. */
	if (cr4_read() & CR4_LA57)
		return missing(h, MSR_IA32_VMX_CR4_FIXED0, CR4_LA57);
	result = check_vmx(h);
	if (result == HANDOFF_OK)
		result = check_ept();
	if (result == HANDOFF_OK)
		result = negotiate_controls(h);
	choose_host_registers(leaf1, leaf7, leaf_d1);
	return result;
}
