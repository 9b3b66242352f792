/*
 * A VP comes and goes.
 */
#ifndef HV_VP_LIFE_H
#define HV_VP_LIFE_H

#include "include/tlfs.h"

struct cpu;
struct partition;
struct vp;

/*
 * Creates VP `index`, explicitly suspended and in reset state, bound to `cpu`.
 * INSUFFICIENT_MEMORY: the partition's pool does not have its pages. The
 * caller has checked the index.
 */
enum hv_status vp_create(struct partition *partition, u32 index,
                         struct cpu *cpu);

/*
 * Binds a child's VP to another processor: on its own one, which has chosen somebody else. What
 * it wants, a turn or an alarm, it wants there.
 */
void vp_move(struct vp *vp, struct cpu *to);

/* It will not execute again: explicitly suspended, and stopped. */
void vp_stop(struct vp *vp);

/* Takes a VP that was kicked out of its partition; all pages go back. */
void vp_delete(struct vp *vp);

#endif
