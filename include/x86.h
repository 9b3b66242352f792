/*
 * What the architecture says of registers, segments, page tables, CPUID and
 * exceptions (Intel's SDM, by its names): the one place for each of these facts,
 * for C and assembly alike. MSRs are in x86_msr.h, the local APIC is in
 * x86_apic.h; what only VT-x knows is in arch/x86_64/vmx/.
 *
 * Assembly gets the rows that are one number or one bit: a sum stays C's.
 */
#ifndef STASIS_X86_H
#define STASIS_X86_H

#include "include/types.h"

/* ---- Control registers (SDM volume 3, 2.5) ---- */

#define CR0_PE BIT(0)
#define CR0_MP BIT(1)
#define CR0_EM BIT(2)
#define CR0_TS BIT(3)
#define CR0_ET BIT(4) /* always 1 */
#define CR0_NE BIT(5)
#define CR0_WP BIT(16)
#define CR0_AM BIT(18)
#define CR0_NW BIT(29)
#define CR0_CD BIT(30)
#define CR0_PG BIT(31)

#define CR3_PCID 0xfffull
#define CR3_PDPT 0xffffffe0ull /* of PAE paging */

#define CR4_DE BIT(3)
#define CR4_PSE BIT(4)
#define CR4_PAE BIT(5)
#define CR4_MCE BIT(6)
#define CR4_PGE BIT(7)
#define CR4_OSFXSR BIT(9)
#define CR4_OSXMMEXCPT BIT(10)
#define CR4_UMIP BIT(11)
#define CR4_LA57 BIT(12)
#define CR4_VMXE BIT(13)
#define CR4_FSGSBASE BIT(16)
#define CR4_PCIDE BIT(17)
#define CR4_OSXSAVE BIT(18)
#define CR4_SMEP BIT(20)
#define CR4_SMAP BIT(21)
#define CR4_PKE BIT(22)
#define CR4_CET BIT(23)

#define EFER_SCE BIT(0)
#define EFER_LME BIT(8)
#define EFER_LMA BIT(10)
#define EFER_NXE BIT(11)
#define EFER_SVME BIT(12) /* AMD's */

/* What goes together: long mode, SSE. */
#define EFER_LONG (EFER_LME | EFER_LMA)
#define CR4_SSE (CR4_OSFXSR | CR4_OSXMMEXCPT)

/* ---- RFLAGS (2.3) ---- */

#define RFLAGS_CF BIT(0)
#define RFLAGS_FIXED BIT(1) /* always 1 */
#define RFLAGS_PF BIT(2)
#define RFLAGS_AF BIT(4)
#define RFLAGS_ZF BIT(6)
#define RFLAGS_SF BIT(7)
#define RFLAGS_TF BIT(8)
#define RFLAGS_IF BIT(9)
#define RFLAGS_OF BIT(11)
#define RFLAGS_IOPL 0x3000u
#define RFLAGS_RF BIT(16)
#define RFLAGS_VM BIT(17)

/* ---- Debug registers (17.2) ---- */

/* DR6 when nothing has been (17.2.3), and what may be written in it. */
#define DR6_FIXED 0xffff0ff0ull
#define DR6_WRITABLE (BIT(13) | BIT(14) | BIT(15) | BIT(16) | 0xf)

/* What DR6, an exit qualification and pending debug exceptions tell (24.4.2). */
#define DEBUG_BREAKPOINTS 0xfull
#define DEBUG_ENABLED BIT(12) /* pending alone: a breakpoint of DR7's */
#define DEBUG_REGISTERS BIT(13)
#define DEBUG_STEP BIT(14)
#define DEBUG_RTM BIT(16)

#define DR7_ENABLES 0xffull
#define DR7_FIXED BIT(10) /* always 1 */
#define DR7_GD BIT(13)

/* ---- State components: bits of XCR0, XSTATE_BV, XINUSE (volume 1, 13.1) ---- */

#define XSTATE_X87 BIT(0)
#define XSTATE_SSE BIT(1)
#define XSTATE_LEGACY (XSTATE_X87 | XSTATE_SSE)
#define XSTATE_AVX BIT(2)
#define XSTATE_MPX (BIT(3) | BIT(4))
#define XSTATE_AVX512 (BIT(5) | BIT(6) | BIT(7))
#define XSTATE_PKRU BIT(9)
#define XSTATE_TILECFG BIT(17)
#define XSTATE_TILEDATA BIT(18)
#define XSTATE_TILES (XSTATE_TILECFG | XSTATE_TILEDATA)
#define XSTATE_APX BIT(19)

/* The XSAVE area: legacy region, header, the other components (13.4). */
#define XSAVE_HEADER 512u
#define XSAVE_HEADER_END 576u

/* ---- Segments (3.4) ---- */

#define SELECTOR_TI BIT(2) /* in the LDT */
#define SELECTOR_INDEX 0xfff8u

/* Access rights: bits 55:52 and 47:40 of a descriptor, as a word (3.4.5). */
#define RIGHTS_TYPE 0xfu
#define RIGHTS_S 0x10u
#define RIGHTS_DPL 0x60u
#define RIGHTS_DPL_SHIFT 5
#define RIGHTS_P 0x80u
#define RIGHTS_L 0x2000u
#define RIGHTS_DB 0x4000u
#define RIGHTS_G 0x8000u
#define RIGHTS_MASK 0xf0ffu

