/*
 * The world switch: registers that the VMCS does not hold. At any time the
 * processor has those of one VP, the resident one; all others' are in their
 * vp->state and XSAVE page.
 */
#ifndef ARCH_SWITCH_H
#define ARCH_SWITCH_H

#include "hv/vp.h"

/* Makes vp the resident VP. */
void switch_to(struct vp *vp);

/* Live registers to vp->state and back, when vp is resident. */
void switch_save_if_resident(struct vp *vp);
void switch_load_if_resident(struct vp *vp);

#endif
