/*
 * The chunks of a virtual processor. A restore gathers a VP in its staging
 * pages; what it ran with before stays whole until the stream has ended well.
 */
#include "hv/arch.h"
#include "hv/check.h"
#include "hv/chunk.h"
#include "hv/cpu.h"
#include "hv/partition.h"
#include "hv/vp.h"

struct chunk_staged {
	struct vp_state state;
	u64 tsc; /* the guest's TSC; an offset is made of it at the end */
	u64 explicit_suspend;
	u64 intercept_suspend;
	struct hv_message message;
	u64 cr8;
	bool has_apic; /* else as after reset, but for CR8 */
	struct stream_vp_apic apic;
};
_Static_assert(sizeof(struct chunk_staged) <= PAGE_SIZE, "a staging page");

#define XSTATE_LEGACY 3u /* x87 and SSE */
#define GOOD HV_STATE_INCOMPLETE
#define BAD HV_STATE_CORRUPT_DATA

static struct vp *vp_of(const struct context *c)
{
	return c->target->vps[c->vp];
}

static const struct vp_state *saved(const struct context *c)
{
	return vp_state_read(vp_of(c));
}

static struct chunk_staged *staged(const struct context *c)
{
	return vp_of(c)->pages[VP_PAGE_STAGED];
}

static struct vp_xsave *staged_xsave(const struct context *c)
{
	return vp_of(c)->pages[VP_PAGE_STAGED_XSAVE];
}

/* ---- VP: which one follows ---- */

enum chunk_saved chunk_vp_save(struct context *c)
{
	struct stream_vp *out;

	while (c->vp < PARTITION_VPS && !vp_of(c))
		c->vp++;
	if (c->vp == PARTITION_VPS)
		return CHUNK_NONE;
	out = chunk_payload(c, sizeof(*out));
	out->vp_index = c->vp;
	return CHUNK_ONE;
}

/* VPs come in ascending order; that the index exists, VP_INDICES has shown. */
enum hv_save_restore_result chunk_vp_check(struct context *c)
{
	const struct stream_vp *in = (const struct stream_vp *)c->buffer;

	for (u32 i = 0; i < sizeof(in->padding); i++)
		if (in->padding[i])
			return BAD;
	if (in->vp_index >= PARTITION_VPS || !c->target->vps[in->vp_index] ||
	    c->vps_seen >> in->vp_index)
		return BAD;
	c->vp = in->vp_index;
	c->vps_seen |= BIT(c->vp);
	c->has_message = false;
	arch_zero_page(staged(c));
	arch_zero_page(staged_xsave(c));
	return GOOD;
}

/* ---- General, control, debug, table registers ---- */

enum chunk_saved chunk_gp_save(struct context *c)
{
	const struct vp_state *s = saved(c);
	struct stream_vp_gp *out = chunk_payload(c, sizeof(*out));

	arch_copy(out->gpr, s->gpr, sizeof(out->gpr));
	out->rip = s->rip;
	out->rflags = s->rflags;
	return CHUNK_ONE;
}

enum hv_save_restore_result chunk_gp_check(struct context *c)
{
	const struct stream_vp_gp *in = (const struct stream_vp_gp *)c->buffer;
	struct vp_state *s = &staged(c)->state;

	arch_copy(s->gpr, in->gpr, sizeof(s->gpr));
	s->rip = in->rip;
	s->rflags = in->rflags;
	return GOOD;
}

enum chunk_saved chunk_control_save(struct context *c)
{
	const struct vp_state *s = saved(c);
	struct stream_vp_control *out = chunk_payload(c, sizeof(*out));

	*out = (struct stream_vp_control){
		s->cr0, s->cr2, s->cr3, s->cr4, lapic_cr8(vp_of(c)), s->efer
	};
	return CHUNK_ONE;
}

enum hv_save_restore_result chunk_control_check(struct context *c)
{
	const struct stream_vp_control *in =
		(const struct stream_vp_control *)c->buffer;
	struct vp_state *s = &staged(c)->state;

	s->cr0 = in->cr0;
	s->cr2 = in->cr2;
	s->cr3 = in->cr3;
	s->cr4 = in->cr4;
	staged(c)->cr8 = in->cr8;
	s->efer = in->efer;
	return GOOD;
}

enum chunk_saved chunk_debug_save(struct context *c)
{
	const struct vp_state *s = saved(c);
	struct stream_vp_debug *out = chunk_payload(c, sizeof(*out));

