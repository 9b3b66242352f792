/*
 * From an exit that has been decoded to the next entry.
 */
#ifndef ARCH_OUTCOME_H
#define ARCH_OUTCOME_H

#include "arch/x86_64/common/exits.h"

/* The first thing after an exit. */
void outcome_begin(struct exit *x);

/* The VP has been running: of its state only what is ours is in vp->state. */
void outcome_has_run(struct vp *vp);

/* What becomes of the exit. Returns who is entered next, prepared. */
struct vp *outcome_finish(struct exit *x, enum exit_outcome outcome);

/* A triple fault: a child's end, the root's reset of the machine. */
enum exit_outcome outcome_shut_down(struct vp *vp);

/*
 * The processor has refused to enter the VP, for a reason that `detail` has in the
 * vendor's numbers. Returns who is entered instead.
 */
struct vp *outcome_not_entered(struct vp *vp, u64 detail);

#endif
