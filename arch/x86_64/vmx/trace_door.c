/*
 * The hardware of trace.c: the words of the processor, the MSRs, the lists of the
 * root's VMCS, its bitmap.
 */
#include "arch/x86_64/vmx/trace_door.h"

#include "arch/x86_64/common/msr.h"
#include "arch/x86_64/vmx/bitmaps.h"
#include "arch/x86_64/vmx/features.h"
#include "arch/x86_64/vmx/vmcs.h"
#include "arch/x86_64/vmx/vmx.h"
#include "arch/x86_64/vmx/vmx_arch.h"
#include "include/x86.h"

/* MISC_ENABLE is looked at only where it says something of PEBS. */
static void read_words(struct trace_words *w)
{
	u32 max[4], regs[4];

	*w = (struct trace_words){ .vmx_misc = features()->misc };
	/* Words of leaves that the processor does not have are not 0 by themselves. */
	arch_cpuid(0, 0, max);
	arch_cpuid(1, 0, regs);
	w->leaf_1_edx = regs[EDX];
	if (max[EAX] >= 0xa) {
		arch_cpuid(0xa, 0, regs);
		w->leaf_a_eax = regs[EAX];
	}
	if (max[EAX] >= 7) {
		arch_cpuid(7, 0, regs);
		w->leaf_7_ebx = regs[EBX];
		w->leaf_7_edx = regs[EDX];
	}
	if (max[EAX] >= 0x23 && regs[EAX] >= 1) {
		arch_cpuid(7, 1, regs);
		if (regs[EAX] & CPUID_7_1_EAX_LEAF_23) {
			arch_cpuid(0x23, 0, regs);
			w->leaf_23_eax = regs[EAX];
		}
	}
	if (w->leaf_a_eax && (w->leaf_1_edx & CPUID_1_EDX_DS) &&
	    !msr_read_safe(MSR_IA32_MISC_ENABLE, &w->misc_enable))
		w->misc_enable = 0;
}

/* Behind vmcs_init, which has made the lists empty. */
void trace_door_begin(struct trace *t)
{
	struct trace_words words;

	read_words(&words);
	trace_begin(t, trace_find(&words));
}

/* A hypervisor below may announce what it does not have: a #GP is caught. */
bool trace_read(u32 msr, u64 *value)
{
	return msr_read_safe(msr, value);
}

/* Only what trace_read has read: so it is there. */
void trace_write(u32 msr, u64 value)
{
	msr_write(msr, value);
}

/* Exits store into the list that entries load from: what the root last had. */
void trace_changed(const struct trace *t)
{
	u32 msr;

	vmcs_write(VMCS_EXIT_MSR_STORE_ADDRESS, (u64)t->root);
	vmcs_write(VMCS_EXIT_MSR_LOAD_ADDRESS, (u64)t->none);
	vmcs_write(VMCS_ENTRY_MSR_LOAD_ADDRESS, (u64)t->root);
	vmcs_write(VMCS_EXIT_MSR_STORE_COUNT, t->count);
	vmcs_write(VMCS_EXIT_MSR_LOAD_COUNT, t->count);
	vmcs_write(VMCS_ENTRY_MSR_LOAD_COUNT, t->count);
	/* The field is not there without the control. */
	if (features()->root[CONTROL_PROC2] & PROC2_XSAVES)
		vmcs_write(VMCS_XSS_EXITING_BITMAP, trace_xss(t));
	for (u32 i = 0; trace_trigger(i, &msr); i++)
		bitmaps_root_write(msr, trace_exits(t, msr));
}
