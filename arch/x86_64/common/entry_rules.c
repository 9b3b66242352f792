/*
 * The rules, in the order of the SDM's sections.
 */
#include "arch/x86_64/common/entry_rules.h"

#include "arch/x86_64/common/entry_words.h"
#include "hv/arch.h"
#include "hv/vp/vp_check.h"
#include "include/x86.h"
#include "include/x86_msr.h"

#define V86_ATTRIBUTES 0xf3u

#define CORE VP_PART_CORE
#define PAGING VP_PART_PAGING
#define CODE VP_PART_CODE
#define SEGMENTS VP_PART_SEGMENTS
#define MEMORY (CODE | SEGMENTS)
#define MSRS VP_PART_MSRS
#define OURS VP_PART_OURS

/* ---- 26.3.1.1: control registers ---- */

/* LMA is what the entry's control "IA-32e mode guest" is set by: it wants both. */
static bool long_mode_is_paged(const struct vp_state *s)
{
	return !long_mode(s) || ((s->cr0 & CR0_PG) && (s->cr4 & CR4_PAE));
}

/* MOV to CR4 is #GP for the same reason (SDM 4.10.1). */
static bool pcid_is_of_long_mode(const struct vp_state *s)
{
	return !(s->cr4 & CR4_PCIDE) || long_mode(s);
}

/* Without paging LMA is what the last write of CR0.PG made of it: 0 or 1. */
static bool lma_follows_lme(const struct vp_state *s)
{
	return !(s->cr0 & CR0_PG) || long_mode(s) == !!(s->efer & EFER_LME);
}

/* ---- 26.3.1.2: segments ---- */

/* There is no LDT to find a TSS or another LDT in: LTR and LLDT would fault. */
static bool tr_is_global(const struct vp_state *s)
{
	return !(s->segment[VP_TR].selector & SELECTOR_TI);
}

/* A null selector has made it unusable: then TI means nothing. */
static bool ldtr_is_global(const struct vp_state *s)
{
	const struct hv_segment *g = &s->segment[VP_LDTR];

	return !usable(g) || !(g->selector & SELECTOR_TI);
}

/*
 * In virtual-8086 mode segments are not loaded from descriptors: these three are what
 * the processor makes of a selector, and an entry with anything else fails.
 */
static bool v86_bases(const struct vp_state *s)
{
	for (u32 i = VP_ES; i <= VP_GS; i++)
		if (s->segment[i].base != (u64)s->segment[i].selector << 4)
			return false;
	return true;
}

static bool v86_limits(const struct vp_state *s)
{
	for (u32 i = VP_ES; i <= VP_GS; i++)
		if (s->segment[i].limit != 0xffff)
			return false;
	return true;
}

static bool v86_attributes(const struct vp_state *s)
{
	for (u32 i = VP_ES; i <= VP_GS; i++)
		if (s->segment[i].attributes != V86_ATTRIBUTES)
			return false;
	return true;
}

/* They have 64 bits in every mode, usable or not: WRMSR writes two of them. */
static bool fs_gs_tr_bases(const struct vp_state *s)
{
	return vp_check_address(s->segment[VP_FS].base) &&
	       vp_check_address(s->segment[VP_GS].base) &&
	       vp_check_address(s->segment[VP_TR].base);
}

static bool ldtr_base(const struct vp_state *s)
{
	const struct hv_segment *g = &s->segment[VP_LDTR];

	return !usable(g) || vp_check_address(g->base);
}

/* The processor ignores it in 64-bit mode and checks it all the same. */
static bool cs_base(const struct vp_state *s)
{
	return below_4g(s->segment[VP_CS].base);
}

static bool base_is_low(const struct hv_segment *g)
{
	return below_4g(g->base);
}

static bool ss_ds_es_bases(const struct vp_state *s)
{
	return each(s, VP_ES, VP_ES, base_is_low) &&
	       each(s, VP_SS, VP_DS, base_is_low);
}

/* Type 3, data, is what an unrestricted guest may have in real mode (26.3.1.2). */
static bool cs_type(const struct vp_state *s)
{
	u32 t = type(&s->segment[VP_CS]);

	return t == TYPE_DATA || ((t & TYPE_CODE) && (t & TYPE_ACCESSED));
}

static bool ss_type(const struct vp_state *s)
{
	const struct hv_segment *g = &s->segment[VP_SS];

	return !usable(g) || type(g) == TYPE_DATA || type(g) == TYPE_STACK_DOWN;
}

