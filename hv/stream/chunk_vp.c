/*
 * The chunks of a virtual processor. A restore gathers a VP in its staging
 * pages; what it ran with before stays whole until the stream has ended well.
 */
#include "hv/stream/chunk_vp.h"

#include "hv/arch.h"
#include "hv/base/log.h"
#include "hv/interrupt/lapic.h"
#include "hv/interrupt/synic.h"
#include "hv/run/vp_reg.h"
#include "hv/stream/chunk_fields.h"
#include "hv/stream/stream.h"
#include "hv/vp/vp_rules.h"
#include "include/x86.h"
#include "include/x86_apic.h"

#define vp_of chunk_vp
#define staged chunk_staged

static const struct vp_state *saved(const struct context *c)
{
	return vp_state_read(vp_of(c));
}

static struct vp_xsave *staged_xsave(const struct context *c)
{
	return vp_of(c)->pages[VP_PAGE_STAGED_XSAVE];
}

/* ---- VP: which one follows ---- */

enum chunk_saved chunk_vp_save(struct context *c)
{
	struct stream_vp *out;

	/* Indices may have gaps: a VP can be deleted, or created at any index. */
	while (c->vp < PARTITION_VPS && !vp_of(c))
		c->vp++;
	if (c->vp == PARTITION_VPS)
		return CHUNK_NONE;
	out = chunk_payload(c, sizeof(*out));
	out->vp_index = c->vp;
	return CHUNK_ONE;
}

/* VPs come in ascending order; that the index exists, VP_INDICES has shown. */
enum chunk_verdict chunk_vp_check(struct context *c)
{
	const struct stream_vp *in = (const struct stream_vp *)c->buffer;

	if (!chunk_reserved_zero(c, in) || in->vp_index >= PARTITION_VPS ||
	    !c->target->vps[in->vp_index] ||
	    c->restore.vps_seen >> in->vp_index)
		return chunk_corrupt(c);
	c->vp = in->vp_index;
	c->restore.vps_seen |= BIT(c->vp);
	c->restore.has_message = false;
	/* A restore that ended early has left its chunks here. */
	arch_zero_page(staged(c));
	arch_zero_page(staged_xsave(c));
	return CHUNK_GOOD;
}

/* ---- Registers that are places in the state ---- */

enum chunk_saved chunk_state_save(struct context *c)
{
	const struct chunk_kind *k = chunk_kind(c);

	field_save(k->fields, chunk_payload(c, k->min), saved(c));
	return CHUNK_ONE;
}

/* Whether the values can be in the registers is asked when all have come. */
enum chunk_verdict chunk_state_check(struct context *c)
{
	if (!chunk_reserved_zero(c, c->buffer))
		return chunk_corrupt(c);
	field_load(chunk_kind(c)->fields, c->buffer, &staged(c)->state);
	return CHUNK_GOOD;
}

/* ---- CR8, which the local APIC has ---- */

enum chunk_saved chunk_control_save(struct context *c)
{
	struct stream_vp_control *out = (struct stream_vp_control *)c->buffer;
	enum chunk_saved made = chunk_state_save(c);

	out->cr8 = lapic_cr8(vp_of(c));
	return made;
}

enum chunk_verdict chunk_control_check(struct context *c)
{
	const struct stream_vp_control *in =
		(const struct stream_vp_control *)c->buffer;

	staged(c)->cr8 = in->cr8;
	return chunk_state_check(c);
}

/* ---- Segments ---- */

/* The CPL of a VMX guest is SS.DPL. */
static u8 cpl_of(const struct hv_segment *segment)
{
	return (segment[VP_SS].attributes >> 5) & 3;
}

enum chunk_saved chunk_segment_save(struct context *c)
{
	struct stream_vp_segment *out = (struct stream_vp_segment *)c->buffer;
	enum chunk_saved made = chunk_state_save(c);

	out->cpl = cpl_of(out->seg);
	return made;
}

enum chunk_verdict chunk_segment_check(struct context *c)
{
	const struct stream_vp_segment *in =
		(const struct stream_vp_segment *)c->buffer;

	return in->cpl == cpl_of(in->seg) ? chunk_state_check(c)
	                                  : chunk_corrupt(c);
}

/* ---- Floating point and extended state ---- */

enum chunk_saved chunk_fp_save(struct context *c)
{
	field_save(chunk_fp_fields,
	           chunk_payload(c, sizeof(struct stream_vp_fp)),
	           vp_xsave(vp_of(c)));
	return CHUNK_ONE;
}

