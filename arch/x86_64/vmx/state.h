/*
 * What the rest of VT-x asks of a VP's state in the VMCS without capturing it.
 */
#ifndef ARCH_STATE_H
#define ARCH_STATE_H

#include "arch/x86_64/common/regs.h"
#include "arch/x86_64/vmx/vmcs.h"

/*
 * Bits of CR0 and CR4 that are not a guest's own: it reads its last write of
 * them from the VMCS, and a write that changes one exits.
 */
u64 state_cr0_mask(const struct vp *vp);
u64 state_cr4_mask(const struct vp *vp);

/*
 * EFER. Every guest's write of it exits, but for LMA, which the processor makes of
 * LME and CR0.PG: so it need not be read from the VMCS. Loads the VMCS.
 */
static inline u64 state_efer(struct vp *vp)
{
	u64 efer = vp_vmx(vp)->efer & ~EFER_LMA;

	vmcs_load(vp);
	if ((efer & EFER_LME) && (vmcs_read(VMCS_GUEST_CR0) & CR0_PG))
		efer |= EFER_LMA;
	return efer;
}

/* CS.L too: operands, and RIP, have 64 bits. */
static inline bool state_is_code_64(struct vp *vp)
{
	return (state_efer(vp) & EFER_LMA) &&
	       (vmcs_read(VMCS_GUEST_CS_RIGHTS) & RIGHTS_L);
}

#endif
