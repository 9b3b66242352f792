/* What boot itself can see of the machine, before the hypervisor looks. */
#ifndef STASIS_BOOT_MACHINE_H
#define STASIS_BOOT_MACHINE_H

#include "boot/frequency.h"
#include "boot/hypervisor.h"
#include "include/handoff.h"

/* HANDOFF_RUNNING, if we are a partition of Stasis already. */
enum handoff_result machine_check(void);

/* The hypervisor that we run on. */
void machine_find_hypervisor(struct hypervisor *found);

/* The TSC's frequency, and a word on it that the clock denied. */
struct machine_tsc {
	struct frequency taken;
	struct frequency denied; /* hz is 0: none */
};
void machine_find_tsc(struct machine_tsc *tsc);

#endif
