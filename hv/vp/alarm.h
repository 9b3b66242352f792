/*
 * When child VPs that have nothing to do until then are to be looked at again:
 * a heap by time for each logical processor, at most one alarm a VP.
 */
#ifndef HV_ALARM_H
#define HV_ALARM_H

#include "include/types.h"

struct cpu;
struct vp;

/* At this TSC of ours; instead of the one it has, if any. */
void alarm_set(struct vp *vp, u64 at);
void alarm_clear(struct vp *vp);

/* The VP whose alarm comes first, at vp->alarm_at; NULL: there is none. */
struct vp *alarm_first(const struct cpu *cpu);

#endif
