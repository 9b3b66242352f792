/*
 * The last words: one report on the serial port, then the processor stops.
 */
#ifndef ARCH_REPORT_H
#define ARCH_REPORT_H

#include "arch/x86_64/fault.h"

/* An exception of the hypervisor's own. */
_Noreturn void report_exception(const struct fault_frame *frame);

/* The machine cannot go on; `what` and a number that says more. */
_Noreturn void report_stop(const char *what, u64 detail);

#endif
