/*
 * The longest turn of each hypercall so far: TSC ticks from the VM exit to the
 * next VM entry. Under an emulator whose counter counts instructions these are
 * instructions, exactly; on a processor they are time. The log has them.
 */
#ifndef HV_COST_H
#define HV_COST_H

#include "include/types.h"

/* Counts one turn of the call with this code, whose slot is hypercall_slot(code). */
void cost_note(u32 slot, u32 code, u64 ticks);

/*
 * Adds a line to the log for calls that have become longer since the log last
 * said so, a few at a time. False: there is nothing new.
 */
bool cost_log(void);

#endif
