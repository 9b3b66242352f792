/*
 * The end of a restore: what was staged becomes the target's, in turns, since
 * a partition has up to 64 VPs and 130 overlay pages. The last byte of the
 * stream stays with the caller until all is done (restore.c), and the partition
 * does not run before that.
 */
#include "hv/arch.h"
#include "hv/chunk_vp.h"
#include "hv/msr.h"

#define GOOD HV_STATE_INCOMPLETE
#define DRY HV_STATE_PROCESSOR_INSUFFICIENT_MEMORY

static bool is_enabled(u64 msr)
{
	return msr & HV_MSR_PAGE_ENABLE;
}

/* ---- Memory for the tables of overlays ---- */

struct need {
	const struct partition *p;
	u64 neighbour; /* GPN of the overlay before */
	u64 pages;
};

/* What is made for one overlay serves its neighbour too. */
static void add_need(struct need *n, u64 msr)
{
	u64 gpn = msr >> PAGE_SHIFT;
	u32 tables, shared = 1;

	if (!is_enabled(msr))
		return;
	tables = arch_space_missing(&n->p->space.arch, gpa_of_page(gpn));
	while (shared <= tables &&
	       gpn >> 9 * shared != n->neighbour >> 9 * shared)
		shared++;
	n->pages += shared - 1;
	n->neighbour = gpn;
}

/*
 * The one step that needs memory comes first. What the old overlays give back
 * when they go is not counted: whoever needs it again finds it.
 */
static bool has_memory(struct context *c)
{
	struct partition *p = c->target;
	struct need need = { .p = p, .neighbour = ~0ull };

	if (is_enabled(c->partition.reference_tsc) && !reference_page(p))
		return false;
	add_need(&need, c->partition.hypercall);
	add_need(&need, c->partition.reference_tsc);
	for (u32 i = 0; i < PARTITION_VPS; i++) {
		if (!p->vps[i])
			continue;
		add_need(&need, chunk_staged_of(p->vps[i])->synic.simp);
		add_need(&need, chunk_staged_of(p->vps[i])->synic.siefp);
	}
	return need.pages <= p->pool.available;
}

/* ---- Steps ---- */

static bool put(struct partition *p, struct gpa_overlay *o, u64 msr,
                const void *page, u32 rights)
{
	return !is_enabled(msr) ||
	       gpa_overlay_set(p, o, msr >> PAGE_SHIFT, page, rights);
}

static bool apply_partition(struct context *c)
{
	struct partition *p = c->target;
	const struct stream_partition *in = &c->partition;

	if (!put(p, &p->hypercall_overlay, in->hypercall, msr_hypercall_page(),
	         ARCH_READ | ARCH_EXECUTE) ||
	    !put(p, &p->reference.overlay, in->reference_tsc, p->reference.page,
	         ARCH_READ))
		return false;
	p->hypercall = in->hypercall;
	p->guest_os_id = c->os_id;
	p->reference.msr = in->reference_tsc;
	return true;
}

static bool apply_vp(struct vp *vp)
{
	const struct stream_vp_synic *in = &chunk_staged_of(vp)->synic;
	u32 rights = ARCH_READ | ARCH_WRITE;

	if (!put(vp->partition, &vp->synic.sim_overlay, in->simp,
	         vp->pages[VP_PAGE_SIM], rights) ||
	    !put(vp->partition, &vp->synic.sief_overlay, in->siefp,
	         vp->pages[VP_PAGE_SIEF], rights))
		return false;
	chunk_vp_apply(vp);
	return true;
}

/* Time goes on from here, for all of them at once. */
static void finish(struct context *c)
{
	struct partition *p = c->target;

	c->tsc = arch_tsc();
	for (u32 i = 0; i < PARTITION_VPS; i++)
		if (p->vps[i])
			chunk_vp_resume(c, p->vps[i]);
	reference_set(p, c->partition.reference_time,
	              c->partition.tsc_sequence);
	p->half_restored = false;
}

/* ---- Turns ---- */

/* None of the steps is more than a call may do. */
_Static_assert(PARTITION_VPS *CONTEXT_COST_NEED <= CONTEXT_BUDGET, "memory");
_Static_assert(CONTEXT_COST_CLEAR <= CONTEXT_BUDGET, "an overlay goes");
_Static_assert(CONTEXT_COST_VP + 2 * CONTEXT_COST_PUT <= CONTEXT_BUDGET, "VP");

/* Of putting two overlay pages where their MSRs say. */
static u32 cost_of(u64 one, u64 other)
{
	return CONTEXT_COST_PUT * ((u32)is_enabled(one) + is_enabled(other));
}

/* False: more to do. */
static bool clear_overlays(struct context *c)
{
	struct gpa_space *space = &c->target->space;

	while (space->overlay_count > 0) {
		if (!context_spend(c, CONTEXT_COST_CLEAR))
			return false;
		gpa_overlay_clear(c->target,
		                  space->overlays[space->overlay_count - 1]);
	}
	return true;
}

/* Values of context.applied; from the last on: the VPs, by index. */
enum { STEP_MEMORY, STEP_PARTITION, STEP_VPS };

enum hv_save_restore_result chunk_apply(struct context *c)
{
	struct partition *p = c->target;
	const struct stream_vp_synic *in;

	c->applying = true;
	if (c->applied == STEP_MEMORY) {
		if (!context_spend(c, p->vp_count * CONTEXT_COST_NEED))
			return GOOD;
		if (!has_memory(c))
			return DRY;
		p->half_restored = true;
		c->applied = STEP_PARTITION;
	}
	if (c->applied == STEP_PARTITION) {
		if (!clear_overlays(c) ||
		    !context_spend(c, cost_of(c->partition.hypercall,
		                              c->partition.reference_tsc)))
			return GOOD;
		if (!apply_partition(c))
			return DRY;
		c->applied = STEP_VPS;
	}
	for (; c->applied < STEP_VPS + PARTITION_VPS; c->applied++) {
		struct vp *vp = p->vps[c->applied - STEP_VPS];

		if (!vp)
			continue;
		in = &chunk_staged_of(vp)->synic;
		if (!context_spend(c, CONTEXT_COST_VP +
		                              cost_of(in->simp, in->siefp)))
			return GOOD;
		if (!apply_vp(vp))
			return DRY;
	}
	finish(c);
	return HV_STATE_COMPLETE;
}
