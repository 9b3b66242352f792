/*
 * From the scheduler's choice to a VP that is ready to be entered.
 */
#ifndef ARCH_ENTER_H
#define ARCH_ENTER_H

#include "arch/x86_64/cpu_arch.h"
#include "hv/run/sched.h"

struct vm_entry enter_next(struct cpu *cpu, enum sched_event event);

#endif