	arch_copy(out->dr, s->dr, sizeof(out->dr));
	out->dr6 = s->dr6;
	out->dr7 = s->dr7;
	return CHUNK_ONE;
}

enum hv_save_restore_result chunk_debug_check(struct context *c)
{
	const struct stream_vp_debug *in =
		(const struct stream_vp_debug *)c->buffer;
	struct vp_state *s = &staged(c)->state;

	arch_copy(s->dr, in->dr, sizeof(s->dr));
	s->dr6 = in->dr6;
	s->dr7 = in->dr7;
	return GOOD;
}

enum chunk_saved chunk_table_save(struct context *c)
{
	const struct vp_state *s = saved(c);
	struct stream_vp_table *out = chunk_payload(c, sizeof(*out));

	out->idtr.limit = (u16)s->idtr.limit;
	out->idtr.base = s->idtr.base;
	out->gdtr.limit = (u16)s->gdtr.limit;
	out->gdtr.base = s->gdtr.base;
	return CHUNK_ONE;
}

static bool table_padded(const struct stream_table *t)
{
	return t->pad[0] || t->pad[1] || t->pad[2];
}

enum hv_save_restore_result chunk_table_check(struct context *c)
{
	const struct stream_vp_table *in =
		(const struct stream_vp_table *)c->buffer;
	struct vp_state *s = &staged(c)->state;

	if (table_padded(&in->idtr) || table_padded(&in->gdtr))
		return BAD;
	s->idtr = (struct vp_table){ in->idtr.base, in->idtr.limit };
	s->gdtr = (struct vp_table){ in->gdtr.base, in->gdtr.limit };
	return GOOD;
}

/* ---- Segments ---- */

/* The CPL of a VMX guest is SS.DPL. */
static u8 cpl_of(const struct hv_segment *segment)
{
	return (segment[VP_SS].attributes >> 5) & 3;
}

enum chunk_saved chunk_segment_save(struct context *c)
{
	const struct vp_state *s = saved(c);
	struct stream_vp_segment *out = chunk_payload(c, sizeof(*out));

	arch_copy(out->seg, s->segment, sizeof(out->seg));
	out->cpl = cpl_of(s->segment);
	return CHUNK_ONE;
}

enum hv_save_restore_result chunk_segment_check(struct context *c)
{
	const struct stream_vp_segment *in =
		(const struct stream_vp_segment *)c->buffer;

	for (u32 i = 0; i < sizeof(in->padding); i++)
		if (in->padding[i])
			return BAD;
	if (in->cpl != cpl_of(in->seg))
		return BAD;
	arch_copy(staged(c)->state.segment, in->seg, sizeof(in->seg));
	return GOOD;
}

/* ---- Floating point and extended state ---- */

enum chunk_saved chunk_fp_save(struct context *c)
{
	const struct vp_fxsave *x = &vp_xsave(vp_of(c))->legacy;
	struct stream_vp_fp *out = chunk_payload(c, sizeof(*out));

	arch_copy(out->xmm, x->xmm, sizeof(out->xmm));
	arch_copy(out->fp_mmx, x->fp_mmx, sizeof(out->fp_mmx));
	arch_copy(out->fp_control_status, x->control_status, 16);
	arch_copy(out->xmm_control_status, x->xmm_control_status, 16);
	return CHUNK_ONE;
}

enum hv_save_restore_result chunk_fp_check(struct context *c)
{
	const struct stream_vp_fp *in = (const struct stream_vp_fp *)c->buffer;
	struct vp_fxsave *x = &staged_xsave(c)->legacy;
	u32 mask = arch_facts()->compat.mxcsr_mask;

	arch_copy(x->xmm, in->xmm, sizeof(x->xmm));
	arch_copy(x->fp_mmx, in->fp_mmx, sizeof(x->fp_mmx));
	arch_copy(x->control_status, in->fp_control_status, 16);
	arch_copy(x->xmm_control_status, in->xmm_control_status, 16);
	arch_copy(x->xmm_control_status + 12, &mask, sizeof(mask));
	/* No VP_XSAVE will come to say so: these bytes are the state. */
	if (arch_facts()->has_xsave && !chunk_xsave_needed(c))
		staged_xsave(c)->xstate_bv = XSTATE_LEGACY;
	return GOOD;
}

