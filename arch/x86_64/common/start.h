/*
 * The launch.
 */
#ifndef ARCH_START_H
#define ARCH_START_H

#include "include/handoff.h"

/*
 * Called by entry.asm. Returns only when the launch is refused, with the
 * machine as it was; otherwise the firmware goes on as the root partition.
 */
u64 arch_start(struct handoff *h, u64 firmware_rsp);

/* The same for another processor than the first, in whose hands the machine is by now. */
struct processor;
u64 arch_start_other(struct processor *here, u64 firmware_rsp);

/* The first VM entry failed: undoes everything, returns to the firmware. */
_Noreturn void start_give_up(u64 detail);

#endif
