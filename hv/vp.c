/*
 * Virtual processors: creation, deletion, and where their state is.
 */
#include "hv/vp.h"

#include "hv/arch.h"
#include "hv/check.h"
#include "hv/cpu.h"
#include "hv/debug.h"
#include "hv/exit.h"
#include "hv/log.h"
#include "hv/partition.h"
#include "hv/sched.h"
#include "hv/vp_confine.h"
#include "hv/vp_rules.h"

bool vp_is_suspended(const struct vp *vp)
{
	return (vp->explicit_suspend | vp->intercept_suspend) & HV_SUSPENDED;
}

/*
 * Who has halted by itself has no debug exception waiting, which would have ended
 * it (exits.c). So only what its parent or a stream gave it is looked at.
 */
static bool wakes_by_debug(struct vp *vp)
{
	if (!vp->unjudged && !(vp->cached & VP_PART_MSRS))
		return false;
	return debug_is_due(vp_state_part(vp, VP_PART_MSRS)->pending_debug);
}

bool vp_runnable(struct vp *vp)
{
	const struct vp_state *s = &vp->state;

	if (vp_is_suspended(vp))
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
	s = vp_state_change(vp, VP_PART_PAGING);
	if (vp_state_uses_pdptes(s) &&
	    gpa_lookup(vp->partition, (u32)s->cr3 >> PAGE_SHIFT, &m) &&
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
	const struct vp_rule *rules = vp_rules(&count);
	const struct vp_state *s = vp_state_part(vp, VP_PART_CORE);

	for (u32 i = 0; i < count; i++) {
		if (!(rules[i].parts & vp->unjudged) ||
		    !vp_rule_applies(&rules[i], s))
			continue;
		if (!rules[i].holds(vp_state_part(vp, rules[i].parts)))
			return &rules[i];
	}
	return NULL;
}

const struct vp_rule *vp_judge(struct vp *vp)
{
	const struct vp_rule *broken = NULL;

	settle_pdptes(vp);
	if (vp->resumed)
		debug_resume(vp);
	vp->resumed = false;
	if (vp->unjudged)
		broken = first_broken(vp);
	if (!broken)
		vp->unjudged = 0;
	return broken;
}

bool vp_enters(struct vp *vp)
{
	const struct vp_rule *broken;

	broken = vp_judge(vp);
	if (!broken)
		return true;
	log_line("partition %u VP %u: not entered: %s", vp->partition->id,
	         (u64)vp->index, broken->what);
	exit_invalid_state(vp);
	return false;
}

void vp_update(struct vp *vp)
{
	lapic_update(vp);
	stimer_update(vp);
}

u64 vp_timer_rest(const struct vp *vp)
{
	u64 apic = lapic_timer_rest(vp), synthetic = stimer_rest(vp);

	return apic < synthetic ? apic : synthetic;
}

#define UNITS REFERENCE_UNITS

u64 vp_runtime(const struct vp *vp)
{
	u64 hz = arch_facts()->tsc_hz, ticks = vp->runtime;

	if (vp->cpu->current == vp)
		ticks += arch_tsc() - vp->cpu->current_since;
	return ticks / hz * UNITS + ticks % hz * UNITS / hz;
}

/* Rounded up, so that the same number is read again. */
void vp_set_runtime(struct vp *vp, u64 units)
{
	u64 hz = arch_facts()->tsc_hz;

	vp->runtime =
		units / UNITS * hz + (units % UNITS * hz + UNITS - 1) / UNITS;
	if (vp->cpu->current == vp)
		vp->cpu->current_since = arch_tsc();
}

const struct vp_state *vp_state_part(struct vp *vp, u32 parts)
{
	u32 missing = (parts | VP_PART_CORE) & ~vp->cached;

	if (missing) {
		arch_vp_capture(vp, missing);
		vp->cached |= missing;
	}
	/* LIVE comes at a switch too (switch.c), without our asking. */
	missing |= parts & VP_PART_LIVE;
	missing &= vp->is_root ? 0 : VP_CONFINED;
	if (missing)
		vp_confine(&vp->state, missing);
	return &vp->state;
}

struct vp_state *vp_state_change(struct vp *vp, u32 parts)
{
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

static void free_pages(struct partition *p, struct vp *vp)
{
	for (u32 i = 0; i < VP_PAGES; i++)
		if (vp->pages[i])
			pool_free(&p->pool, vp->pages[i]);
	pool_free(&p->pool, vp);
}

static struct vp *alloc_pages(struct partition *p)
{
	struct vp *vp = pool_alloc(&p->pool);

	if (!vp)
		return NULL;
	for (u32 i = 0; i < VP_PAGES; i++) {
		vp->pages[i] = pool_alloc(&p->pool);
		if (!vp->pages[i]) {
			free_pages(p, vp);
			return NULL;
		}
	}
	return vp;
}

u64 vp_tsc_at(const struct vp *vp, u64 tsc)
{
	return tsc_at(&vp->partition->clock, tsc) + vp->state.tsc_offset;
}

/*
 * The TSCs of a partition's VPs agree, as those of one machine do. The first one's
 * begins with 0.
 */
static void join_tsc(struct vp *vp)
{
	struct partition *p = vp->partition;

	vp->state.tsc_offset = -tsc_at(&p->clock, arch_tsc());
	for (u32 i = 0; p->vp_count && i < PARTITION_VPS; i++) {
		if (!p->vps[i])
			continue;
		vp->state.tsc_offset = p->vps[i]->state.tsc_offset;
		return;
	}
}

enum hv_status vp_create(struct partition *partition, u32 index,
                         struct cpu *cpu)
{
	struct vp *vp = alloc_pages(partition);

	if (!vp)
		return HV_STATUS_INSUFFICIENT_MEMORY;
	vp->partition = partition;
	vp->cpu = cpu;
	vp->index = index;
	vp->vpid = (u16)(1 + partition->slot * PARTITION_VPS + index);
	vp->is_root = partition->parent == NULL;
	vp->cached = vp->dirty = VP_PART_ALL;
	vp->explicit_suspend = vp->is_root ? 0 : HV_SUSPENDED;
	vp->held_since = arch_tsc();
	list_init(&vp->message_link);
	list_init(&vp->ready);
	synic_reset(&vp->synic);
	vp_state_reset(&vp->state, vp_xsave(vp));
	join_tsc(vp);
	/* VP 0 is the boot processor, the others wait for it (SDM 9.4). */
	if (index != 0)
		vp->state.activity = HV_ACTIVITY_STARTUP_SUSPEND;
	else
		vp->state.apic_base |= LAPIC_BASE_BSP;
	lapic_reset(vp);
	arch_vp_init(vp);
	partition->vps[index] = vp;
	partition->vp_count++;
	reference_update(partition);
	return HV_STATUS_SUCCESS;
}

void vp_stop(struct vp *vp)
{
	arch_vp_kick(vp);
	vp->explicit_suspend = HV_SUSPENDED;
}

void vp_delete(struct vp *vp)
{
	struct partition *p = vp->partition;

	CHECK(!vp->is_root);
	arch_vp_kick(vp);
	sched_forget(vp);
	synic_cancel(vp);
	synic_free(vp);
	arch_vp_free(vp);
	p->vps[vp->index] = NULL;
	p->vp_count--;
	free_pages(p, vp);
	reference_update(p);
}
