/*
 * Who is below us: what a hypervisor says of itself in CPUID. No UEFI in here.
 */
#ifndef STASIS_BOOT_HYPERVISOR_H
#define STASIS_BOOT_HYPERVISOR_H

#include "include/types.h"

struct hypervisor {
	u32 leaf_max;           /* 0: there is none */
	char name[13];          /* its signature */
	bool has_hv1;           /* the interface of the TLFS */
	bool is_stasis;         /* we are a partition of ours already */
	bool has_frequency_msr; /* MSR 0x40000022 can be read */
	u32 tsc_khz;            /* by leaf 0x40000010, 0: not told */
};

/* EAX, EBX, ECX, EDX of a leaf. */
typedef void (*hypervisor_cpuid)(u32 leaf, u32 regs[4]);

void hypervisor_find(hypervisor_cpuid cpuid, struct hypervisor *found);

#endif
