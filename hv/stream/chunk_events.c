/*
 * The chunks of a VP that hold no registers of the processor: events, the local
 * APIC, the SynIC with its pages and timers, messages under way.
 */
#include "hv/arch.h"
#include "hv/interrupt/lapic.h"
#include "hv/interrupt/stimer.h"
#include "hv/interrupt/synic.h"
#include "hv/stream/chunk_fields.h"
#include "hv/stream/chunk_vp.h"
#include "hv/stream/stream.h"
#include "hv/vp/vp_check.h"
#include "include/x86_apic.h"

#define vp_of chunk_vp
#define staged chunk_staged

static const struct vp_state *saved(const struct context *c)
{
	return vp_state_read(vp_of(c));
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
	struct stream_vp_events *out = (struct stream_vp_events *)c->buffer;
	enum chunk_saved made = chunk_state_save(c);

	/* What is a register of ours, and no place in the processor's state. */
	out->explicit_suspend = vp->explicit_suspend;
	out->intercept_suspend = vp->intercept_suspend;
	out->interrupt_state = s->interrupt_state;
	/*
	 * The TLFS has one bit for both shadows; MOV SS's also holds debug
	 * exceptions (SDM 6.8.3), so the stream keeps them apart.
	 */
	if (s->mov_ss && (s->interrupt_state & HV_INTERRUPT_STATE_SHADOW))
		out->interrupt_state |= STREAM_SHADOW_MOV_SS;
	out->has_message = has_message(vp);
	out->runtime = vp_runtime(vp);
	return made;
}

enum chunk_verdict chunk_events_check(struct context *c)
{
	const struct stream_vp_events *in =
		(const struct stream_vp_events *)c->buffer;
	struct chunk_staged *s = staged(c);
	enum chunk_verdict v;

	/* Only a suspended partition can be saved: no save has written 0. */
	if (in->explicit_suspend != HV_SUSPENDED)
		return chunk_corrupt(c);
	/* A message under way is an intercept's, and its VP waits for an answer. */
	if (in->has_message && !(in->intercept_suspend & HV_SUSPENDED))
		return chunk_corrupt(c);
	if ((in->interrupt_state & STREAM_SHADOW_MOV_SS) &&
	    !(in->interrupt_state & HV_INTERRUPT_STATE_SHADOW))
		return chunk_corrupt(c);
	v = chunk_state_check(c);
	if (v != CHUNK_GOOD)
		return v;
	s->explicit_suspend = in->explicit_suspend;
	s->intercept_suspend = in->intercept_suspend;
	s->state.interrupt_state = in->interrupt_state & ~STREAM_SHADOW_MOV_SS;
	s->state.mov_ss = !!(in->interrupt_state & STREAM_SHADOW_MOV_SS);
	s->runtime = in->runtime;
	/* The order of chunks follows from it: VP_MESSAGE must come, or may not. */
	c->restore.has_message = in->has_message;
	return CHUNK_GOOD;
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
	return c->restore.has_message;
}

/*
 * What a VP itself can send: a parent that restores gets such a message as if the
 * intercept was here, and answers it by its type.
 */
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

enum chunk_verdict chunk_message_check(struct context *c)
{
	const struct hv_message *in = (const struct hv_message *)c->buffer;

	if (!chunk_reserved_zero(c, in) || !c->restore.has_message ||
	    !message_type_known(in->type) ||
	    in->payload_size > HV_MESSAGE_PAYLOAD)
		return chunk_corrupt(c);
	staged(c)->message = *in;
	return CHUNK_GOOD;
}

/* ---- The local APIC ---- */

enum chunk_saved chunk_apic_save(struct context *c)
{
	struct stream_vp_apic *out = chunk_payload(c, sizeof(*out));

	lapic_save(vp_of(c), out);
	/*
	 * While its parent holds a VP its timer goes on, and the ticks of that
	 * time become one: said now, so that a restore need not know of it.
	 */
	if (vp_of(c)->held_here)
		out->timer_due = lapic_timer_joined(vp_of(c), c->tsc);
	return CHUNK_ONE;
}

