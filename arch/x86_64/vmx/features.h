/*
 * What this processor offers to a hypervisor, looked at once, before anything
 * is changed.
 */
#ifndef ARCH_FEATURES_H
#define ARCH_FEATURES_H

#include "arch/x86_64/vmx/controls.h"

struct features {
	u32 revision;       /* of VMXON region and VMCS */
	u32 timer_rate;     /* TSC ticks >> rate = timer units */
	bool has_hlt_state; /* VM entry can put a VP into HLT */
	bool has_apicv;     /* APIC registers and interrupts of children */
	bool has_tsc_scaling;
	bool has_xsave;
	bool has_xsaves;
	u64 ept_vpid;  /* IA32_VMX_EPT_VPID_CAP */
	u64 misc;      /* IA32_VMX_MISC */
	u64 cr0_fixed; /* bits that must be 1 in VMX operation */
	u64 cr4_fixed;
	u64 host_cr0;
	u64 host_cr4;
	u32 root[CONTROLS];  /* control words of the root VPs */
	u32 child[CONTROLS]; /* and of children */
};

/* As vendor_find has found them. */
const struct features *features(void);

#endif
