/*
 * What a VP waits for, and the check of what its parent gave it.
 */
#include "hv/run/vp_run.h"

#include "hv/arch.h"
#include "hv/base/log.h"
#include "hv/interrupt/lapic.h"
#include "hv/interrupt/stimer.h"
#include "hv/run/exit.h"
#include "hv/run/vp_reg.h"
#include "hv/vp/debug.h"
#include "hv/vp/partition.h"
#include "hv/vp/vp.h"
#include "hv/vp/vp_rules.h"
#include "include/x86_apic.h"

/*
 * Who has halted by itself has no debug exception waiting, which would have ended
 * it (exits.c). So only what its parent or a stream gave it is looked at.
 */
static bool wakes_by_debug(struct vp *vp)
{
	if (!vp->unvalidated && !(vp->cached & VP_PART_MSRS))
		return false;
	return debug_is_due(vp_state_part(vp, VP_PART_MSRS)->pending_debug);
}

bool vp_runnable(struct vp *vp)
{
	const struct vp_state *s = &vp->state;

	if (vp_is_suspended(vp) || vp->hold_end > arch_tsc())
		return false;
	if (s->activity & HV_ACTIVITY_STARTUP_SUSPEND)
		return false;
	if (!(s->activity & HV_ACTIVITY_HALT_SUSPEND))
		return true;
	/* It has not run since, so this is not captured a second time. */
	vp_state_part(vp, VP_PART_CORE);
	return (s->pending_interruption & HV_PENDING_INTERRUPTION) ||
	       lapic_wakes(vp) || wakes_by_debug(vp);
}

/*
 * Its parent gave it CR3 or the mode: PDPTEs are read as an instruction would
 * read them. One that cannot be read is not present.
 */
static void settle_pdptes(struct vp *vp)
{
	struct vp_state *s;
	const u64 *table = NULL;
	struct arch_mapping m;

	if (!vp->pdptes_stale)
		return;
	vp->pdptes_stale = false;
	/* Not when it was set: the parent may fill the table behind that (SDM 4.4.1). */
	s = vp_state_change(vp, VP_PART_PAGING);
	if (vp_state_uses_pdptes(s) &&
	    gpa_lookup(&vp->partition->space, (u32)s->cr3 >> PAGE_SHIFT, &m) &&
	    (m.rights & ARCH_READ))
		table = (const u64 *)arch_page(m.page) + (s->cr3 & 0xfe0) / 8;
	for (u32 i = 0; i < 4; i++)
		s->pdpte[i] = table ? table[i] : 0;
}

/*
 * What the processor itself left behind obeys all rules: only those are asked that
 * speak of what was changed, and only what they speak of is captured.
 */
static const struct vp_rule *first_broken(struct vp *vp)
{
	u32 count;
	const struct vp_rule *rules = arch_vp_rules(&count);
	const struct vp_state *s = vp_state_part(vp, VP_PART_CORE);

	for (u32 i = 0; i < count; i++) {
		if (!(rules[i].parts & vp->unvalidated) ||
		    !vp_rule_applies(&rules[i], s))
			continue;
		if (!rules[i].holds(vp_state_part(vp, rules[i].parts)))
			return &rules[i];
	}
	return NULL;
}

const struct vp_rule *vp_validate(struct vp *vp)
{
	const struct vp_rule *broken = NULL;

	settle_pdptes(vp);
	if (vp->resumed)
		debug_resume(vp);
	vp->resumed = false;
	if (vp->unvalidated)
		broken = first_broken(vp);
	/* Else it stays: the parent may mend one register of several. */
	if (!broken)
		vp->unvalidated = 0;
	return broken;
}

bool vp_enters(struct vp *vp)
{
	const struct vp_rule *broken;

	broken = vp_validate(vp);
	if (!broken)
		return true;
	log_line("partition %u VP %u: not entered: %s", vp->partition->id,
	         (u64)vp->index, broken->what);
	exit_invalid_state(vp);
	return false;
}

/* INIT, then SIPI, each when it finds the VP as it must be (SDM 8.4.4). */
static void take_startup(struct vp *vp)
{
	u32 events = vp->lapic.events;
	u32 vector = events >> STREAM_APIC_SIPI_SHIFT & 0xff;
	struct vp_state *s;

	vp->lapic.events = events & ~(STREAM_APIC_INIT | STREAM_APIC_SIPI |
	                              0xffu << STREAM_APIC_SIPI_SHIFT);
	s = vp_state_write(vp);
	/* In this order: a SIPI that came behind an INIT finds the VP waiting. */
	if (events & STREAM_APIC_INIT) {
		/* One that waited was for the program that INIT has ended. */
		vp->lapic.events &= ~STREAM_APIC_NMI;
		vp_reg_init_all(s);
		lapic_reset(vp);
		if (!(s->apic_base & LAPIC_BASE_BSP))
			s->activity = HV_ACTIVITY_STARTUP_SUSPEND;
	}
	if ((events & STREAM_APIC_SIPI) &&
	    (s->activity & HV_ACTIVITY_STARTUP_SUSPEND)) {
		s->activity &= ~HV_ACTIVITY_STARTUP_SUSPEND;
		s->segment[VP_CS].selector = (u16)(vector << 8);
		s->segment[VP_CS].base = vector << 12;
		s->rip = 0;
	}
}

void vp_update(struct vp *vp)
{
	if (vp->lapic.events & (STREAM_APIC_INIT | STREAM_APIC_SIPI))
		take_startup(vp);
	lapic_timer_update(vp);
	stimer_update(vp);
}

u64 vp_timer_rest(const struct vp *vp)
{
	u64 apic = lapic_timer_rest(vp), synthetic = stimer_rest(vp);

	return apic < synthetic ? apic : synthetic;
}
