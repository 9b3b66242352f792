/*
 * The one table of VMX capabilities: what we require, what we like to have.
 */
#include "arch/x86_64/vmx/controls.h"

#include "arch/x86_64/common/msr.h"
#include "arch/x86_64/common/regs.h"
#include "arch/x86_64/vmx/vmx.h"

/* Who needs it. Wanted: taken if it is there. */
#define ROOT_NEEDS 1u
#define CHILD_NEEDS 2u
#define BOTH_NEED (ROOT_NEEDS | CHILD_NEEDS)
#define ROOT_WANTS 4u
#define CHILD_WANTS 8u
#define OTHERS_NEED \
	128u /* where there are other processors, which kick by NMI */
#define BOTH_WANT (ROOT_WANTS | CHILD_WANTS)

/*
 * Used all or none: what virtualizes the local APIC of a child in x2APIC mode;
 * and VPIDs, as a tag that cannot be flushed is worse than none.
 */
#define GROUP_APICV 16u
#define GROUP_VPID 32u
#define GROUPS (GROUP_APICV | GROUP_VPID)

/* Not in the control words: switched on for the VPs that need it. */
#define SOMETIMES 64u

static const struct {
	u32 msr;
	const char *name;
} words[CONTROL_WORDS] = {
	[CONTROL_PIN] = { MSR_IA32_VMX_TRUE_PINBASED_CTLS,
	                  "IA32_VMX_TRUE_PINBASED_CTLS" },
	[CONTROL_PROC] = { MSR_IA32_VMX_TRUE_PROCBASED_CTLS,
	                   "IA32_VMX_TRUE_PROCBASED_CTLS" },
	[CONTROL_PROC2] = { MSR_IA32_VMX_PROCBASED_CTLS2,
	                    "IA32_VMX_PROCBASED_CTLS2" },
	[CONTROL_EXIT] = { MSR_IA32_VMX_TRUE_EXIT_CTLS,
	                   "IA32_VMX_TRUE_EXIT_CTLS" },
	[CONTROL_ENTRY] = { MSR_IA32_VMX_TRUE_ENTRY_CTLS,
	                    "IA32_VMX_TRUE_ENTRY_CTLS" },
	[CONTROL_EPT_VPID] = { MSR_IA32_VMX_EPT_VPID_CAP,
	                       "IA32_VMX_EPT_VPID_CAP" },
	[CONTROL_BASIC] = { MSR_IA32_VMX_BASIC, "IA32_VMX_BASIC" },
};

