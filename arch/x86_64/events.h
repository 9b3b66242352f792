/*
 * Events on their way into a VP, and the end of an instruction that was
 * emulated. They work on vp->state when the VP has been captured, and on its
 * VMCS otherwise.
 */
#ifndef ARCH_EVENTS_H
#define ARCH_EVENTS_H

#include "arch/x86_64/regs.h"
#include "hv/vp/vp.h"

/*
 * A field of the VMCS with an event that exited, or was being delivered at an exit.
 * EVENT_ERROR: it has an error code.
 */
u64 events_read(u64 field);

/* After an exit: an event whose delivery it cut short is delivered again. */
void events_put_back(void);

/* It will not be: a fault that came up in its delivery takes its place. */
void events_drop(struct vp *vp);

/*
 * RF: the instruction will be executed again, or what it raised is a fault. A
 * breakpoint on it has been (SDM 17.3.1.1, 27.3.3).
 */
void events_retry(struct vp *vp);

/* The instruction that exits is not done yet: no single step is due behind it. */
void events_not_done(void);

/* The exception that exited goes to the guest, as if it had not. */
void events_hand_on(struct vp *vp);

/*
 * Of the exceptions that we raise #GP and #DF have an error code; in real mode
 * none.
 */
bool events_has_error(struct vp *vp, enum vector vector);

/* An exception at RIP, with the error code if it has one. */
void events_inject(struct vp *vp, enum vector vector, u32 error);

/* The NMI that waits for the root, which is entered, if it can take it now. */
void events_inject_nmi(struct vp *root);

/*
 * A debug exception will be delivered at the next entry. It comes before any
 * interrupt (SDM table 6-2), and would be lost if one were injected (26.7.3).
 */
bool events_debug_waits(struct vp *vp);

/* One will be due behind the instruction that exits, which is a HLT. */
bool events_debug_ends(void);

/* What the #DB that exits is of. DR6 gets it, as at a delivery (27.1). */
u64 events_debug_causes(void);

/* #DB is injected into the VP whose VMCS is loaded: GD and BTF are over. */
void events_debug_delivered(void);

/* The machine check that waits for the root, whose VMCS is loaded: as above. */
void events_inject_machine_check(void);

/* The faulting instruction was an IRET that had unblocked NMIs: block again. */
void events_block_nmi(void);

/* RIP behind the instruction that exited. */
void events_skip(struct vp *vp);

#endif
