/*
 * SVM: exit codes, MSRs, CPUID, instructions (APM volume 2, chapter 15 and
 * appendix C).
 */
#ifndef ARCH_SVM_SVM_H
#define ARCH_SVM_SVM_H

#include "hv/base/addr.h"
#include "include/x86.h"
#include "include/x86_msr.h"

/* ---- Features: CPUID 8000000A:EDX (volume 3, E.4.9) ---- */

#define SVM_FEATURE_NPT (1u << 0)
#define SVM_FEATURE_LBR (1u << 1)
#define SVM_FEATURE_NRIP (1u << 3)
#define SVM_FEATURE_TSC_RATE (1u << 4)
#define SVM_FEATURE_CLEAN_BITS (1u << 5)
#define SVM_FEATURE_FLUSH_ASID (1u << 6)
#define SVM_FEATURE_DECODE_ASSISTS (1u << 7)
#define SVM_FEATURE_AVIC (1u << 13)
#define SVM_FEATURE_VGIF (1u << 16)
#define SVM_FEATURE_VNMI (1u << 25)

/* ---- The ratio of a guest's TSC (15.30.5): 8 bits before the point ---- */

#define SVM_RATIO_BEFORE 8u
#define SVM_RATIO_BITS 32u
#define SVM_RATIO_ONE (1ull << SVM_RATIO_BITS)

/* ---- Exit codes (appendix C) ---- */

/* QEMU gives 32 ones, processors 64: the lower half is compared. */
#define SVM_EXIT_INVALID 0xffffffffu

enum svm_exit {
	SVM_EXIT_CR_READ = 0x00, /* to 0f */
	SVM_EXIT_CR_WRITE = 0x10,
	SVM_EXIT_DR_READ = 0x20,
	SVM_EXIT_DR_WRITE = 0x30,
	SVM_EXIT_EXCEPTION = 0x40, /* to 5f */
	SVM_EXIT_INTR = 0x60,
	SVM_EXIT_NMI = 0x61,
	SVM_EXIT_SMI = 0x62,
	SVM_EXIT_INIT = 0x63,
	SVM_EXIT_VINTR = 0x64,
	SVM_EXIT_CR0_SELECTIVE = 0x65,
	SVM_EXIT_RDPMC = 0x6f,
	SVM_EXIT_CPUID = 0x72,
	SVM_EXIT_IRET = 0x74,
	SVM_EXIT_SOFTWARE = 0x75, /* INT n */
	SVM_EXIT_INVD = 0x76,
	SVM_EXIT_HLT = 0x78,
	SVM_EXIT_INVLPGA = 0x7a,
	SVM_EXIT_IO = 0x7b,
	SVM_EXIT_MSR = 0x7c,
	SVM_EXIT_TASK_SWITCH = 0x7d,
	SVM_EXIT_SHUTDOWN = 0x7f,
	SVM_EXIT_VMRUN = 0x80,
	SVM_EXIT_VMMCALL = 0x81,
	SVM_EXIT_VMLOAD = 0x82,
	SVM_EXIT_VMSAVE = 0x83,
	SVM_EXIT_STGI = 0x84,
	SVM_EXIT_CLGI = 0x85,
	SVM_EXIT_SKINIT = 0x86,
	SVM_EXIT_INT1 = 0x88,
	SVM_EXIT_MONITOR = 0x8a,
	SVM_EXIT_MWAIT = 0x8b,
	SVM_EXIT_MWAIT_ARMED = 0x8c,
	SVM_EXIT_XSETBV = 0x8d,
	SVM_EXIT_RDPRU = 0x8e,
	SVM_EXIT_INVLPGB = 0xa0,
	SVM_EXIT_MCOMMIT = 0xa3,
	SVM_EXIT_TLBSYNC = 0xa4,
	SVM_EXITS = 0xa8, /* of those in a row */
	SVM_EXIT_NPF = 0x400,
};

/* EXITINFO1 of a nested page fault (15.25.6), beside the bits of a #PF. */
#define NPF_PRESENT BIT(0)
#define NPF_WRITE BIT(1)
#define NPF_EXECUTE BIT(4)
#define NPF_WALK BIT(33) /* of the guest's page tables, else the final access */

/* EXITINFO1 of IN and OUT (15.10.2). */
#define IO_IN BIT(0)
#define IO_STRING BIT(2)
#define IO_REP BIT(3)
#define IO_SIZE_SHIFT 4
#define IO_PORT_SHIFT 16

#define TASK_SWITCH_FROM_IRET BIT(36)

/* ---- Instructions (15.5, 15.17) ---- */

/* What only they save and load: FS GS TR LDTR, and the MSRs of the last rows. */
static inline void svm_vmsave(hpa_t vmcb)
{
	__asm__ volatile("vmsave %%rax" : : "a"(vmcb.v) : "memory");
}

static inline void svm_vmload(hpa_t vmcb)
{
	__asm__ volatile("vmload %%rax" : : "a"(vmcb.v) : "memory");
}

static inline void svm_stgi(void)
{
	__asm__ volatile("stgi" : : : "memory");
}

static inline void svm_clgi(void)
{
	__asm__ volatile("clgi" : : : "memory");
}

#endif