/* In the order in which they are looked at: what comes first is refused by. */
static const struct row {
	enum vmx_control word;
	u64 bits; /* any of them will do */
	u32 use;
	const char *name; /* SDM 24.6 to 24.8, appendix A */
} rows[] = {
	/* What has a reason of its own comes first: it says more than a control. */
	{ CONTROL_BASIC, VMX_BASIC_TRUE_CONTROLS, BOTH_NEED,
	  "TRUE capability MSRs" },
	{ CONTROL_PROC, PROC_SECONDARY, BOTH_NEED,
	  "activate secondary controls" },
	{ CONTROL_PROC2, PROC2_EPT, BOTH_NEED, "enable EPT" },
	{ CONTROL_EPT_VPID, EPT_CAP_WALK_4, BOTH_NEED,
	  "EPT page-walk length of 4" },
	{ CONTROL_EPT_VPID, EPT_CAP_WB, BOTH_NEED,
	  "EPT structures, write-back" },
	{ CONTROL_EPT_VPID, EPT_CAP_2M, BOTH_NEED, "EPT 2-MByte pages" },
	{ CONTROL_EPT_VPID, EPT_CAP_1G, BOTH_WANT, "EPT 1-GByte pages" },
	{ CONTROL_EPT_VPID, EPT_CAP_INVEPT, BOTH_NEED, "INVEPT" },
	{ CONTROL_EPT_VPID, EPT_CAP_INVEPT_SINGLE | EPT_CAP_INVEPT_ALL,
	  BOTH_NEED, "INVEPT, one or all contexts" },
	{ CONTROL_PROC2, PROC2_UNRESTRICTED, BOTH_NEED, "unrestricted guest" },

	/* What gets the processor back from a child that computes. */
	{ CONTROL_PIN, PIN_EXTERNAL_INTERRUPT, CHILD_NEEDS,
	  "external-interrupt exiting" },
	{ CONTROL_PIN, PIN_NMI, CHILD_NEEDS, "NMI exiting" },
	{ CONTROL_PIN, PIN_VIRTUAL_NMI, CHILD_WANTS | OTHERS_NEED,
	  "virtual NMIs" },
	{ CONTROL_PIN, PIN_TIMER, CHILD_NEEDS,
	  "activate VMX-preemption timer" },

	/* What a child does that is not its own to do. */
	{ CONTROL_PROC, PROC_INTERRUPT_WINDOW, CHILD_NEEDS,
	  "interrupt-window exiting" },
	{ CONTROL_PROC, PROC_TSC_OFFSET, BOTH_NEED, "use TSC offsetting" },
	{ CONTROL_PROC, PROC_HLT, CHILD_NEEDS, "HLT exiting" },
	{ CONTROL_PROC, PROC_MWAIT, CHILD_NEEDS, "MWAIT exiting" },
	{ CONTROL_PROC, PROC_RDPMC, CHILD_NEEDS, "RDPMC exiting" },
	{ CONTROL_PROC, PROC_CR8_LOAD, CHILD_NEEDS, "CR8-load exiting" },
	{ CONTROL_PROC, PROC_CR8_STORE, CHILD_NEEDS, "CR8-store exiting" },
	{ CONTROL_PROC, PROC_TPR_SHADOW, CHILD_WANTS | GROUP_APICV,
	  "use TPR shadow" },
	{ CONTROL_PROC, PROC_NMI_WINDOW, CHILD_WANTS, "NMI-window exiting" },
	{ CONTROL_PROC, PROC_IO, CHILD_NEEDS, "unconditional I/O exiting" },
	{ CONTROL_PROC, PROC_MSR_BITMAPS, BOTH_NEED, "use MSR bitmaps" },
	{ CONTROL_PROC, PROC_MONITOR, CHILD_NEEDS, "MONITOR exiting" },

	/* Instructions that are #UD without; and what only makes us quicker. */
	{ CONTROL_PROC2, PROC2_RDTSCP, BOTH_WANT, "enable RDTSCP" },
	{ CONTROL_PROC2, PROC2_X2APIC, CHILD_WANTS | GROUP_APICV,
	  "virtualize x2APIC mode" },
	{ CONTROL_PROC2, PROC2_VPID, BOTH_WANT | GROUP_VPID, "enable VPID" },
	{ CONTROL_EPT_VPID, VPID_CAP_INVVPID, BOTH_WANT | GROUP_VPID,
	  "INVVPID" },
	{ CONTROL_EPT_VPID, VPID_CAP_SINGLE | VPID_CAP_ALL,
	  BOTH_WANT | GROUP_VPID, "INVVPID, one or all contexts" },
	{ CONTROL_PROC2, PROC2_APIC_REGISTERS, CHILD_WANTS | GROUP_APICV,
	  "APIC-register virtualization" },
	{ CONTROL_PROC2, PROC2_INTERRUPTS, CHILD_WANTS | GROUP_APICV,
	  "virtual-interrupt delivery" },
	{ CONTROL_PROC2, PROC2_INVPCID, BOTH_WANT, "enable INVPCID" },
	{ CONTROL_PROC2, PROC2_XSAVES, ROOT_WANTS, "enable XSAVES/XRSTORS" },
	{ CONTROL_PROC2, PROC2_TSC_SCALING, CHILD_WANTS | SOMETIMES,
	  "use TSC scaling" },
	{ CONTROL_PROC2, PROC2_USER_WAIT, ROOT_WANTS,
	  "enable user wait and pause" },

	/* Registers that an exit and an entry exchange: none is switched by hand. */
	{ CONTROL_EXIT, EXIT_CTL_SAVE_DEBUG, BOTH_NEED, "save debug controls" },
	{ CONTROL_EXIT, EXIT_CTL_HOST_64, BOTH_NEED,
	  "host address-space size" },
	{ CONTROL_EXIT, EXIT_CTL_SAVE_PAT, BOTH_NEED, "save IA32_PAT" },
	{ CONTROL_EXIT, EXIT_CTL_LOAD_PAT, BOTH_NEED, "load IA32_PAT" },
	{ CONTROL_EXIT, EXIT_CTL_SAVE_EFER, BOTH_NEED, "save IA32_EFER" },
	{ CONTROL_EXIT, EXIT_CTL_LOAD_EFER, BOTH_NEED, "load IA32_EFER" },

	{ CONTROL_ENTRY, ENTRY_CTL_LOAD_DEBUG, BOTH_NEED,
	  "load debug controls" },
	{ CONTROL_ENTRY, ENTRY_CTL_IA32E, BOTH_NEED, "IA-32e mode guest" },
	{ CONTROL_ENTRY, ENTRY_CTL_LOAD_PAT, BOTH_NEED, "load IA32_PAT" },
	{ CONTROL_ENTRY, ENTRY_CTL_LOAD_EFER, BOTH_NEED, "load IA32_EFER" },
};
_Static_assert(ARRAY_LEN(rows) <= HANDOFF_FINDINGS, "room in the hand-off");

