/*
 * Virtual processors: their time, and where their state is.
 */
#include "hv/vp/vp.h"

#include "hv/arch.h"
#include "hv/base/cpu.h"
#include "hv/vp/debug.h"
#include "hv/vp/partition.h"
#include "hv/vp/vp_confine.h"
#include "include/x86.h"
#include "include/x86_msr.h"

bool vp_is_suspended(const struct vp *vp)
{
	return (vp->explicit_suspend | vp->intercept_suspend) & HV_SUSPENDED;
}

u64 vp_runtime(const struct vp *vp)
{
	u64 ticks = vp->runtime;

	/* What it has run since the last switch is not in the sum yet. */
	if (vp->cpu->current == vp)
		ticks += arch_tsc() - vp->cpu->current_since;
	return tsc_units(ticks, arch_facts()->tsc_hz);
}

/* Rounded up, so that the same number is read again. */
void vp_set_runtime(struct vp *vp, u64 units)
{
	vp->runtime = tsc_ticks_of_units(units, arch_facts()->tsc_hz);
	if (vp->cpu->current == vp)
		vp->cpu->current_since = arch_tsc();
}

const struct vp_state *vp_state_part(struct vp *vp, u32 parts)
{
	/* Whoever looks at anything looks at the mode too, so the core always
	 * comes along. */
	u32 missing = (parts | VP_PART_CORE) & ~vp->cached;

	if (missing) {
		arch_vp_capture(vp, missing);
		vp->cached |= missing;
	}
	/* LIVE comes at a switch too (switch.c), without our asking. */
	missing |= parts & VP_PART_LIVE;
	missing &= vp->is_root ? 0 : VP_CONFINED;
	/* RIP was left by the mode that its parent has changed since. */
	if (vp->unvalidated & (VP_PART_CORE | VP_PART_CODE))
		missing &= ~(u32)VP_PART_RIP;
	/* Only what has just come from a child: the parent's values were
	 * checked, and the root has the processor's own. */
	if (missing)
		vp->dirty |= vp_confine(&vp->state, missing);
	return &vp->state;
}

struct vp_state *vp_state_change(struct vp *vp, u32 parts)
{
	/* Captured first: a part is applied whole, also the fields of it that
	 * nobody changed. */
	vp_state_part(vp, parts);
	vp->dirty |= parts;
	return &vp->state;
}

const struct vp_state *vp_state_read(struct vp *vp)
{
	return vp_state_part(vp, VP_PART_ALL);
}

struct vp_state *vp_state_write(struct vp *vp)
{
	return vp_state_change(vp, VP_PART_ALL);
}

/* The instruction is done: its shadow is over and a single step is due. */
void vp_skip(struct vp *vp, u64 length)
{
	struct vp_state *s = vp_state_change(vp, VP_PART_RIP);

	s->rip += length;
	/* Outside 64-bit mode RIP wraps at 4 GiB. */
	if (!vp_state_is_64(s))
		s->rip = (u32)s->rip;
	if ((s->interrupt_state & HV_INTERRUPT_STATE_SHADOW) ||
	    (s->rflags & RFLAGS_RF)) {
		vp_state_change(vp, VP_PART_CORE);
		s->interrupt_state &= ~HV_INTERRUPT_STATE_SHADOW;
		/* It was for that instruction (SDM 17.3.1.1). */
		s->rflags &= ~RFLAGS_RF;
	}
	/* With BTF a step is due behind branches alone, and what is carried out
	 * here is none (SDM 17.4.3). */
	if ((s->rflags & RFLAGS_TF) &&
	    !(vp_state_part(vp, VP_PART_MSRS)->debugctl & DEBUGCTL_BTF))
		vp_state_change(vp, VP_PART_MSRS)->pending_debug |= DEBUG_STEP;
}

u64 vp_tsc_at(const struct vp *vp, u64 tsc)
{
	return tsc_at(&vp->partition->clock, tsc) + vp->state.tsc_offset;
}