enum chunk_saved chunk_xsave_control_save(struct context *c)
{
	struct stream_vp_xsave_control *out = chunk_payload(c, sizeof(*out));

	out->xfem = saved(c)->xcr0;
	return CHUNK_ONE;
}

enum hv_save_restore_result chunk_xsave_control_check(struct context *c)
{
	const struct stream_vp_xsave_control *in =
		(const struct stream_vp_xsave_control *)c->buffer;

	for (u32 i = 0; i < ARRAY_LEN(in->rsvd); i++)
		if (in->rsvd[i])
			return BAD;
	staged(c)->state.xcr0 = in->xfem;
	return GOOD;
}

/* Bytes of a VP_XSAVE payload from a machine with these facts. */
static u32 xsave_bytes(const struct stream_compat *compat)
{
	u32 size = compat->xsave_size;

	if (size < 576 || size > PAGE_SIZE)
		return 0;
	return ((size - 512) + STREAM_ALIGN - 1) & ~(STREAM_ALIGN - 1u);
}

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
	return xsave_bytes(&c->compat) != 0;
}

/*
 * The components lie at the same offsets here: compat_check has seen to it. A
 * source without XSAVE has none, a target without would have been refused.
 */
enum hv_save_restore_result chunk_xsave_check(struct context *c)
{
	if (c->header.length != xsave_bytes(&c->compat))
		return BAD;
	arch_copy(&staged_xsave(c)->xstate_bv, c->buffer, c->header.length);
	return GOOD;
}

/* ---- MSRs: the rows of the state table that have an MSR number ---- */

