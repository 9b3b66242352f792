/*
 * Cached translations of guests, by EPT pointer and by VPID.
 */
#ifndef ARCH_TLB_H
#define ARCH_TLB_H

#include "hv/arch.h"

/* For VMCS_EPTP: four levels, write-back. */
u64 tlb_eptp(const struct arch_space *space);

/* Drops what is cached under the VPID of a VP of this processor: its linear translations. */
void tlb_flush_linear(const struct vp *vp);

/* Behind a change by another processor, before an entry: all of all spaces. */
struct cpu_vmx;
void tlb_flush_late(struct cpu_vmx *a);

#endif
