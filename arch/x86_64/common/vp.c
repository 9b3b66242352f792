/*
 * The door's functions of a VP. Its state is in two places: in the page that the
 * processor runs it by, which is the vendor's, and, while the VP is resident, in the
 * processor itself (switch.c).
 */
#include "arch/x86_64/common/cpu_arch.h"
#include "arch/x86_64/common/switch.h"
#include "arch/x86_64/common/tally.h"
#include "arch/x86_64/common/vendor.h"
#include "hv/arch.h"

void arch_vp_init(struct vp *vp)
{
	tally_vp_new(vp);
	vendor_vp_init(vp);
}

void arch_vp_free(struct vp *vp)
{
	struct cpu_arch *a = cpu_arch(vp->cpu);

	/* Else the next switch would save registers into memory that is gone. */
	if (a->resident == vp)
		a->resident = NULL;
	vendor_vp_free(vp);
	tally_vp_gone(vp);
}

void arch_vp_capture(struct vp *vp, u32 parts)
{
	if (parts & VP_PART_LIVE)
		switch_save_if_resident(vp);
	vendor_capture(vp, parts);
}

void arch_vp_apply(struct vp *vp)
{
	u32 parts = vp->dirty;

	/* Made anew: nothing of before can be left in what the processor has. */
	if (vp->renewed)
		arch_vp_init(vp);
	vp->renewed = false;
	vendor_apply(vp, parts);
	switch_load_if_resident(vp, parts);
}

const struct vp_rule *arch_vp_rules(u32 *count)
{
	return vendor_rules(count);
}

const void *arch_hypercall_page(void)
{
	return vendor_hypercall_page();
}