static bool is_accessed(const struct hv_segment *g)
{
	return type(g) & TYPE_ACCESSED;
}

/* A processor that loads a descriptor sets the bit, so it is never clear in a register. */
static bool data_accessed(const struct vp_state *s)
{
	return each(s, VP_ES, VP_ES, is_accessed) &&
	       each(s, VP_DS, VP_GS, is_accessed);
}

/* Data always is; of code only what has R may be in a data segment. */
static bool is_readable(const struct hv_segment *g)
{
	return !(type(g) & TYPE_CODE) || (type(g) & TYPE_READABLE);
}

static bool data_readable(const struct vp_state *s)
{
	return each(s, VP_ES, VP_ES, is_readable) &&
	       each(s, VP_DS, VP_GS, is_readable);
}

/* S set: LDTs and TSSs, gates too, belong into LDTR, TR or no register at all. */
static bool memory_segments(const struct vp_state *s)
{
	return is_memory(&s->segment[VP_CS]) &&
	       each(s, VP_ES, VP_GS, is_memory);
}

/* CPL is SS.DPL: code that does not conform runs at its own DPL, other at a higher one. */
static bool cs_dpl(const struct vp_state *s)
{
	const struct hv_segment *cs = &s->segment[VP_CS];
	u32 stack = dpl(&s->segment[VP_SS]);

	if (!(type(cs) & TYPE_CODE))
		return dpl(cs) == 0;
	return type(cs) & 4 ? dpl(cs) <= stack : dpl(cs) == stack;
}

/* What real mode runs at, and whoever comes from there with a CS of data. */
static bool ss_dpl(const struct vp_state *s)
{
	bool must = !protected_mode(s) || type(&s->segment[VP_CS]) == TYPE_DATA;

	return !must || dpl(&s->segment[VP_SS]) == 0;
}

static bool cs_present(const struct vp_state *s)
{
	return usable(&s->segment[VP_CS]);
}

/* L and D together are reserved: 64-bit code that has 16- or 32-bit operands. */
static bool cs_size(const struct vp_state *s)
{
	return !vp_state_is_64(s) || !(s->segment[VP_CS].attributes & BIT(14));
}

/* A limit that needs pages has its low bits set; G says which it is. */
static bool limit_fits(const struct hv_segment *g)
{
	bool pages = g->attributes & BIT(15);

	if ((g->limit & 0xfff) != 0xfff && pages)
		return false;
	return !(g->limit & 0xfff00000) || pages;
}

static bool limits(const struct vp_state *s)
{
	return each(s, VP_ES, VP_GS, limit_fits);
}

/* Busy, as LTR leaves it. A 16-bit TSS is of protected mode only. */
static bool tr_type(const struct vp_state *s)
{
	const struct hv_segment *g = &s->segment[VP_TR];

	return !is_memory(g) && (type(g) == TYPE_TSS_BUSY ||
	                         (type(g) == TYPE_TSS16_BUSY && !long_mode(s)));
}

/* Unlike the others it cannot be unusable: each task has one (26.3.1.2). */
static bool tr_present(const struct vp_state *s)
{
	return usable(&s->segment[VP_TR]);
}

static bool tr_limit(const struct vp_state *s)
{
	return limit_fits(&s->segment[VP_TR]);
}

/* A system descriptor: S is clear and the type means something else. */
static bool ldtr_type(const struct vp_state *s)
{
	const struct hv_segment *g = &s->segment[VP_LDTR];

	return !usable(g) || (!is_memory(g) && type(g) == TYPE_LDT);
}

static bool ldtr_limit(const struct vp_state *s)
{
	return each(s, VP_LDTR, VP_LDTR, limit_fits);
}

/* ---- 26.3.1.3, 26.3.1.4: RIP, RFLAGS ---- */

/* The processor lets EIP run over, and refuses it then: see vp_confine.c. */
static bool rip_width(const struct vp_state *s)
{
	return vp_state_is_64(s) || below_4g(s->rip);
}

/* The mode is one of protected mode, and 64-bit processors have none in long mode. */
static bool v86_mode(const struct vp_state *s)
{
	return !v86(s) || (protected_mode(s) && !long_mode(s));
}

/* ---- 26.3.1.5: what is not a register ---- */

/* HLT is privileged: nobody else gets into that state. */
static bool halt_at_cpl0(const struct vp_state *s)
{
	return !halted(s) || dpl(&s->segment[VP_SS]) == 0;
}

