/*
 * The end of a restore: what was staged becomes the target's, in turns, since
 * a partition has up to 64 VPs and 130 overlay pages. The last byte of the
 * stream stays with the caller until all is done (restore.c), and the partition
 * does not run before that.
 */
#include "hv/arch.h"
#include "hv/base/log.h"
#include "hv/interrupt/synic.h"
#include "hv/stream/chunk_vp.h"
#include "hv/vp/hypercall_page.h"

static bool is_enabled(u64 msr)
{
	return msr & HV_MSR_PAGE_ENABLE;
}

static const struct chunk_staged *staged_of(const struct context *c, u32 index)
{
	return chunk_staged_of(c->target->vps[index]);
}

/* ---- Memory for the tables of overlays ---- */

/* The distance of the nearest overlay, in pages; ~0: there is none. */
static u64 nearer(u64 nearest, u64 one, u64 other)
{
	u64 distance = (one ^ other) >> PAGE_SHIFT;

	return is_enabled(other) && distance < nearest ? distance : nearest;
}

/* The overlay pages of a VP, or of the partition; which of both does not matter. */
struct overlays {
	u64 msr[2];
	u64 nearest[2]; /* of those that were counted before */
};

static struct overlays overlays_of(u64 one, u64 other)
{
	return (struct overlays){ { one, other },
		                  { ~0ull, nearer(~0ull, other, one) } };
}

static void compare(struct overlays *o, u64 one, u64 other)
{
	for (u32 i = 0; i < ARRAY_LEN(o->msr); i++) {
		o->nearest[i] = nearer(o->nearest[i], o->msr[i], one);
		o->nearest[i] = nearer(o->nearest[i], o->msr[i], other);
	}
}

/*
 * Pages for the tables of an overlay that are not there yet. One that is made
 * for an overlay before it serves this one too.
 */
static u32 need_of(const struct context *c, u64 msr, u64 nearest)
{
	u32 missing, need = 0;

	if (!is_enabled(msr))
		return 0;
	missing = arch_space_missing(&c->target->space.arch,
	                             gpa_of_page(msr >> PAGE_SHIFT));
	/* A table covers 2^9 of those below it: nine bits of a page number. */
	while (need < missing && nearest >> 9 * (need + 1))
		need++;
	return need;
}

static u32 need_of_both(const struct context *c, const struct overlays *o)
{
	return need_of(c, o->msr[0], o->nearest[0]) +
	       need_of(c, o->msr[1], o->nearest[1]);
}

static u32 need_of_partition(const struct context *c)
{
	struct overlays o = overlays_of(c->restore.partition.hypercall,
	                                c->restore.partition.reference_tsc);

	return need_of_both(c, &o);
}

static u32 need_of_vp(const struct context *c, u32 index)
{
	const struct stream_vp_synic *s = &staged_of(c, index)->synic;
	u64 others = chunk_vps_before(c, index);
	struct overlays o = overlays_of(s->simp, s->siefp);

	compare(&o, c->restore.partition.hypercall,
	        c->restore.partition.reference_tsc);
	for (; others; others &= others - 1) {
		s = &staged_of(c, (u32)__builtin_ctzll(others))->synic;
		compare(&o, s->simp, s->siefp);
	}
	return need_of_both(c, &o);
}

/*
 * What the old overlays give back when they go is not counted: whoever needs it
 * again finds it.
 */
static bool has_memory(struct context *c)
{
	struct partition *p = c->target;

	if (is_enabled(c->restore.partition.reference_tsc) &&
	    !reference_page(p))
		return false;
	return c->restore.need + need_of_partition(c) <= p->pool.available;
}

/* ---- Steps ---- */

static bool put(struct partition *p, struct gpa_overlay *o, u64 msr,
                const void *page, u32 rights)
{
	return !is_enabled(msr) ||
	       gpa_overlay_set(&p->space, o, msr >> PAGE_SHIFT, page, rights) ==
	               HV_STATUS_SUCCESS;
}

static bool apply_partition(struct context *c)
{
	struct partition *p = c->target;
	const struct stream_partition *in = &c->restore.partition;

	/* The page of the reference TSC is there: has_memory has seen to it. */
	if (!put(p, &p->hypercall_overlay, in->hypercall, arch_hypercall_page(),
	         ARCH_READ | ARCH_EXECUTE) ||
	    !put(p, &p->reference.overlay, in->reference_tsc, p->reference.page,
	         ARCH_READ))
		return false;
	p->hypercall = in->hypercall;
	p->guest_os_id = c->restore.os_id;
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

static enum chunk_verdict dry(struct context *c)
{
	return chunk_ends(c, HV_STATE_PROCESSOR_INSUFFICIENT_MEMORY);
}

/* None of the steps is more than a call may do. */
_Static_assert(PARTITION_VPS *CONTEXT_COST_NEED <= CONTEXT_BUDGET, "need");
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

/*
 * Values of context_restore.applied. The one step that needs memory comes first: what it
 * takes is counted by VP, and then the VPs become what was staged.
 */
enum {
	STEP_NEED,
	STEP_MEMORY = STEP_NEED + PARTITION_VPS,
	STEP_PARTITION,
	STEP_VPS,
	STEP_FINISH = STEP_VPS + PARTITION_VPS,
};

/* False: more to do. */
static bool count_need(struct context *c)
{
	u32 index;

	for (; c->restore.applied < STEP_MEMORY; c->restore.applied++) {
		index = c->restore.applied - STEP_NEED;
		if (!c->target->vps[index])
			continue;
		/* As if all VPs before it were there. */
		if (!context_spend(c, (index + 1) * CONTEXT_COST_NEED))
			return false;
		c->restore.need += need_of_vp(c, index);
	}
	return true;
}

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
		if (!apply_vp(vp))
			return dry(c);
	}
	return CHUNK_GOOD;
}

enum chunk_verdict chunk_apply(struct context *c)
{
	struct partition *p = c->target;
	enum chunk_verdict v;

	c->restore.applying = true;
	if (!count_need(c))
		return CHUNK_AGAIN;
	if (c->restore.applied == STEP_MEMORY) {
		if (!has_memory(c))
			return dry(c);
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
		if (!apply_partition(c))
			return dry(c);
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