enum chunk_verdict chunk_apic_check(struct context *c)
{
	const struct stream_vp_apic *in =
		(const struct stream_vp_apic *)c->buffer;

	if (!lapic_valid(in))
		return chunk_corrupt(c);
	/* Loaded when the VP has its APIC_BASE, which its ID and LDR follow. */
	staged(c)->apic = *in;
	return CHUNK_GOOD;
}

/* CR8 is a view of TPR, and LDR another of the id in x2APIC mode. */
static bool apic_agrees(const struct chunk_staged *s)
{
	/* One value in two chunks: if they differ, neither is to be believed. */
	return s->cr8 == s->apic.tpr >> 4 &&
	       (!(s->state.apic_base & LAPIC_BASE_X2APIC) || !s->apic.ldr);
}

/* ---- SynIC and synthetic timers ---- */

enum chunk_saved chunk_synic_save(struct context *c)
{
	struct stream_vp_synic *out = chunk_payload(c, sizeof(*out));
	const struct vp *vp = vp_of(c);

	field_save(chunk_synic_fields, out, vp);
	if (!field_all_zero(vp->pages[VP_PAGE_SIM], PAGE_SIZE))
		out->flags |= STREAM_SYNIC_SIM;
	if (!field_all_zero(vp->pages[VP_PAGE_SIEF], PAGE_SIZE))
		out->flags |= STREAM_SYNIC_SIEF;
	/* The rows behind this one ask whether their pages come. */
	c->save.synic_flags = out->flags;
	return CHUNK_ONE;
}

/* A copy: the payload has the fields, and the timers' code its own structure. */
static bool timers_valid(const struct stream_stimer *in)
{
	struct stimer t;

	for (u32 i = 0; i < HV_STIMERS; i++) {
		arch_copy(&t, &in[i], sizeof(t));
		if (!stimer_valid(&t))
			return false;
	}
	return true;
}

enum chunk_verdict chunk_synic_check(struct context *c)
{
	const struct stream_vp_synic *in =
		(const struct stream_vp_synic *)c->buffer;

	if (!chunk_reserved_zero(c, in) || !vp_check_page_value(in->simp) ||
	    !vp_check_page_value(in->siefp) || in->queued > SYNIC_QUEUE)
		return chunk_corrupt(c);
	for (u32 i = 0; i < HV_SINT_COUNT; i++)
		if (!vp_check_sint_value(in->sint[i]))
			return chunk_corrupt(c);
	if (!timers_valid(in->timer))
		return chunk_corrupt(c);
	/* As it came: it is loaded into the VP when the overlays are placed. */
	staged(c)->synic = *in;
	return CHUNK_GOOD;
}

/* ---- Its pages, which are in the stream unless they are zero ---- */

static enum chunk_saved page_save(struct context *c, enum vp_page page,
                                  u32 flag)
{
	/* Its chunk VP_SYNIC has said that this page is zero. */
	if (!(c->save.synic_flags & flag))
		return CHUNK_NONE;
	arch_copy(chunk_payload(c, PAGE_SIZE), vp_of(c)->pages[page],
	          PAGE_SIZE);
	return CHUNK_ONE;
}

static enum chunk_verdict page_check(struct context *c, enum vp_page page,
                                     u32 flag)
{
	/* A page that was not announced would be put nowhere. */
	if (!(staged(c)->synic.flags & flag))
		return chunk_corrupt(c);
	arch_copy(vp_of(c)->pages[page], c->buffer, PAGE_SIZE);
	return CHUNK_GOOD;
}

enum chunk_saved chunk_sim_save(struct context *c)
{
	return page_save(c, VP_PAGE_SIM, STREAM_SYNIC_SIM);
}

enum chunk_verdict chunk_sim_check(struct context *c)
{
	return page_check(c, VP_PAGE_STAGED_SIM, STREAM_SYNIC_SIM);
}

