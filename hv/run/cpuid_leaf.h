/*
 * CPUID below the hypervisor's leaves: one file for each kind of partition.
 */
#ifndef HV_CPUID_LEAF_H
#define HV_CPUID_LEAF_H

#include "include/x86.h"

struct vp;

#define ALL 0xffffffffu /* bits of a word: it is the processor's */

/*
 * The leaf whose data a partition gets: beyond the last one, basic or extended,
 * that is the last basic one (SDM, CPUID).
 */
u32 cpuid_child_leaf(u32 leaf);
u32 cpuid_root_leaf(u32 leaf);

/* The data of such a leaf, but for the bits that mirror the VP's mode. */
void cpuid_child_answer(const struct vp *vp, u32 leaf, u32 subleaf,
                        u32 regs[4]);
void cpuid_root_answer(u32 leaf, u32 subleaf, u32 regs[4]);

#endif
