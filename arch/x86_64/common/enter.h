/*
 * From the scheduler's choice to a VP that is ready to be entered.
 */
#ifndef ARCH_ENTER_H
#define ARCH_ENTER_H

#include "hv/run/sched.h"

/*
 * Who is entered next on this processor, behind what has just happened on it; all is
 * prepared for it, its general registers are in vp->state.
 */
struct vp *enter_next(struct cpu *cpu, enum sched_event event);

#endif
