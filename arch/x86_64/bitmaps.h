/*
 * Which MSR accesses reach the hypervisor.
 */
#ifndef ARCH_BITMAPS_H
#define ARCH_BITMAPS_H

#include "include/types.h"

void bitmaps_init(void);

/* Accesses of these kinds exit, by this bitmap. */
void bitmaps_intercept(u8 *map, u32 msr, bool read, bool write);

/* The root's accesses to IA32_TSC_DEADLINE exit, or do not. */
void bitmaps_root_deadline(bool exits);

/* The root's writes of this MSR exit, or do not. */
void bitmaps_root_write(u32 msr, bool exits);

/* Physical address of the MSR bitmap of root VPs, or of children. */
u64 bitmaps_msr(bool is_root);

/* Of a child whose local APIC is virtualized by the processor. */
u64 bitmaps_apicv(void);

#endif