static bool is_stream_msr(const struct vp_reg *r)
{
	return r->msr != 0 && r->name != HV_REGISTER_EFER &&
	       (r->kind == VP_REG_U64 || r->kind == VP_REG_TSC);
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
			if (r->kind == VP_REG_TSC)
				out[n].value += c->tsc;
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
enum hv_save_restore_result chunk_msrs_check(struct context *c)
{
	const struct stream_msr *in = (const struct stream_msr *)c->buffer;
	u32 count = c->header.length / (u32)sizeof(*in);
	const struct vp_reg *r;
	u32 rows, at;

	r = vp_reg_table(&rows);
	for (; rows > 0; rows--, r++)
		for (u32 i = 0; is_stream_msr(r) && i < r->count; i++)
			*msr_place(staged(c), r, i) = r->reset;
	if (c->vp == 0)
		staged(c)->state.apic_base |= LAPIC_BASE_BSP;
	for (u32 i = 0; i < count; i++) {
		if (in[i].rsvd || (i > 0 && in[i].name <= in[i - 1].name))
			return BAD;
		r = vp_reg_find(in[i].name, &at);
		if (!r || !is_stream_msr(r))
			return HV_STATE_INCOMPATIBLE_PROCESSOR;
		*msr_place(staged(c), r, at) = in[i].value;
	}
	return GOOD;
}

/* ---- Events ---- */

static bool has_message(const struct vp *vp)
{
	return vp->message.type != HV_MESSAGE_NONE;
}

enum chunk_saved chunk_events_save(struct context *c)
{
	const struct vp_state *s = saved(c);
	const struct vp *vp = vp_of(c);
	struct stream_vp_events *out = chunk_payload(c, sizeof(*out));

	out->explicit_suspend = vp->explicit_suspend;
	out->intercept_suspend = vp->intercept_suspend;
	out->activity = s->activity;
	out->interrupt_state = s->interrupt_state;
	out->pending_interruption = s->pending_interruption;
	out->pending_debug = s->pending_debug;
	out->has_message = has_message(vp);
	return CHUNK_ONE;
}

enum hv_save_restore_result chunk_events_check(struct context *c)
{
	const struct stream_vp_events *in =
		(const struct stream_vp_events *)c->buffer;
	struct chunk_staged *s = staged(c);

	if (in->explicit_suspend != HV_SUSPENDED || in->has_message > 1 ||
	    in->rsvd)
		return BAD;
	if (in->intercept_suspend & ~(HV_SUSPENDED | HV_TLB_FLUSH_INHIBIT))
		return BAD;
	if (in->has_message && !(in->intercept_suspend & HV_SUSPENDED))
		return BAD;
	s->explicit_suspend = in->explicit_suspend;
	s->intercept_suspend = in->intercept_suspend;
	s->state.activity = in->activity;
	s->state.interrupt_state = in->interrupt_state;
	s->state.pending_interruption = in->pending_interruption;
	s->state.pending_debug = in->pending_debug;
	c->has_message = in->has_message;
	return GOOD;
}

enum chunk_saved chunk_message_save(struct context *c)
{
	const struct vp *vp = vp_of(c);

	if (!has_message(vp))
		return CHUNK_NONE;
	arch_copy(chunk_payload(c, sizeof(vp->message)), &vp->message,
	          sizeof(vp->message));
	return CHUNK_ONE;
}

bool chunk_message_needed(const struct context *c)
{
	return c->has_message;
}

static bool message_type_known(u32 type)
{
	static const u32 known[] = {
		HV_MESSAGE_UNMAPPED_GPA,
		HV_MESSAGE_GPA_INTERCEPT,
		HV_MESSAGE_INVALID_VP_REGISTER_VALUE,
		HV_MESSAGE_UNRECOVERABLE_EXCEPTION,
		HV_MESSAGE_UNSUPPORTED_FEATURE,
		HV_MESSAGE_IO_PORT_INTERCEPT,
		HV_MESSAGE_MSR_INTERCEPT,
		HV_MESSAGE_CPUID_INTERCEPT,
		HV_MESSAGE_EXCEPTION_INTERCEPT,
	};

	for (u32 i = 0; i < ARRAY_LEN(known); i++)
		if (known[i] == type)
			return true;
	return false;
}

enum hv_save_restore_result chunk_message_check(struct context *c)
{
	const struct hv_message *in = (const struct hv_message *)c->buffer;

	if (!c->has_message || !message_type_known(in->type) || in->rsvd ||
	    in->flags || in->payload_size > HV_MESSAGE_PAYLOAD)
		return BAD;
	staged(c)->message = *in;
	return GOOD;
}

/* ---- The local APIC ---- */

enum chunk_saved chunk_apic_save(struct context *c)
{
	lapic_save(vp_of(c), chunk_payload(c, sizeof(struct stream_vp_apic)));
	return CHUNK_ONE;
}

enum hv_save_restore_result chunk_apic_check(struct context *c)
{
	const struct stream_vp_apic *in =
		(const struct stream_vp_apic *)c->buffer;

	if (!c->version_minor || !lapic_valid(in))
		return BAD;
	staged(c)->apic = *in;
	staged(c)->has_apic = true;
	return GOOD;
}

/* CR8 is a view of TPR, and LDR another of the id in x2APIC mode. */
static bool apic_agrees(const struct chunk_staged *s)
{
	if (!s->has_apic)
		return s->cr8 <= 15;
	return s->cr8 == s->apic.tpr >> 4 &&
	       (!(s->state.apic_base & LAPIC_BASE_X2APIC) || !s->apic.ldr);
}

static void apic_apply(struct vp *vp, struct chunk_staged *s)
{
	if (!s->has_apic) {
		lapic_save_reset(&s->apic);
		s->apic.tpr = (u32)s->cr8 << 4;
	}
	lapic_load(vp, &s->apic);
}

/* ---- The end ---- */

bool chunk_vp_valid(const struct context *c)
{
	return vp_state_valid(&staged(c)->state, staged_xsave(c)) &&
	       apic_agrees(staged(c));
}

void chunk_vp_apply(struct context *c, struct vp *vp)
{
	struct chunk_staged *s = vp->pages[VP_PAGE_STAGED];
	struct vp *receiver = vp->partition->parent->vps[0];
	void *xsave = vp->pages[VP_PAGE_XSAVE];

	synic_cancel(receiver, vp);
	vp->state = s->state;
	vp->state.tsc_offset = s->tsc - c->tsc;
	vp->cached = vp->dirty = vp->unjudged = true;
	apic_apply(vp, s);
	vp->pages[VP_PAGE_XSAVE] = vp->pages[VP_PAGE_STAGED_XSAVE];
	vp->pages[VP_PAGE_STAGED_XSAVE] = xsave;
	vp->explicit_suspend = s->explicit_suspend;
	vp->intercept_suspend = s->intercept_suspend;
	vp->message = s->message;
	/* The id may be another one here (interface 1.8). */
	vp->message.sender = vp->partition->id;
	if (vp->message.type != HV_MESSAGE_NONE)
		synic_send(receiver, vp);
}
