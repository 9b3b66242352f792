/*
 * Events that an exit has to do with, beyond those of the inner door: of the VP whose
 * VMCS is loaded, and that has not been captured.
 */
#ifndef ARCH_EVENTS_H
#define ARCH_EVENTS_H

#include "arch/x86_64/common/regs.h"
#include "hv/vp/vp.h"

/*
 * A field of the VMCS with an event that exited, or was being delivered at an exit.
 * EVENT_ERROR: it has an error code.
 */
u64 events_read(u64 field);

/* After an exit: an event whose delivery it cut short is delivered again. */
void events_put_back(void);

/* The instruction that exits is not done yet: no single step is due behind it. */
void events_not_done(void);

/* The exception that exited goes to the guest, as if it had not. */
void events_hand_on(struct vp *vp);

/* One will be due behind the instruction that exits, which is a HLT. */
bool events_debug_ends(void);

/* What the #DB that exits is of. DR6 gets it, as at a delivery (27.1). */
u64 events_debug_causes(void);

/* #DB is injected into the VP whose VMCS is loaded: GD and BTF are over. */
void events_debug_delivered(void);

/* The faulting instruction was an IRET that had unblocked NMIs: block again. */
void events_block_nmi(void);

#endif