enum chunk_verdict chunk_fp_check(struct context *c)
{
	struct vp_fxsave *x = &staged_xsave(c)->legacy;
	u32 mask = arch_facts()->compat.mxcsr_mask;

	field_load(chunk_fp_fields, c->buffer, staged_xsave(c));
	/* FXRSTOR ignores the mask of the image: ours is what FXSAVE shows here. */
	arch_copy(x->xmm_control_status + 12, &mask, sizeof(mask));
	/* No VP_XSAVE will come to say so: these bytes are the state. */
	if (arch_facts()->has_xsave && !chunk_xsave_needed(c))
		staged_xsave(c)->xstate_bv = XSTATE_LEGACY;
	return CHUNK_GOOD;
}

/* Bytes of a VP_XSAVE payload from a machine with these facts. */
static u32 xsave_bytes(const struct stream_compat *compat)
{
	u32 size = compat->xsave_size;

	/* The legacy area and the header: a machine without XSAVE says less. */
	if (size < 576 || size > PAGE_SIZE)
		return 0;
	return ((size - 512) + STREAM_ALIGN - 1) & ~(STREAM_ALIGN - 1u);
}

/* All of the area: a component in its initial state may hold anything there. */
enum chunk_saved chunk_xsave_save(struct context *c)
{
	const struct vp_xsave *x = vp_xsave(vp_of(c));
	u32 bytes = xsave_bytes(&arch_facts()->compat);

	if (!bytes)
		return CHUNK_NONE;
	arch_copy(chunk_payload(c, bytes), &x->xstate_bv, bytes);
	return CHUNK_ONE;
}

bool chunk_xsave_needed(const struct context *c)
{
	return xsave_bytes(&c->restore.compat) != 0;
}

/*
 * The components lie at the same offsets here: compat_check has seen to it. A
 * source without XSAVE has none, a target without would have been refused.
 */
enum chunk_verdict chunk_xsave_check(struct context *c)
{
	if (c->header.length != xsave_bytes(&c->restore.compat))
		return chunk_corrupt(c);
	arch_copy(&staged_xsave(c)->xstate_bv, c->buffer, c->header.length);
	return CHUNK_GOOD;
}

/* ---- MSRs: the rows of the state table that have an MSR number ---- */

/* EFER is in VP_CONTROL; the TSC is kept as an offset, and saved as a value. */
static bool is_stream_msr(const struct vp_reg *r)
{
	return r->chunk == STREAM_VP_MSRS;
}

static u64 *msr_place(struct chunk_staged *s, const struct vp_reg *r, u32 index)
{
	if (r->kind == VP_REG_TSC)
		return &s->tsc;
	return (u64 *)(void *)((u8 *)&s->state + r->offset + index * r->stride);
}

enum chunk_saved chunk_msrs_save(struct context *c)
{
	const struct vp_state *s = saved(c);
	struct stream_msr *out =
		(struct stream_msr *)chunk_payload(c, PAGE_SIZE);
	u32 rows;
	const struct vp_reg *r = vp_reg_table(&rows);
	u32 n = 0;

	for (; rows > 0; rows--, r++) {
		for (u32 i = 0; is_stream_msr(r) && i < r->count; i++, n++) {
			out[n].name = r->name + i;
			arch_copy(&out[n].value,
			          (const u8 *)s + r->offset + i * r->stride, 8);
			/* As of START for all VPs, however long the save takes. */
			if (r->kind == VP_REG_TSC)
				out[n].value = vp_tsc_at(vp_of(c), c->tsc);
		}
	}
	c->header.length = n * (u32)sizeof(*out);
	return CHUNK_ONE;
}

/*
 * Each MSR once, in ascending order of names. One that is not in the stream
 * keeps its value after reset; one that we do not have is a form of state that
 * this machine has no counterpart for.
 */
enum chunk_verdict chunk_msrs_check(struct context *c)
{
	const struct stream_msr *in = (const struct stream_msr *)c->buffer;
	u32 count = c->header.length / (u32)sizeof(*in);
	const struct vp_reg *r;
	u32 rows, at;

