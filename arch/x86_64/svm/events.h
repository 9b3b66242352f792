/*
 * Events that an exit has to do with, beyond those of the inner door (vendor.h).
 */
#ifndef ARCH_SVM_EVENTS_H
#define ARCH_SVM_EVENTS_H

#include "arch/x86_64/svm/svm_arch.h"
#include "hv/run/exit.h"
#include "hv/vp/vp.h"

/* Of the VP's VMCB, as the register PendingInterruption has it; and put there. */
u64 events_pending(struct vp *vp);
void events_set_pending(struct vp *vp, u64 pending);

/* NMIs are blocked up to its next IRET, or are not. */
void events_block_nmi(struct vp *vp, bool blocked);

/* Before an entry that has an event. */
void events_enter(struct vp *vp);

/* First of all behind an exit. */
void events_exited(struct vp *vp);

/* It is about to execute an IRET. */
void events_iret(struct vp *vp);

/* Is the #DB that has exited the step behind that IRET? Then it was nobody's. */
bool events_iret_stepped(struct vp *vp);

/* The exception that exited goes to the guest, as if it had not. */
void events_hand_on(struct vp *vp, u8 vector);

/* Is an exception of this vector raised by an instruction for it, INT3 or INTO? */
bool events_is_software(u8 vector);

/* What the instruction that has exited as INT n is to deliver; and its delivery. */
u64 events_software(struct vp *vp);
void events_inject_pending(struct vp *vp, u64 pending);

/* Has such an exception an error code? In real mode none is pushed. */
bool events_has_error(struct vp *vp, u8 vector);

/* What the #DB that has exited is of: bits of DR6. */
u64 events_debug_causes(struct vp *vp);

/* A #DB of these causes (bits of DR6) in place of the instruction that exited. */
enum exit_outcome events_raise_debug(struct vp *vp, u64 causes);

/*
 * Debug exceptions that are due behind what was carried out for the VP: they go to
 * its parent, or are delivered.
 */
void events_settle_child(struct vp *vp);
static inline void events_settle_debug(struct vp *vp)
{
	/* The root's are its own. */
	if (!vp->is_root)
		events_settle_child(vp);
}

/* And those that are delivered become the event of the next entry. */
void events_inject_debug(struct vp *vp);

#endif
