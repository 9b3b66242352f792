/*
 * Events on their way into a VP, and the end of an instruction that was
 * emulated. They work on vp->state when the VP has been captured, and on its
 * VMCS otherwise.
 */
#ifndef ARCH_EVENTS_H
#define ARCH_EVENTS_H

#include "arch/x86_64/regs.h"
#include "hv/vp.h"

/* After an exit: an event whose delivery it cut short is delivered again. */
void events_put_back(void);

/* Of the faults that we raise only #GP has an error code; in real mode none. */
bool events_has_error(struct vp *vp, enum vector vector);

/* A fault of the instruction at RIP, with error code 0 if it has one. */
void events_inject_fault(struct vp *vp, enum vector vector);

/* The NMI that waits for the root, which is entered, if it can take it now. */
void events_inject_nmi(void);

/* The machine check that waits for the root, whose VMCS is loaded: as above. */
void events_inject_machine_check(void);

/* The faulting instruction was an IRET that had unblocked NMIs: block again. */
void events_block_nmi(void);

/* RIP behind the instruction that exited. */
void events_skip(struct vp *vp);

#endif
