/*
 * What the rest of the hardware part asks of a VP's state without capturing it.
 */
#ifndef ARCH_VP_H
#define ARCH_VP_H

#include "hv/vp.h"

/*
 * Bits of CR0 and CR4 that are not a guest's own: it reads its last write of
 * them from the VMCS, and a write that changes one exits.
 */
u64 vp_cr0_mask(const struct vp *vp);
u64 vp_cr4_mask(const struct vp *vp);

/*
 * EFER. Every guest's write of it exits, but for LMA, which the processor makes of
 * LME and CR0.PG: so it need not be read from the VMCS. Loads the VMCS.
 */
u64 vp_efer(struct vp *vp);

/* CS.L too: operands, and RIP, have 64 bits. */
bool vp_in_64_bit_mode(struct vp *vp);

#endif