/* The instruction that a shadow is of has been HLT itself. */
static bool no_shadow_in_halt(const struct vp_state *s)
{
	return !s->activity || !shadow(s);
}

/* What wakes a halted processor; one that waits for SIPI takes nothing. */
static bool halt_wakes(const struct vp_state *s)
{
	if (!s->activity || !pending(s))
		return true;
	if (s->activity & HV_ACTIVITY_STARTUP_SUSPEND)
		return false;
	return pending_is(s, HV_PENDING_TYPE_INTERRUPT) ||
	       pending_is(s, HV_PENDING_TYPE_NMI) ||
	       (pending_is(s, HV_PENDING_TYPE_EXCEPTION) &&
	        (pending_vector(s) == VECTOR_DB ||
	         pending_vector(s) == VECTOR_MC));
}

/* A single step that waits behind a shadow or a halt is one by RFLAGS too. */
static bool single_step(const struct vp_state *s)
{
	bool steps = (s->rflags & RFLAGS_TF) && !(s->debugctl & DEBUGCTL_BTF);

	if (!shadow(s) && !halted(s))
		return true;
	return !!(s->pending_debug & DEBUG_STEP) == steps;
}

/*
 * A breakpoint inside a transaction aborts it and says so in DR6.RTM; with any other
 * cause beside it, or on a processor without RTM, the entry fails.
 */
static bool transactional(const struct vp_state *s)
{
	u64 others = s->pending_debug & ~(DEBUG_RTM | DEBUG_ENABLED);

	if (!(s->pending_debug & DEBUG_RTM))
		return true;
	return (arch_facts()->compat.features[STREAM_FEATURE_7_EBX] &
	        BIT(11)) &&
	       !others && (s->pending_debug & DEBUG_ENABLED) && !shadow(s);
}

/* ---- 26.3.1.6: PDPTEs ---- */

/* As MOV to CR3 would check them (SDM 4.4.1): of those that are present. */
static bool pdptes_reserved(const struct vp_state *s)
{
	u64 reserved = ~(BIT(arch_facts()->compat.phys_bits) - 1) | PDPTE_RSVD;

	for (u32 i = 0; vp_state_uses_pdptes(s) && i < 4; i++)
		if ((s->pdpte[i] & PDPTE_PRESENT) && (s->pdpte[i] & reserved))
			return false;
	return true;
}

/* ---- 26.2.1.3, 26.3.1.4, 26.3.1.5: the event that is pending ---- */

/* An external interrupt is never delivered where the guest has it blocked. */
static bool interrupt_allowed(const struct vp_state *s)
{
	return !pending_is(s, HV_PENDING_TYPE_INTERRUPT) ||
	       ((s->rflags & RFLAGS_IF) && !shadow(s));
}

/* Without "virtual NMIs" blocking by NMI is allowed; with them it is not: nor here. */
static bool nmi_allowed(const struct vp_state *s)
{
	return !pending_is(s, HV_PENDING_TYPE_NMI) ||
	       !(s->interrupt_state &
	         (HV_INTERRUPT_STATE_SHADOW | HV_INTERRUPT_STATE_NMI_MASKED));
}

/* Real mode pushes no error codes, protected mode always where there is one. */
static bool error_code(const struct vp_state *s)
{
	bool has = s->pending_interruption & HV_PENDING_DELIVER_ERROR_CODE;

	if (!pending_is(s, HV_PENDING_TYPE_EXCEPTION))
		return true;
	return has == (protected_mode(s) &&
	               (VP_ERROR_CODE_VECTORS >> pending_vector(s) & 1));
}

/* Those of VT-x alone come last. */
#define OF_VTX 2u

