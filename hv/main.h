/*
 * Start-up of the core: called once by arch/ when the hypervisor's own
 * environment (page tables, descriptors, the vendor's mode) stands.
 */
#ifndef HV_MAIN_H
#define HV_MAIN_H

#include "hv/base/cpu.h"
#include "include/handoff.h"

/*
 * Sets up the log, the page database, the root's pool, the root partition with
 * its VP on `cpu` and the root's GPA space. HANDOFF_NO_MEMORY: the reserved
 * memory is too small. Then cpu->root is ready for the hardware part to fill
 * with the processor's present state and to launch.
 */
enum handoff_result hv_start(const struct handoff *handoff, struct cpu *cpu);

/* The root's VP on another processor. HANDOFF_NO_MEMORY: its pool is dry. */
enum handoff_result hv_start_other(struct cpu *cpu);

#endif