	/* Found by name one by one: has_done_enough has left the room for it. */
	context_charge(c, CONTEXT_COST_MSRS);
	r = vp_reg_table(&rows);
	for (; rows > 0; rows--, r++)
		for (u32 i = 0; is_stream_msr(r) && i < r->count; i++)
			*msr_place(staged(c), r, i) = r->reset;
	/* APIC_BASE.BSP after reset is the boot processor's alone (SDM 8.4.1). */
	if (c->vp == 0)
		staged(c)->state.apic_base |= LAPIC_BASE_BSP;
	for (u32 i = 0; i < count; i++) {
		if (!chunk_reserved_zero(c, &in[i]) ||
		    (i > 0 && in[i].name <= in[i - 1].name))
			return chunk_corrupt(c);
		r = vp_reg_find(in[i].name, &at);
		if (!r || !is_stream_msr(r))
			return chunk_ends(c, HV_STATE_INCOMPATIBLE_PROCESSOR);
		*msr_place(staged(c), r, at) = in[i].value;
	}
	return CHUNK_GOOD;
}

/* ---- The end ---- */

/*
 * An overlay of this VP may lie where none of the partition's lies, nor one of the
 * VPs before it; they were all checked when their turn came.
 */
static bool is_free(const struct context *c, u64 value)
{
	u64 others = chunk_vps_before(c, c->vp);
	const struct chunk_staged *s;

	if (!(value & HV_MSR_PAGE_ENABLE))
		return true;
	if (stream_same_page(value, c->restore.partition.hypercall) ||
	    stream_same_page(value, c->restore.partition.reference_tsc))
		return false;
	for (; others; others &= others - 1) {
		s = chunk_staged_of(c->target->vps[__builtin_ctzll(others)]);
		if (stream_same_page(value, s->synic.simp) ||
		    stream_same_page(value, s->synic.siefp))
			return false;
	}
	return true;
}

static bool holds_together(const struct context *c)
{
	const struct vp_rule *broken = vp_rules_broken(&staged(c)->state);

	/* Said by name: the sender may be able to mend it. */
	if (broken)
		log_line("partition %u VP %u: not restored: %s", c->target->id,
		         (u64)c->vp, broken->what);
	return !broken;
}

/* PDPTEs are those of PAE paging and nothing else. */
static bool pdptes_valid(const struct vp_state *s)
{
	return vp_state_uses_pdptes(s) ||
	       field_all_zero(s->pdpte, sizeof(s->pdpte));
}

static bool registers_valid(const struct context *c)
{
	const struct vp_state *s = &staged(c)->state;
	u32 refused;

	if (vp_reg_all_valid(s, staged_xsave(c)))
		return true;
	refused = vp_reg_refused(s);
	if (refused)
		log_line("partition %u VP %u: not restored: register %x",
		         c->target->id, (u64)c->vp, (u64)refused);
	return false;
}

bool chunk_vp_valid(const struct context *c)
{
	const struct chunk_staged *s = staged(c);

	return registers_valid(c) && pdptes_valid(&s->state) &&
	       chunk_events_valid(c) && is_free(c, s->synic.simp) &&
	       is_free(c, s->synic.siefp) &&
	       !stream_same_page(s->synic.simp, s->synic.siefp) &&
	       holds_together(c);
}

void chunk_vp_apply(struct vp *vp)
{
	struct chunk_staged *s = chunk_staged_of(vp);
	void *xsave = vp->pages[VP_PAGE_XSAVE];

	/* The old message would be delivered as if the new VP had sent it. */
	synic_cancel(vp);
	vp->state = s->state;
	/* Nothing of it is in the hardware: the next entry writes it all. */
	vp->cached = vp->dirty = VP_PART_ALL;
	/* The rules were asked of all of it when it came. */
	vp->unvalidated = 0;
	vp->renewed = true;
	vp->pdptes_stale = false;
	vp->resumed = false;
	/* Pages change places, which is cheaper than a copy of 4096 bytes. */
	vp->pages[VP_PAGE_XSAVE] = vp->pages[VP_PAGE_STAGED_XSAVE];
	vp->pages[VP_PAGE_STAGED_XSAVE] = xsave;
	vp->explicit_suspend = s->explicit_suspend;
	vp->held_here = false;
	vp->intercept_suspend = s->intercept_suspend;
	chunk_events_apply(vp);
	vp->message = s->message;
	/* The id may be another one here (interface 1.8). */
	vp->message.sender = vp->partition->id;
}

void chunk_vp_resume(const struct context *c, struct vp *vp)
{
	vp->state.tsc_offset = chunk_staged_of(vp)->tsc -
	                       tsc_at(&vp->partition->clock, c->tsc);
	/* The ticks of the restore itself are all there. */
	vp->held_since = arch_tsc();
	if (vp->message.type != HV_MESSAGE_NONE)
		synic_queue(partition_parent_vp(vp->partition), vp);
}
