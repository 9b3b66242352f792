/*
 * Model-specific registers: their numbers, by the SDM's names (volume 4), and
 * what is in those that more than VT-x knows.
 */
#ifndef STASIS_X86_MSR_H
#define STASIS_X86_MSR_H

#include "include/types.h"

#define MSR_IA32_TSC 0x10u
#define MSR_IA32_APIC_BASE 0x1bu
#define MSR_IA32_PLATFORM_ID 0x17u
#define MSR_IA32_FEATURE_CONTROL 0x3au
#define MSR_IA32_TSC_ADJUST 0x3bu
#define MSR_IA32_PRED_CMD 0x49u
#define MSR_IA32_BIOS_SIGN_ID 0x8bu /* AMD: PATCH_LEVEL */
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
#define MSR_IA32_PERF_GLOBAL_CTRL 0x38fu
#define MSR_IA32_PEBS_ENABLE 0x3f1u
#define MSR_IA32_PEBS_BASE 0x3f4u
#define MSR_IA32_VMX_BASIC 0x480u /* the first of VMX's */
#define MSR_IA32_VMX_PROCBASED_CTLS 0x482u
#define MSR_IA32_VMX_MISC 0x485u
#define MSR_IA32_VMX_CR0_FIXED0 0x486u
#define MSR_IA32_VMX_CR0_FIXED1 0x487u
#define MSR_IA32_VMX_CR4_FIXED0 0x488u
#define MSR_IA32_VMX_CR4_FIXED1 0x489u
#define MSR_IA32_VMX_PROCBASED_CTLS2 0x48bu
#define MSR_IA32_VMX_EPT_VPID_CAP 0x48cu
#define MSR_IA32_VMX_TRUE_PINBASED_CTLS 0x48du
#define MSR_IA32_VMX_TRUE_PROCBASED_CTLS 0x48eu
#define MSR_IA32_VMX_TRUE_EXIT_CTLS 0x48fu
#define MSR_IA32_VMX_TRUE_ENTRY_CTLS 0x490u
#define MSR_IA32_VMX_VMFUNC 0x491u
#define MSR_IA32_VMX_EXIT_CTLS2 0x493u /* the last */
#define MSR_IA32_RTIT_CTL 0x570u
#define MSR_IA32_TSC_DEADLINE 0x6e0u
#define MSR_IA32_X2APIC 0x800u /* the first of x2APIC's, see x86_apic.h */
#define MSR_IA32_X2APIC_LAST 0x8ffu
#define MSR_IA32_LBR_CTL 0x14ceu
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

/* AMD's (APM volume 2, 3.2 and 15.30). */
#define MSR_TSC_RATIO 0xc0000104u /* 8 bits before the point, 32 behind it */
#define MSR_SYSCFG 0xc0010010u
#define MSR_HWCR 0xc0010015u
#define MSR_NB_CFG 0xc001001fu
#define MSR_INT_PENDING 0xc0010055u
#define MSR_MMIO_CONF_BASE 0xc0010058u
#define MSR_VM_CR 0xc0010114u
#define MSR_VM_IGNNE 0xc0010115u
#define MSR_VM_HSAVE_PA 0xc0010117u
#define HWCR_TSC_FREQ_SEL BIT(24) /* the TSC counts at P0's frequency */
#define VM_CR_LOCK BIT(3)
#define VM_CR_SVMDIS BIT(4)

#define MISC_ENABLE_FAST_STRINGS BIT(0)
#define MISC_ENABLE_NO_BTS BIT(11)
#define MISC_ENABLE_NO_PEBS BIT(12)

#define FEATURE_CONTROL_LOCK BIT(0)
#define FEATURE_CONTROL_VMX BIT(2) /* outside SMX operation */

#define DEBUGCTL_LBR BIT(0)
#define DEBUGCTL_BTF BIT(1)

/* WB, WT, UC-, UC, twice: as after reset. */
#define PAT_RESET 0x0007040600070406ull

#define MTRR_CAP_COUNT 0xffull
#define MTRR_CAP_FIX BIT(8)
#define MTRR_CAP_WC BIT(10)
#define MTRR_DEF_TYPE 0xffull
#define MTRR_DEF_FIXED BIT(10)
#define MTRR_DEF_ENABLE BIT(11)
#define MTRR_MASK_VALID BIT(11)
#define MTRR_ADDRESS 0x000ffffffffff000ull

#endif