bool chunk_sim_needed(const struct context *c)
{
	return staged(c)->synic.flags & STREAM_SYNIC_SIM;
}

enum chunk_saved chunk_sief_save(struct context *c)
{
	return page_save(c, VP_PAGE_SIEF, STREAM_SYNIC_SIEF);
}

enum chunk_verdict chunk_sief_check(struct context *c)
{
	return page_check(c, VP_PAGE_STAGED_SIEF, STREAM_SYNIC_SIEF);
}

bool chunk_sief_needed(const struct context *c)
{
	return staged(c)->synic.flags & STREAM_SYNIC_SIEF;
}

/* ---- Messages by ports that wait ---- */

enum chunk_saved chunk_queue_save(struct context *c)
{
	const struct vp *vp = vp_of(c);
	u32 bytes = vp->synic.queued * HV_MESSAGE_SIZE;

	if (!bytes)
		return CHUNK_NONE;
	arch_copy(chunk_payload(c, bytes), vp->pages[VP_PAGE_MESSAGES], bytes);
	return CHUNK_ONE;
}

/*
 * What a port could have posted: types with bit 31 are the hypervisor's own, and
 * SINT0 is for intercepts.
 */
static bool queued_valid(const struct context *c, const struct hv_message *m)
{
	return chunk_reserved_zero(c, m) && m->type != HV_MESSAGE_NONE &&
	       !(m->type >> 31) && m->payload_size <= HV_MESSAGE_PAYLOAD &&
	       m->rsvd > 0 && m->rsvd < HV_SINT_COUNT;
}

enum chunk_verdict chunk_queue_check(struct context *c)
{
	const struct hv_message *in = (const struct hv_message *)c->buffer;
	u32 queued = staged(c)->synic.queued;

	if (!queued || c->header.length != queued * HV_MESSAGE_SIZE)
		return chunk_corrupt(c);
	for (u32 i = 0; i < queued; i++)
		if (!queued_valid(c, &in[i]))
			return chunk_corrupt(c);
	/* The page may have been another stream's: nothing of that is left. */
	arch_zero_page(vp_of(c)->pages[VP_PAGE_STAGED_MESSAGES]);
	arch_copy(vp_of(c)->pages[VP_PAGE_STAGED_MESSAGES], in,
	          c->header.length);
	return CHUNK_GOOD;
}

bool chunk_queue_needed(const struct context *c)
{
	return staged(c)->synic.queued;
}

/* ---- The end ---- */

bool chunk_events_valid(const struct context *c)
{
	return apic_agrees(staged(c));
}

/* The overlays are placed already: what they show changes here. */
static void apply_page(struct vp *vp, enum vp_page page, enum vp_page from,
                       bool given)
{
	/* What is not in the stream is zero, whatever lay there before. */
	if (given)
		arch_copy(vp->pages[page], vp->pages[from], PAGE_SIZE);
	else
		arch_zero_page(vp->pages[page]);
}

void chunk_events_apply(struct vp *vp)
{
	const struct chunk_staged *s = chunk_staged_of(vp);
	const struct stream_vp_synic *in = &s->synic;

	lapic_load(vp, &s->apic);
	field_load(chunk_synic_fields, in, vp);
	apply_page(vp, VP_PAGE_SIM, VP_PAGE_STAGED_SIM,
	           in->flags & STREAM_SYNIC_SIM);
	apply_page(vp, VP_PAGE_SIEF, VP_PAGE_STAGED_SIEF,
	           in->flags & STREAM_SYNIC_SIEF);
	apply_page(vp, VP_PAGE_MESSAGES, VP_PAGE_STAGED_MESSAGES, in->queued);
	/* Who is served first is no state of the guest's: begin anew. */
	__builtin_memset(vp->synic.turn, 0, sizeof(vp->synic.turn));
	vp_set_runtime(vp, s->runtime);
}
