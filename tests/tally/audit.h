/*
 * The books of the machine (tests/books), in the image for tests.
 */
#ifndef TALLY_AUDIT_H
#define TALLY_AUDIT_H

#include "include/types.h"

struct cpu;

/*
 * Goes through all of them: what is wrong is said in the report of a failed CHECK.
 * How many pages are the hypervisor's; 0: this machine has more RAM than there is room
 * for.
 */
u64 audit_machine(const struct cpu *cpu);

#endif
