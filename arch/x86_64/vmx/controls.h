/*
 * What VMX capabilities we need or use, each by its name in the SDM, and what
 * of them a processor has. No hardware in here: unit tests run it.
 */
#ifndef ARCH_CONTROLS_H
#define ARCH_CONTROLS_H

#include "include/handoff.h"

/* Order of the control words in struct features; then other capabilities. */
enum vmx_control {
	CONTROL_PIN,
	CONTROL_PROC,
	CONTROL_PROC2,
	CONTROL_EXIT,
	CONTROL_ENTRY,
	CONTROLS,
	CONTROL_EPT_VPID = CONTROLS, /* IA32_VMX_EPT_VPID_CAP */
	CONTROL_BASIC,               /* IA32_VMX_BASIC */
	CONTROL_WORDS
};

/* What a processor is like, as far as a launch depends on it. */
struct vmx_offer {
	bool has_vmx;        /* CPUID.1:ECX.VMX; without it all else is 0 */
	bool others;         /* the machine has more processors */
	u64 cr4;             /* as the firmware has it */
	u64 feature_control; /* IA32_FEATURE_CONTROL */
	/* Of each word the bits that it has, or that may be set. */
	u64 words[CONTROL_WORDS];
};

/* The MSR that tells of a word. */
u32 controls_msr(enum vmx_control word);

/*
 * The bits to set in a control word of a root's or of a child's VMCS; without those
 * that are set for some VPs only, as TSC scaling.
 */
u32 controls_of(const struct vmx_offer *offer, enum vmx_control word,
                bool child);

/*
 * Whether a child's local APIC can be virtualized. The controls for that are
 * not in controls_of: they are set for a VP while it is in x2APIC mode.
 */
bool controls_has_apicv(const struct vmx_offer *offer);

/*
 * Can Stasis be launched there? HANDOFF_OK, or the first reason against it; the
 * findings have all of them, and each capability that we know of, for boot to
 * print.
 */
enum handoff_result controls_check(const struct vmx_offer *offer,
                                   struct handoff_findings *findings);

#endif
