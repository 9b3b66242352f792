/*
 * The logical processors that have been entered, in their order.
 */
#ifndef HV_CPUS_H
#define HV_CPUS_H

#include "hv/base/cpu.h"

/* There is none yet. */
void cpus_init(void);

/* One more, which is to be the next by its index. */
void cpus_add(struct cpu *cpu);

/* The one that was added last, whose first entry failed. */
void cpus_remove(struct cpu *cpu);

u32 cpus_count(void);

/* NULL: there is none with this index. */
struct cpu *cpus_at(u32 index);

/*
 * Of those that run VPs, and have the fewest of children, the last: the first serves the
 * machine.
 */
struct cpu *cpus_least(void);

/* One that runs VPs, and has no child's that wants to run; NULL: there is none. */
struct cpu *cpus_free(void);

#endif
