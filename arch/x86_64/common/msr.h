/*
 * Access to model-specific registers, by the numbers of include/x86_msr.h.
 */
#ifndef ARCH_MSR_H
#define ARCH_MSR_H

#include "arch/x86_64/common/tally.h"
#include "include/x86_msr.h"

/* From the MSR of a plain word of controls to that of the TRUE one. */
#define MSR_VMX_TRUE_CONTROLS \
	(MSR_IA32_VMX_TRUE_PROCBASED_CTLS - MSR_IA32_VMX_PROCBASED_CTLS)

static inline u64 msr_read(u32 msr)
{
	u32 low, high;

	tally_rdmsr(msr);
	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (u64)high << 32 | low;
}

static inline void msr_write(u32 msr, u64 value)
{
	tally_wrmsr(msr);
	__asm__ volatile("wrmsr"
	                 :
	                 : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32))
	                 : "memory");
}

/* The same where the processor may answer with #GP: false then. (safe.c) */
bool msr_read_safe(u32 msr, u64 *value);
bool msr_write_safe(u32 msr, u64 value);
bool xcr0_write_safe(u64 value);

#endif