static const struct vp_rule rules[] = {
	{ "long mode has paging and CR4.PAE", long_mode_is_paged,
	  VP_RULE_ALWAYS, CORE | PAGING },
	{ "CR4.PCIDE is of long mode", pcid_is_of_long_mode, VP_RULE_ALWAYS,
	  CORE | PAGING },
	{ "with paging, EFER.LMA is EFER.LME", lma_follows_lme, VP_RULE_ALWAYS,
	  CORE },
	{ "TR is in the GDT", tr_is_global, VP_RULE_ALWAYS, SEGMENTS },
	{ "LDTR is in the GDT", ldtr_is_global, VP_RULE_ALWAYS, SEGMENTS },
	{ "v86: bases are 16 times the selectors", v86_bases, VP_RULE_V86,
	  CORE | MEMORY },
	{ "v86: limits are 64 KiB", v86_limits, VP_RULE_V86, CORE | MEMORY },
	{ "v86: attributes are 0xf3", v86_attributes, VP_RULE_V86,
	  CORE | MEMORY },
	{ "FS, GS, TR bases are canonical", fs_gs_tr_bases, VP_RULE_ALWAYS,
	  SEGMENTS },
	{ "the LDTR base is canonical", ldtr_base, VP_RULE_ALWAYS, SEGMENTS },
	{ "the CS base has 32 bits", cs_base, VP_RULE_ALWAYS, CODE },
	{ "SS, DS, ES bases have 32 bits", ss_ds_es_bases, VP_RULE_ALWAYS,
	  SEGMENTS },
	{ "CS is accessed code, or data of type 3", cs_type, VP_RULE_NOT_V86,
	  CORE | CODE },
	{ "SS is writable data", ss_type, VP_RULE_NOT_V86, CORE | SEGMENTS },
	{ "DS, ES, FS, GS are accessed", data_accessed, VP_RULE_NOT_V86,
	  CORE | SEGMENTS },
	{ "DS, ES, FS, GS are readable", data_readable, VP_RULE_NOT_V86,
	  CORE | SEGMENTS },
	{ "CS to GS are code or data", memory_segments, VP_RULE_NOT_V86,
	  CORE | MEMORY },
	{ "the DPL of CS fits that of SS", cs_dpl, VP_RULE_NOT_V86,
	  CORE | MEMORY },
	{ "the DPL of SS is 0 in real mode", ss_dpl, VP_RULE_NOT_V86,
	  CORE | MEMORY },
	{ "CS is present", cs_present, VP_RULE_NOT_V86, CORE | CODE },
	{ "64-bit code has no D bit", cs_size, VP_RULE_NOT_V86, CORE | CODE },
	{ "limits fit their granularity", limits, VP_RULE_NOT_V86,
	  CORE | MEMORY },
	{ "TR is a busy TSS", tr_type, VP_RULE_ALWAYS, CORE | SEGMENTS },
	{ "TR is present", tr_present, VP_RULE_ALWAYS, SEGMENTS },
	{ "the TR limit fits its granularity", tr_limit, VP_RULE_ALWAYS,
	  SEGMENTS },
	{ "LDTR is an LDT", ldtr_type, VP_RULE_ALWAYS, SEGMENTS },
	{ "the LDTR limit fits its granularity", ldtr_limit, VP_RULE_ALWAYS,
	  SEGMENTS },
	{ "RIP has 32 bits outside 64-bit code", rip_width, VP_RULE_ALWAYS,
	  VP_PART_RIP | CORE | CODE },
	{ "v86 is of protected mode", v86_mode, VP_RULE_ALWAYS, CORE },
	{ "a halted processor is at CPL 0", halt_at_cpl0, VP_RULE_ALWAYS,
	  CORE | SEGMENTS | OURS },
	{ "no shadow while halted or waiting", no_shadow_in_halt,
	  VP_RULE_ALWAYS, CORE | OURS },
	{ "only what wakes it is pending in a halt", halt_wakes, VP_RULE_ALWAYS,
	  CORE | OURS },
	{ "a debug exception of RTM is alone", transactional, VP_RULE_ALWAYS,
	  CORE | MSRS },
	{ "an interrupt is pending only where it is allowed", interrupt_allowed,
	  VP_RULE_ALWAYS, CORE },
	{ "an NMI is pending only where it is allowed", nmi_allowed,
	  VP_RULE_ALWAYS, CORE },
	{ "an error code where the processor has one", error_code,
	  VP_RULE_ALWAYS, CORE },
	{ "a waiting single step is one by RFLAGS", single_step, VP_RULE_ALWAYS,
	  CORE | MSRS | OURS },
	{ "PDPTEs have no reserved bits", pdptes_reserved, VP_RULE_ALWAYS,
	  CORE | PAGING },
};

/*
 * SVM has no field for what single_step is about (events.c makes of it what is due), and walks
 * read PDPTEs from memory, where one with reserved bits is a fault (APM volume 2, 15.25.10).
 */
const struct vp_rule *entry_rules(u32 *count, enum entry_of whose)
{
	*count = ARRAY_LEN(rules) - (whose == ENTRY_OF_SVM ? OF_VTX : 0);
	return rules;
}
