/*
 * What a guest is shown by CPUID and by synthetic MSRs (TLFS 2.4, 4.2.2, appendix F): a part
 * of tlfs.h.
 */
#ifndef STASIS_TLFS_MSRS_H
#define STASIS_TLFS_MSRS_H

#include "types.h"

/* ---- CPUID (TLFS 2.4) ---- */

#define HV_CPUID_VENDOR_AND_MAX 0x40000000u
#define HV_CPUID_INTERFACE 0x40000001u
#define HV_CPUID_VERSION 0x40000002u
#define HV_CPUID_FEATURES 0x40000003u
#define HV_CPUID_RECOMMENDATIONS 0x40000004u
#define HV_CPUID_LIMITS 0x40000005u
#define HV_CPUID_HARDWARE 0x40000006u

#define HV_CPUID_VENDOR_EBX 0x7263694du    /* "Micr" */
#define HV_CPUID_VENDOR_ECX 0x666f736fu    /* "osof" */
#define HV_CPUID_VENDOR_EDX 0x76482074u    /* "t Hv" */
#define HV_CPUID_INTERFACE_HV1 0x31237648u /* "Hv#1" */

/*
 * Ours, where hypervisors put what is theirs beside another's interface: by
 * the leaves above alone we could not be told from others that have them.
 */
#define STASIS_CPUID 0x40000100u
#define STASIS_CPUID_EBX 0x73617453u /* "Stas" */
#define STASIS_CPUID_ECX 0x74537369u /* "isSt" */
#define STASIS_CPUID_EDX 0x73697361u /* "asis" */

/* Partition privilege mask: EBX:EAX of leaf 0x40000003 (TLFS 4.2.2). */
#define HV_PRIVILEGE_ACCESS_VP_RUN_TIME_MSR BIT(0)
#define HV_PRIVILEGE_ACCESS_REFERENCE_COUNTER BIT(1)
#define HV_PRIVILEGE_ACCESS_SYNIC_MSRS BIT(2)
#define HV_PRIVILEGE_ACCESS_SYNTHETIC_TIMER_MSRS BIT(3)
#define HV_PRIVILEGE_ACCESS_APIC_MSRS BIT(4)
#define HV_PRIVILEGE_ACCESS_HYPERCALL_MSRS BIT(5)
#define HV_PRIVILEGE_ACCESS_VP_INDEX BIT(6)
#define HV_PRIVILEGE_ACCESS_REFERENCE_TSC BIT(9)
#define HV_PRIVILEGE_ACCESS_FREQUENCY_MSRS BIT(11)
#define HV_PRIVILEGE_ACCESS_TSC_INVARIANT BIT(15)
#define HV_PRIVILEGE_CREATE_PARTITIONS BIT(32)
#define HV_PRIVILEGE_ACCESS_PARTITION_ID BIT(33)
#define HV_PRIVILEGE_ACCESS_MEMORY_POOL BIT(34)
#define HV_PRIVILEGE_POST_MESSAGES BIT(36)
#define HV_PRIVILEGE_SIGNAL_EVENTS BIT(37)
#define HV_PRIVILEGE_CREATE_PORT BIT(38)
#define HV_PRIVILEGE_CONNECT_PORT BIT(39)

/* Features of no privilege: EDX of leaf 0x40000003. */
#define HV_FEATURE_FREQUENCY_MSRS 0x100u
#define HV_FEATURE_DIRECT_TIMERS 0x80000u

/* What is recommended: EAX of leaf 0x40000004. */
#define HV_RECOMMEND_RELAXED_TIMING 0x20u
#define HV_RECOMMEND_NO_AUTO_EOI 0x200u

/* ---- Synthetic MSRs (TLFS appendix F) ---- */

#define HV_MSR_GUEST_OS_ID 0x40000000u
#define HV_MSR_HYPERCALL 0x40000001u
#define HV_MSR_VP_INDEX 0x40000002u
#define HV_MSR_VP_RUNTIME 0x40000010u
#define HV_MSR_TIME_REF_COUNT 0x40000020u
#define HV_MSR_REFERENCE_TSC 0x40000021u
#define HV_MSR_TSC_FREQUENCY 0x40000022u
#define HV_MSR_APIC_FREQUENCY 0x40000023u
#define HV_MSR_EOI 0x40000070u
#define HV_MSR_ICR 0x40000071u
#define HV_MSR_TPR 0x40000072u
#define HV_MSR_VP_ASSIST_PAGE 0x40000073u
#define HV_MSR_SCONTROL 0x40000080u
#define HV_MSR_SVERSION 0x40000081u
#define HV_MSR_SIEFP 0x40000082u
#define HV_MSR_SIMP 0x40000083u
#define HV_MSR_EOM 0x40000084u
#define HV_MSR_SINT0 0x40000090u
#define HV_MSR_STIMER0_CONFIG 0x400000b0u
#define HV_MSR_STIMER0_COUNT 0x400000b1u
#define HV_STIMERS 4u /* two MSRs each */
#define HV_MSR_TSC_INVARIANT_CONTROL 0x40000118u
#define HV_TSC_INVARIANT_EXPOSE BIT(0)

#define HV_MSR_PAGE_ENABLE BIT(0) /* HYPERCALL, SIEFP, SIMP, SCONTROL */
#define HV_HYPERCALL_LOCKED BIT(1)
#define HV_MSR_PAGE_RSVD 0xffcull       /* bits 11:2 of HYPERCALL */
#define HV_MSR_PLAIN_PAGE_RSVD 0xffeull /* bits 11:1 of the others */
#define HV_SINT_COUNT 16
#define HV_SINT_VECTOR 0xffull
#define HV_SINT_MASKED BIT(16)
#define HV_SINT_AUTO_EOI BIT(17)
#define HV_SINT_POLLING BIT(18)
#define HV_SINT_RESET HV_SINT_MASKED

/* STIMERn_CONFIG (TLFS 12.3). */
#define HV_STIMER_ENABLE BIT(0)
#define HV_STIMER_PERIODIC BIT(1)
#define HV_STIMER_LAZY BIT(2)
#define HV_STIMER_AUTO_ENABLE BIT(3)
#define HV_STIMER_VECTOR_SHIFT 4 /* 8 bits, in direct mode */
#define HV_STIMER_DIRECT BIT(12)
#define HV_STIMER_SINT_SHIFT 16 /* 4 bits */
#define HV_STIMER_ALLOWED 0xf1fffull

/* The page of HV_MSR_REFERENCE_TSC: time = (tsc * scale >> 64) + offset. */
struct hv_reference_tsc_page {
	u32 sequence; /*  0 0: not valid, ask the MSR */
	u32 rsvd;     /*  4 */
	u64 scale;    /*  8 */
	u64 offset;   /* 16 */
};

#endif
