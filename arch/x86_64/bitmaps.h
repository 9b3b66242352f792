/*
 * Which MSR accesses reach the hypervisor.
 */
#ifndef ARCH_BITMAPS_H
#define ARCH_BITMAPS_H

#include "include/types.h"

void bitmaps_init(void);

/* Physical address of the MSR bitmap of root VPs, or of children. */
u64 bitmaps_msr(bool is_root);

/* Of a child whose local APIC is virtualized by the processor. */
u64 bitmaps_apicv(void);

#endif
