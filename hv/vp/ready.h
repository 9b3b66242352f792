/*
 * Child VPs that may have something to do: a ring for each logical processor, in
 * turn. One that has nothing to do is in none, and may have an alarm (alarm.h).
 */
#ifndef HV_READY_H
#define HV_READY_H

struct vp;

/*
 * Something has come for this VP, or was changed by others: it may have become
 * runnable, or its next timer another one. Whoever does that to a child VP says
 * so here. It is looked at when its turn comes.
 */
void ready_wake(struct vp *vp);

/* The VP goes away: it is not looked at again. */
void ready_forget(struct vp *vp);

#endif
