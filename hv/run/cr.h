/*
 * MOV to CR0 and CR4, where the guest may not have the register alone: all that
 * the processor would do, or nothing at all.
 */
#ifndef HV_CR_H
#define HV_CR_H

#include "hv/run/exit.h"

/*
 * EXIT_SKIP: done. EXIT_FAULT_GP: the value is refused, and nothing has changed.
 * Else what hv/run/exit.h says of a page of PDPTEs that cannot be read; nothing has
 * changed, and the instruction comes again.
 */
enum exit_outcome cr_write_cr0(struct vp *vp, u64 value);

/* allowed: bits that CR4 may have; any other is refused. */
enum exit_outcome cr_write_cr4(struct vp *vp, u64 value, u64 allowed);

#endif