/* The TRUE ones: those without are the same, at lower numbers (features.c). */
u32 controls_msr(enum vmx_control word)
{
	return words[word].msr;
}

/* One of the bits will do: so it is with INVEPT of one context, or of all. */
static bool present(const struct row *row, const struct vmx_offer *offer)
{
	return offer->words[row->word] & row->bits;
}

static bool group_present(u32 group, const struct vmx_offer *offer)
{
	for (u32 i = 0; i < ARRAY_LEN(rows); i++)
		if ((rows[i].use & group) && !present(&rows[i], offer))
			return false;
	return true;
}

/* There is more than one row to a group: half of it is as good as nothing. */
static bool used(const struct row *row, const struct vmx_offer *offer)
{
	u32 group = row->use & GROUPS;

	return present(row, offer) && (!group || group_present(group, offer));
}

bool controls_has_apicv(const struct vmx_offer *offer)
{
	return group_present(GROUP_APICV, offer);
}

/* Bits that must be 1 are not in it: the processor names these (features.c). */
u32 controls_of(const struct vmx_offer *offer, enum vmx_control word,
                bool child)
{
	u32 use = child ? CHILD_NEEDS | CHILD_WANTS : ROOT_NEEDS | ROOT_WANTS;
	u64 bits = 0;

	for (u32 i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].word == word && (rows[i].use & use) &&
		    !(rows[i].use & (GROUP_APICV | SOMETIMES)) &&
		    used(&rows[i], offer))
			bits |= rows[i].bits;
	return (u32)bits;
}

/* What a reader can do about it is the same for all of EPT; others have names. */
static enum handoff_result refusal_of(const struct row *row)
{
	if (row->word == CONTROL_EPT_VPID || row->bits == PROC_SECONDARY ||
	    (row->word == CONTROL_PROC2 && row->bits == PROC2_EPT))
		return HANDOFF_NO_EPT;
	if (row->word == CONTROL_PROC2 && row->bits == PROC2_UNRESTRICTED)
		return HANDOFF_NO_UNRESTRICTED;
	return HANDOFF_MISSING_CONTROL;
}

static void find(const struct row *row, const struct vmx_offer *offer,
                 struct handoff_finding *finding)
{
	u32 needs = BOTH_NEED | (offer->others ? OTHERS_NEED : 0);

	*finding = (struct handoff_finding){
		.name = (u64)row->name,
		.msr_name = (u64)words[row->word].name,
		.bit = (u8)__builtin_ctzll(row->bits),
		.required = row->use & needs ? 1 : 0,
		.present = present(row, offer) ? 1 : 0,
		.used = used(row, offer) ? 1 : 0,
	};
}

/* All are looked at, though one would do to refuse: `check` shows them together. */
static enum handoff_result find_controls(const struct vmx_offer *offer,
                                         struct handoff_findings *findings)
{
	enum handoff_result first = HANDOFF_OK;

	findings->count = ARRAY_LEN(rows);
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		struct handoff_finding *f = &findings->rows[i];
		enum handoff_result refusal = refusal_of(&rows[i]);

		find(&rows[i], offer, f);
		/* Absent and wanted only: the launch does without. */
		if (f->present || !f->required)
			continue;
		findings->refusals |= 1u << refusal;
		if (first == HANDOFF_OK)
			first = refusal;
	}
	return first;
}

enum handoff_result controls_check(const struct vmx_offer *offer,
                                   struct handoff_findings *findings)
{
	const struct {
		bool applies;
		enum handoff_result refusal;
	} reasons[] = {
		{ !offer->has_vmx, HANDOFF_NO_VTX },
		{ offer->cr4 & CR4_LA57, HANDOFF_FIVE_LEVEL },
		{ (offer->feature_control & FEATURE_CONTROL_LOCK) &&
		          !(offer->feature_control & FEATURE_CONTROL_VMX),
		  HANDOFF_LOCKED_OFF },
		{ offer->cr4 & CR4_VMXE, HANDOFF_VMX_IN_USE },
		{ offer->has_vmx, HANDOFF_OK }, /* then by what it lacks */
	};
	enum handoff_result first = HANDOFF_OK, refusal;

	*findings = (struct handoff_findings){
		.feature_control = offer->feature_control,
	};
	/* A processor without VT-x has none of the MSRs: nothing else is said of it. */
	for (u32 i = 0; i < ARRAY_LEN(reasons); i++) {
		if (!reasons[i].applies)
			continue;
		refusal = reasons[i].refusal;
		if (refusal == HANDOFF_OK)
			refusal = find_controls(offer, findings);
		else
			findings->refusals |= 1u << refusal;
		if (first == HANDOFF_OK)
			first = refusal;
	}
	return first;
}