/* Bits of the type of code and data. */
#define TYPE_ACCESSED 1u
#define TYPE_READABLE 2u /* of code */
#define TYPE_CONFORMING 4u
#define TYPE_CODE 8u
/* Whole types: of data, and (S clear) of what the system has (3.5). */
#define TYPE_DATA 3u /* writable, accessed */
#define TYPE_STACK_DOWN 7u
#define TYPE_TSS16_BUSY 3u
#define TYPE_LDT 2u
#define TYPE_TSS_BUSY 11u
#define TYPE_BUSY 2u /* the bit that makes a TSS busy */

/* Of flat segments, present, accessed, for CPL 0. */
#define RIGHTS_CODE_64 0xa09bu
#define RIGHTS_CODE_32 0xc09bu
#define RIGHTS_CODE_16 0x009bu
#define RIGHTS_DATA_32 0xc093u
#define RIGHTS_DATA_16 0x0093u
#define RIGHTS_BUSY_TSS 0x8bu

/* Bits 47:32 of an interrupt gate: present, for CPL 0 (6.11). */
#define GATE_INTERRUPT 0x8e00ull

/* ---- Page tables (4.3 to 4.5) ---- */

#define PTE_P BIT(0)
#define PTE_W BIT(1)
#define PTE_U BIT(2)
#define PTE_PWT BIT(3)
#define PTE_PCD BIT(4)
#define PTE_LARGE BIT(7) /* of the levels of 2 MiB and 1 GiB */
#define PTE_NX BIT(63)
#define PTE_ADDRESS 0x000ffffffffff000ull
/* What tables and writable pages have: for the supervisor, for all. */
#define PTE_RW (PTE_P | PTE_W)
#define PTE_USER (PTE_P | PTE_W | PTE_U)

#define PDPTE_PRESENT BIT(0)
#define PDPTE_RSVD 0x1e6ull /* of PAE paging: bits 8:5, 2:1 */

#define LARGE_PAGE_SIZE (1ull << 21)

/* ---- CPUID (volume 2) ---- */

/* In which order arrays have what the instruction tells. */
enum cpuid_reg { EAX, EBX, ECX, EDX, CPUID_REGS };

#define CPUID_XSAVE 0xdu           /* the leaf of state components */
#define CPUID_EXTENDED 0x80000000u /* the first of the extended leaves */

#define CPUID_1_ECX_MONITOR (1u << 3)
#define CPUID_1_ECX_VMX (1u << 5)
#define CPUID_1_ECX_SSE42 (1u << 20)
#define CPUID_1_ECX_TSC_DEADLINE (1u << 24)
#define CPUID_1_ECX_XSAVE (1u << 26)
#define CPUID_1_ECX_OSXSAVE (1u << 27)
#define CPUID_1_ECX_AVX (1u << 28)
#define CPUID_1_ECX_HYPERVISOR (1u << 31)
#define CPUID_1_EDX_TSC (1u << 4)
#define CPUID_1_EDX_APIC (1u << 9)
#define CPUID_1_EDX_DS (1u << 21) /* debug store */

#define CPUID_7_EBX_TSC_ADJUST (1u << 1)
#define CPUID_7_EBX_RTM (1u << 11)
#define CPUID_7_EBX_AVX512F (1u << 16)
#define CPUID_7_EBX_PT (1u << 25) /* Intel Processor Trace */
#define CPUID_7_ECX_PKU (1u << 3)
#define CPUID_7_ECX_OSPKE (1u << 4)
#define CPUID_7_EDX_MD_CLEAR (1u << 10)
#define CPUID_7_EDX_ARCH_LBR (1u << 19)
#define CPUID_7_EDX_IBPB (1u << 26)
#define CPUID_7_EDX_L1D_FLUSH (1u << 28)
#define CPUID_7_1_EAX_LEAF_23 (1u << 8)

#define CPUID_D_1_EAX_XSAVEC (1u << 1)
#define CPUID_D_1_EAX_IN_USE (1u << 2) /* XGETBV with ECX 1 */
#define CPUID_D_1_EAX_XFD (1u << 4)
/* Of leaf 0DH, subleaves from 2: what kind of component it is. */
#define CPUID_D_ECX_XSS (1u << 0)
#define CPUID_D_ECX_ALIGNED (1u << 1) /* to 64 bytes when compacted */
#define CPUID_D_ECX_XFD (1u << 2)

#define CPUID_80000001_ECX_SVM (1u << 2)
#define CPUID_SVM 0x8000000au /* the leaf of its features */
#define CPUID_80000001_EDX_SYSCALL (1u << 11)
#define CPUID_POWER 0x80000007u /* the leaf of power management */
#define CPUID_POWER_EDX_INVARIANT_TSC (1u << 8)

/* ---- Exceptions and interrupts (6.15) ---- */

enum vector {
	VECTOR_DB = 1,
	VECTOR_NMI = 2,
	VECTOR_BP = 3,
	VECTOR_OF = 4,
	VECTOR_UD = 6,
	VECTOR_DF = 8,
	VECTOR_GP = 13,
	VECTOR_PF = 14,
	VECTOR_AC = 17,
	VECTOR_MC = 18,
	VECTOR_VE = 20,
	VECTORS = 256,
};

#endif
