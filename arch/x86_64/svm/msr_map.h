/*
 * A map of MSRs: two bits each, of reads and writes that exit (APM volume 2, 15.11). No
 * hardware in here: unit tests run it.
 */
#ifndef ARCH_SVM_MSR_MAP_H
#define ARCH_SVM_MSR_MAP_H

#include "hv/base/addr.h"

#define MSR_MAP_BYTES (2 * PAGE_SIZE)

/* Has a map bits for the MSR? One that has none exits always. */
bool msr_map_has(u32 msr);

/* Whether its reads and its writes exit. Nothing without bits. */
void msr_map_set(u8 *map, u32 msr, bool read, bool write);

#endif
