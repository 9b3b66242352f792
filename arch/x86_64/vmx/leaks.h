/*
 * What a processor lets one partition learn of another, and what helps against
 * it: by words that it tells of itself. Pure; also compiled for the host.
 */
#ifndef ARCH_LEAKS_H
#define ARCH_LEAKS_H

#include "include/handoff.h"

/*
 * The barriers (HANDOFF_BARRIER_...) that a processor needs and has, by EDX of
 * CPUID leaf 7 and IA32_ARCH_CAPABILITIES (0 where there is none). The refill of
 * the return stack is always among them: it needs nothing.
 */
u32 leaks_barriers(u32 leaf_7_edx, u64 capabilities);

#endif
