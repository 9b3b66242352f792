/*
 * The longest turn of each hypercall so far: TSC ticks from the VM exit to the
 * next VM entry. Under an emulator whose counter counts instructions these are
 * instructions, exactly; on a processor they are time. The log tells of them.
 */
#ifndef HV_COST_H
#define HV_COST_H

#include "include/types.h"

/* Counts one turn of the call with this code; any code that is not ours is 0. */
void cost_note(u32 code, u64 ticks);

/*
 * Adds a line to the log for calls that have become longer since the log last
 * said so, a few at a time. False: there is nothing to tell.
 */
bool cost_tell(void);

#endif
