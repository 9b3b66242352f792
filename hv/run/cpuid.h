/*
 * CPUID as a partition sees it: the processor's answer with a table of
 * adjustments, and the hypervisor leaves 0x40000000 to 0x40000006 (TLFS 2.4).
 */
#ifndef HV_CPUID_H
#define HV_CPUID_H

#include "include/types.h"

struct vp;

#define STASIS_VERSION_MAJOR 0u
#define STASIS_VERSION_MINOR 1u
#define STASIS_BUILD 1u

/* regs = EAX EBX ECX EDX for `leaf`, as this VP sees it now. */
void cpuid_answer(struct vp *vp, u32 leaf, u32 subleaf, u32 regs[4]);

#endif
