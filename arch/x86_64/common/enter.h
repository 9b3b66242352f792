/*
 * From the scheduler's choice to a VP that is ready to be entered.
 */
#ifndef ARCH_ENTER_H
#define ARCH_ENTER_H

#include "arch/x86_64/common/cpu_arch.h"
#include "hv/run/sched.h"

/*
 * Who is entered next on this processor, behind what has just happened on it; all is
 * prepared for it, its general registers are in vp->state.
 */
struct vp *enter_next(struct cpu *cpu, enum sched_event event);

/*
 * A root that is alone goes on as it was entered last, whatever it has exited for. Not
 * this time: something waits that only a preparation sees to.
 */
static inline void enter_prepared(struct cpu *cpu)
{
	cpu_arch(cpu)->quiet = false;
}

#endif
