/*
 * Which MSR accesses reach the hypervisor.
 */
#ifndef ARCH_BITMAPS_H
#define ARCH_BITMAPS_H

#include "include/types.h"

struct vp;

/* Those of children: everything exits, but the APIC's MSRs where it is virtualized. */
void bitmaps_init(void);

/* Writes of this MSR by this processor's root VP exit, or do not. */
void bitmaps_root_write(u32 msr, bool exits);

/* Physical address of the VP's MSR bitmap. */
u64 bitmaps_msr(struct vp *vp);

/* Of a child whose local APIC is virtualized by the processor. */
u64 bitmaps_apicv(void);

#endif
