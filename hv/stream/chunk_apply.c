/*
 * The end of a restore: what was staged becomes the target's, in turns, since
 * a partition has up to 64 VPs and 130 overlay pages. The last byte of the
 * stream stays with the caller until all is done (restore.c), and the partition
 * does not run before that.
 */
#include "hv/arch.h"
#include "hv/base/check.h"
#include "hv/base/log.h"
#include "hv/interrupt/synic.h"
#include "hv/stream/chunk_vp.h"
#include "hv/vp/hypercall_page.h"

static bool is_enabled(u64 msr)
{
	return msr & HV_MSR_PAGE_ENABLE;
}

/* ---- Steps ---- */

/*
 * No two have one place, as the checks of their chunks have seen to, and no memory is
 * needed (gpa.h): so it cannot fail.
 */
static void put(struct partition *p, struct gpa_overlay *o, u64 msr,
                const void *page, u32 rights)
{
	if (is_enabled(msr))
		CHECK(gpa_overlay_set(&p->space, o, msr >> PAGE_SHIFT, page,
		                      rights) == HV_STATUS_SUCCESS);
}

static void apply_partition(struct context *c)
{
	struct partition *p = c->target;
	const struct stream_partition *in = &c->restore.partition;

	put(p, &p->hypercall_overlay, in->hypercall, arch_hypercall_page(),
	    ARCH_READ | ARCH_EXECUTE);
	put(p, &p->reference.overlay, in->reference_tsc, p->reference.page,
	    ARCH_READ);
	p->hypercall = in->hypercall;
	p->guest_os_id = c->restore.os_id;
	p->reference.msr = in->reference_tsc;
}

static void apply_vp(struct vp *vp)
{
	const struct stream_vp_synic *in = &chunk_staged_of(vp)->synic;
	u32 rights = ARCH_READ | ARCH_WRITE;

	put(vp->partition, &vp->synic.sim_overlay, in->simp,
	    vp->pages[VP_PAGE_SIM], rights);
	put(vp->partition, &vp->synic.sief_overlay, in->siefp,
	    vp->pages[VP_PAGE_SIEF], rights);
	chunk_vp_apply(vp);
}

/* Time goes on from here, for all of them at once. */
static void finish(struct context *c)
{
	struct partition *p = c->target;

	/* One reading for all: their TSCs stay as far apart as they were. */
	c->tsc = arch_tsc();
	p->clock = compat_clock(&c->restore.compat);
	if (p->clock.ratio)
		log_line("partition %u: its TSC goes on at %u Hz, scaled",
		         p->id, p->clock.hz);
	for (u32 i = 0; i < PARTITION_VPS; i++)
		if (p->vps[i])
			chunk_vp_resume(c, p->vps[i]);
	reference_set(p, c->restore.partition.reference_time,
	              c->restore.partition.tsc_sequence);
	p->half_restored = false;
	/* Messages were queued by chunk_vp_resume: delivered in one go. */
	synic_flush(partition_parent_vp(p));
}

/* ---- Turns ---- */

/* None of the steps is more than a call may do. */
_Static_assert(CONTEXT_COST_CLEAR <= CONTEXT_BUDGET, "an overlay goes");
_Static_assert(CONTEXT_COST_VP + 2 * CONTEXT_COST_PUT <= CONTEXT_BUDGET, "VP");
_Static_assert(PARTITION_VPS *CONTEXT_COST_FINISH <= CONTEXT_BUDGET, "end");

/* Of putting two overlay pages where their MSRs say. */
static u32 cost_of(u64 one, u64 other)
{
	return CONTEXT_COST_PUT * ((u32)is_enabled(one) + is_enabled(other));
}

/* False: more to do. */
/* All go before the first new one comes: no two may lie over one page. */
static bool clear_overlays(struct context *c)
{
	struct gpa_space *space = &c->target->space;

	while (space->overlay_count > 0) {
		if (!context_spend(c, CONTEXT_COST_CLEAR))
			return false;
		gpa_overlay_clear(&c->target->space,
		                  space->overlays[space->overlay_count - 1]);
	}
	return true;
}

/* Values of context_restore.applied. */
enum {
	STEP_BEGIN,
	STEP_PARTITION,
	STEP_VPS,
	STEP_FINISH = STEP_VPS + PARTITION_VPS,
};

/* CHUNK_GOOD: all of them have become what was staged. */
static enum chunk_verdict apply_vps(struct context *c)
{
	const struct stream_vp_synic *in;

	for (; c->restore.applied < STEP_FINISH; c->restore.applied++) {
		struct vp *vp = c->target->vps[c->restore.applied - STEP_VPS];

		if (!vp)
			continue;
		in = &chunk_staged_of(vp)->synic;
		if (!context_spend(c, CONTEXT_COST_VP +
		                              cost_of(in->simp, in->siefp)))
			return CHUNK_AGAIN;
		apply_vp(vp);
	}
	return CHUNK_GOOD;
}

enum chunk_verdict chunk_apply(struct context *c)
{
	struct partition *p = c->target;
	enum chunk_verdict v;

	c->restore.applying = true;
	if (c->restore.applied == STEP_BEGIN) {
		/* Each VP has paid for its own; without any it is not there. */
		if (is_enabled(c->restore.partition.reference_tsc) &&
		    !reference_page(p))
			return chunk_ends(
				c, HV_STATE_PROCESSOR_INSUFFICIENT_MEMORY);
		/* From here on a failure leaves it neither old nor new. */
		p->half_restored = true;
		c->restore.applied = STEP_PARTITION;
	}
	if (c->restore.applied == STEP_PARTITION) {
		if (!clear_overlays(c) ||
		    !context_spend(c,
		                   cost_of(c->restore.partition.hypercall,
		                           c->restore.partition.reference_tsc)))
			return CHUNK_AGAIN;
		apply_partition(c);
		c->restore.applied = STEP_VPS;
	}
	v = apply_vps(c);
	if (v != CHUNK_GOOD)
		return v;
	if (!context_spend(c, p->vp_count * CONTEXT_COST_FINISH))
		return CHUNK_AGAIN;
	finish(c);
	return chunk_ends(c, HV_STATE_COMPLETE);
}
