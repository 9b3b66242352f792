/*
 * The MSRs that a child reaches by itself.
 */
#include "arch/x86_64/common/child_msr.h"

#include "arch/x86_64/common/vendor.h"
#include "include/x86_msr.h"

/* What a child may do without us. What it may write is switched (switch.c). */
static const struct {
	u32 msr;
	bool write;
} child_rows[] = {
	{ MSR_IA32_TSC, false }, /* with the VP's offset */
	{ MSR_IA32_PAT, false },         { MSR_IA32_EFER, false },
	{ MSR_IA32_SYSENTER_CS, true },  { MSR_IA32_SYSENTER_ESP, true },
	{ MSR_IA32_SYSENTER_EIP, true }, { MSR_IA32_STAR, false },
	{ MSR_IA32_LSTAR, false },       { MSR_IA32_CSTAR, false },
	{ MSR_IA32_FMASK, false },       { MSR_IA32_FS_BASE, true },
	{ MSR_IA32_GS_BASE, true },      { MSR_IA32_KERNEL_GS_BASE, true },
};

/* A write that changes what switch.c goes by, or what must be checked, is ours. */
static void pass(u32 msr, bool write)
{
	vendor_msr_exits(NULL, msr, false, !write);
}

void child_msr_init(void)
{
	for (u32 i = 0; i < ARRAY_LEN(child_rows); i++)
		pass(child_rows[i].msr, child_rows[i].write);
	if (arch_facts()->has_tsc_aux)
		pass(MSR_IA32_TSC_AUX, false);
}
