/*
 * The world switch: registers that the VMCS does not hold. At any time the
 * processor has those of one VP, the resident one; all others' are in their
 * vp->state and XSAVE page.
 */
#ifndef ARCH_SWITCH_H
#define ARCH_SWITCH_H

#include "arch/x86_64/common/cpu_arch.h"

/* Makes vp the resident VP. In line, as it mostly is that already. */
void switch_change(struct vp *vp);

static inline void switch_to(struct vp *vp)
{
	if (cpu_arch(arch_this_cpu())->resident != vp)
		switch_change(vp);
}

/*
 * Live registers to vp->state, when vp is resident; and back those of the parts
 * (enum vp_part) that are live.
 */
void switch_save_if_resident(struct vp *vp);
void switch_load_if_resident(struct vp *vp, u32 parts);

/* At launch: what is live is the root's. Reads the MSRs that are known from here on. */
void switch_begin(struct vp *root);

/* The root, which is resident, has written this MSR, in the processor already. */
void switch_msr_written(struct vp *root, u32 msr, u64 value);

#endif
