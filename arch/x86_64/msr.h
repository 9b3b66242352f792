/*
 * Model-specific registers: their numbers (SDM volume 4) and access.
 */
#ifndef ARCH_MSR_H
#define ARCH_MSR_H

#include "arch/x86_64/tally.h"
#include "include/types.h"

#define MSR_IA32_TSC 0x10u
#define MSR_IA32_APIC_BASE 0x1bu
#define MSR_IA32_FEATURE_CONTROL 0x3au
#define MSR_IA32_TSC_ADJUST 0x3bu
#define MSR_IA32_PRED_CMD 0x49u
#define MSR_IA32_MTRRCAP 0xfeu
#define MSR_IA32_ARCH_CAPABILITIES 0x10au
#define MSR_IA32_FLUSH_CMD 0x10bu
#define MSR_IA32_SYSENTER_CS 0x174u
#define MSR_IA32_SYSENTER_ESP 0x175u
#define MSR_IA32_SYSENTER_EIP 0x176u
#define MSR_IA32_MISC_ENABLE 0x1a0u
#define MSR_IA32_XFD 0x1c4u
#define MSR_IA32_DEBUGCTL 0x1d9u
#define MSR_IA32_MTRR_PHYSBASE0 0x200u
#define MSR_IA32_MTRR_PHYSMASK0 0x201u
#define MSR_IA32_MTRR_FIX64K_00000 0x250u
#define MSR_IA32_MTRR_FIX16K_80000 0x258u
#define MSR_IA32_MTRR_FIX16K_A0000 0x259u
#define MSR_IA32_MTRR_FIX4K_C0000 0x268u
#define MSR_IA32_PAT 0x277u
#define MSR_IA32_MTRR_DEF_TYPE 0x2ffu
#define MSR_IA32_VMX_BASIC 0x480u
#define MSR_IA32_VMX_MISC 0x485u
#define MSR_IA32_VMX_CR0_FIXED0 0x486u
#define MSR_IA32_VMX_CR0_FIXED1 0x487u
#define MSR_IA32_VMX_CR4_FIXED0 0x488u
#define MSR_IA32_VMX_CR4_FIXED1 0x489u
#define MSR_IA32_VMX_PROCBASED_CTLS 0x482u
#define MSR_IA32_VMX_PROCBASED_CTLS2 0x48bu
#define MSR_IA32_VMX_EPT_VPID_CAP 0x48cu
#define MSR_IA32_VMX_TRUE_PINBASED_CTLS 0x48du
#define MSR_IA32_VMX_TRUE_PROCBASED_CTLS 0x48eu
#define MSR_IA32_VMX_TRUE_EXIT_CTLS 0x48fu
#define MSR_IA32_VMX_TRUE_ENTRY_CTLS 0x490u
/* From the MSR of a plain word of controls to that of the TRUE one. */
#define MSR_VMX_TRUE_CONTROLS \
	(MSR_IA32_VMX_TRUE_PROCBASED_CTLS - MSR_IA32_VMX_PROCBASED_CTLS)
#define MSR_IA32_VMX_FIRST 0x480u
#define MSR_IA32_VMX_LAST 0x493u
#define MSR_IA32_TSC_DEADLINE 0x6e0u
#define MSR_IA32_X2APIC 0x800u /* register r is at + r / 16 */
#define MSR_IA32_X2APIC_SELF_IPI 0x83fu
#define MSR_SYNTHETIC_FIRST 0x40000000u /* a hypervisor's own (SDM 2.1) */
#define MSR_SYNTHETIC_LAST 0x4fffffffu
#define MSR_IA32_EFER 0xc0000080u
#define MSR_IA32_STAR 0xc0000081u
#define MSR_IA32_LSTAR 0xc0000082u
#define MSR_IA32_CSTAR 0xc0000083u
#define MSR_IA32_FMASK 0xc0000084u
#define MSR_IA32_FS_BASE 0xc0000100u
#define MSR_IA32_GS_BASE 0xc0000101u
#define MSR_IA32_KERNEL_GS_BASE 0xc0000102u
#define MSR_IA32_TSC_AUX 0xc0000103u

#define FEATURE_CONTROL_LOCK BIT(0)
#define FEATURE_CONTROL_VMX BIT(2) /* outside SMX operation */
#define APIC_BASE_X2APIC BIT(10)
#define APIC_BASE_ENABLE BIT(11)
#define APIC_BASE_ADDRESS 0x000ffffffffff000ull

/* WB, WT, UC-, UC, twice: as after reset. */
#define PAT_RESET 0x0007040600070406ull

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
