/*
 * Which MSR accesses reach the hypervisor.
 */
#ifndef ARCH_BITMAPS_H
#define ARCH_BITMAPS_H

#include "include/types.h"

struct cpu;
struct vp;

/* Those of children, and of the root VP of this processor. */
void bitmaps_init(struct cpu *cpu);

/* Accesses of these kinds exit, by this bitmap. */
void bitmaps_intercept(u8 *map, u32 msr, bool read, bool write);

/* Accesses of this processor's root VP to IA32_TSC_DEADLINE exit, or do not. */
void bitmaps_root_deadline(bool exits);

/* Its writes of this MSR exit, or do not. */
void bitmaps_root_write(u32 msr, bool exits);

/* Physical address of the VP's MSR bitmap. */
u64 bitmaps_msr(struct vp *vp);

/* Of a child whose local APIC is virtualized by the processor. */
u64 bitmaps_apicv(void);

#endif
