/*
 * No VP is forgotten: each that could run, or soon could, is in its turn or has
 * an alarm in time.
 */
#ifndef ORACLE_SCHED_H
#define ORACLE_SCHED_H

#include "hv/vp/vp.h"

#define SCHED_TEST_SLICE 2000000ull /* a millisecond of the fake's 2 GHz */

/* A child of `count` VPs: 'r' runs, any other letter is suspended. */
void sched_child(struct vp **vps, u32 count, const char *runs);

/* Its APIC timer fires in so many ticks; it halts until then. */
void sched_halt_with_timer(struct vp *vp, u64 ticks);

/* The VP runs for so many ticks, from an entry to an exit. */
void sched_run(struct vp *vp, u64 ticks);

/* What is wrong with the scheduler's place for a VP; NULL: nothing. */
const char *sched_wrong(struct vp *vp);

/* The same of all child VPs there are. */
const char *sched_all_wrong(void);

#endif
