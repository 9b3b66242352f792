/*
 * May a VP execute, and what is to be done before it does?
 */
#ifndef HV_VP_RUN_H
#define HV_VP_RUN_H

#include "include/types.h"

struct vp;
struct vp_rule;

/*
 * Checks registers that its parent or a stream gave it, once, before they are
 * entered: false, the SDM's rules forbid them, and the parent has been sent an
 * InvalidVpRegisterValue message. The VP is runnable.
 */
bool vp_enters(struct vp *vp);

/*
 * The rule of vp_rules.h that its state breaks, NULL: none. Only what its parent
 * gave it since it was last asked is looked at.
 */
const struct vp_rule *vp_validate(struct vp *vp);

/* May it execute? Neither suspended, nor halted, nor waiting for SIPI. */
bool vp_runnable(struct vp *vp);

/* Brings it up to now: what is due or has come from others. */
void vp_update(struct vp *vp);

/* TSC ticks until vp_update has to do something, or LAPIC_NEVER. */
u64 vp_timer_rest(const struct vp *vp);

#endif
