/*
 * The last words: one report on all that console.h knows, then the machine is
 * reset.
 */
#ifndef ARCH_REPORT_H
#define ARCH_REPORT_H

#include "arch/x86_64/common/fault.h"

/* An exception of the hypervisor's own. */
_Noreturn void report_exception(const struct fault_frame *frame);

/* The machine cannot go on; `what` and a number that says more. */
_Noreturn void report_stop(const char *what, u64 detail);

/* Another processor, which the report names, has not done what this one waits for. */
_Noreturn void report_hang(const char *what);

/* The root has reset its processor: that resets the machine, and at once. */
_Noreturn void report_reset(const char *how);

#endif
