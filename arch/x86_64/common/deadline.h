/*
 * IA32_TSC_DEADLINE of a root whose TSC has an offset (SDM 10.5.4.1). 0 is no deadline, and
 * none comes of one that is. No hardware in here: unit tests run it.
 */
#ifndef ARCH_DEADLINE_H
#define ARCH_DEADLINE_H

#include "include/types.h"

/* What the root reads of a deadline by the processor's TSC. */
u64 deadline_to_root(u64 deadline, u64 offset);

/*
 * What the root's deadline is by the processor's TSC, which is `now`: below ~0. One that has
 * passed is due now.
 */
u64 deadline_to_processor(u64 deadline, u64 offset, u64 now);

#endif
