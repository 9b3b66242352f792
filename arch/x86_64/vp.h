/*
 * Bits of CR0 and CR4 that are not a guest's own: it reads its last write of
 * them from the VMCS, and a write that changes one exits.
 */
#ifndef ARCH_VP_H
#define ARCH_VP_H

#include "hv/vp.h"

u64 vp_cr0_mask(const struct vp *vp);
u64 vp_cr4_mask(const struct vp *vp);

#endif
