/*
 * SynIC of a receiving VP. A message is written into the SIM page when its slot
 * is free and the SINT lets it (D26); otherwise it waits, and the slot's "pending"
 * flag asks the guest for an EOM.
 */
#include "hv/interrupt/synic.h"

#include "hv/arch.h"
#include "hv/base/check.h"
#include "hv/interrupt/lapic.h"
#include "hv/interrupt/stimer.h"
#include "hv/vp/partition.h"
#include "hv/vp/ready.h"
#include "hv/vp/vp.h"

#define SVERSION 1

void synic_reset(struct synic *synic)
{
	*synic = (struct synic){ .scontrol = 0 };
	list_init(&synic->queue);
	/* Masked, with vector 0 (TLFS 11.8). */
	for (u32 i = 0; i < HV_SINT_COUNT; i++)
		synic->sint[i] = HV_SINT_RESET;
}

u64 synic_read_msr(const struct vp *vp, u32 msr)
{
	const struct synic *s = &vp->synic;

	switch (msr) {
	case HV_MSR_SCONTROL:
		return s->scontrol;
	case HV_MSR_SVERSION:
		return SVERSION;
	case HV_MSR_SIEFP:
		return s->siefp;
	case HV_MSR_SIMP:
		return s->simp;
	case HV_MSR_EOM: /* has no value: a write is the message */
		return 0;
	default:
		return s->sint[msr - HV_MSR_SINT0];
	}
}

/* SIMP and SIEFP: a page of the VP's own that covers the guest's page. */
static enum hv_status write_page_msr(struct vp *vp, struct gpa_overlay *o,
                                     const void *page, u64 *msr, u64 value)
{
	struct gpa_space *space = &vp->partition->space;
	enum hv_status status = HV_STATUS_SUCCESS;
	u64 gpn = value >> PAGE_SHIFT;

	/* Also where the page is off: the MSR holds no address that cannot be. */
	if (gpn >= gpa_limit())
		return HV_STATUS_INVALID_PARAMETER;
	if (value & HV_MSR_PAGE_ENABLE)
		status = gpa_overlay_set(space, o, gpn, page,
		                         ARCH_READ | ARCH_WRITE);
	else
		gpa_overlay_clear(space, o);
	/* Last: where the overlay has no place the MSR is as it was. */
	if (status == HV_STATUS_SUCCESS)
		*msr = value & ~HV_MSR_PLAIN_PAGE_RSVD;
	return status;
}

/* Before the pages go back to the pool: the guest could write to them until then. */
void synic_free(struct vp *vp)
{
	gpa_overlay_clear(&vp->partition->space, &vp->synic.sief_overlay);
	gpa_overlay_clear(&vp->partition->space, &vp->synic.sim_overlay);
}

static enum hv_status write_sint(struct synic *s, u32 index, u64 value)
{
	u64 known = HV_SINT_VECTOR | HV_SINT_MASKED | HV_SINT_AUTO_EOI |
	            HV_SINT_POLLING;

	/* A vector below 16 is refused, but a masked SINT needs none (TLFS 11.8). */
	if (!(value & HV_SINT_MASKED) && (value & HV_SINT_VECTOR) < 16)
		return HV_STATUS_INVALID_PARAMETER;
	s->sint[index] = value & known;
	return HV_STATUS_SUCCESS;
}

static enum hv_status write_one(struct vp *vp, u32 msr, u64 value)
{
	struct synic *s = &vp->synic;

	switch (msr) {
	case HV_MSR_SCONTROL:
		s->scontrol = value & HV_MSR_PAGE_ENABLE;
		return HV_STATUS_SUCCESS;
	case HV_MSR_SVERSION: /* read-only */
		return HV_STATUS_INVALID_PARAMETER;
	case HV_MSR_SIEFP:
		return write_page_msr(vp, &s->sief_overlay,
		                      vp->pages[VP_PAGE_SIEF], &s->siefp,
		                      value);
	case HV_MSR_SIMP:
		return write_page_msr(vp, &s->sim_overlay,
		                      vp->pages[VP_PAGE_SIM], &s->simp, value);
	case HV_MSR_EOM:
		return HV_STATUS_SUCCESS;
	default:
		return write_sint(s, msr - HV_MSR_SINT0, value);
	}
}

enum hv_status synic_write_msr(struct vp *vp, u32 msr, u64 value)
{
	enum hv_status status = write_one(vp, msr, value);

	if (status == HV_STATUS_SUCCESS)
		synic_flush(vp);
	return status;
}

/* ---- Messages ---- */

/* The global switch and the page's own (TLFS 11.8). */
static bool has_page(const struct synic *s, u64 msr)
{
	return (s->scontrol & HV_MSR_PAGE_ENABLE) && (msr & HV_MSR_PAGE_ENABLE);
}

static bool can_deliver(const struct synic *s, u32 sint)
{
	u64 value = s->sint[sint];

	return has_page(s, s->simp) &&
	       (!(value & HV_SINT_MASKED) || (value & HV_SINT_POLLING));
}

/* A SINT that polls has its messages without being interrupted (D26). */
static void interrupt(struct vp *to, u32 sint)
{
	u64 value = to->synic.sint[sint];

	if (!(value & (HV_SINT_MASKED | HV_SINT_POLLING)))
		lapic_interrupt(to, (u8)(value & HV_SINT_VECTOR));
}

/* Our own pointer to the page: the guest may have moved the overlay since. */
static struct hv_message *slot_of(const struct vp *vp, u32 sint)
{
	return (struct hv_message *)vp->pages[VP_PAGE_SIM] + sint;
}

/* Where the message waits that came `i`th. The root is never restored into. */
static struct hv_message *queued_at(const struct vp *vp, u32 i)
{
	static const u8 pages[SYNIC_QUEUE_ROOT / SYNIC_QUEUE] = {
		VP_PAGE_MESSAGES,
		VP_PAGE_STAGED_SIM,
		VP_PAGE_STAGED_SIEF,
		VP_PAGE_STAGED_MESSAGES,
	};

	return (struct hv_message *)vp->pages[pages[i / SYNIC_QUEUE]] +
	       i % SYNIC_QUEUE;
}

/* The SINTs for which messages wait that came by ports, a bit each. */
static u32 queued_sints(const struct vp *vp)
{
	u32 sints = 0;

	for (u32 i = 0; i < vp->synic.queued; i++)
		if (queued_at(vp, i)->type != HV_MESSAGE_NONE)
			sints |= (u32)BIT(queued_at(vp, i)->rsvd);
	return sints;
}

/* Does more wait, besides what is being delivered? Then the guest is to send an EOM. */
static bool more_waits(const struct vp *vp, u32 sint)
{
	u32 sints = queued_sints(vp) | stimer_sints(vp);

	if (list_linked(&vp->synic.queue))
		sints |= 1;
	return sints >> sint & 1;
}

/* Masked SINTs count too: the message waits for them, in its place. */
bool synic_takes(const struct vp *vp)
{
	return has_page(&vp->synic, vp->synic.simp);
}

bool synic_holds(const struct vp *vp, u32 port)
{
	u32 i = 0;

	while (i < vp->synic.queued && queued_at(vp, i)->sender != port)
		i++;
	return i < vp->synic.queued;
}

/*
 * The guest owns the page and may write to it at any time: read the type once, and once more
 * behind the flag. A guest that runs on another processor may have emptied the slot and
 * looked at the flag in between; it sends no EOM then, and nobody else would look (TLFS 14.8).
 */
static bool is_free(struct hv_message *slot)
{
	if (__atomic_load_n(&slot->type, __ATOMIC_ACQUIRE) == HV_MESSAGE_NONE)
		return true;
	__atomic_fetch_or(&slot->flags, HV_MESSAGE_FLAG_PENDING,
	                  __ATOMIC_SEQ_CST);
	return __atomic_load_n(&slot->type, __ATOMIC_SEQ_CST) ==
	       HV_MESSAGE_NONE;
}

/* Into a slot that is free; the type last, for who polls. */
static void fill(struct vp *to, u32 sint, const struct hv_message *m, bool more)
{
	struct hv_message *slot = slot_of(to, sint);
	struct hv_message copy = *m;

	/* Until all the rest is there it looks free, also to who reads it in between. */
	copy.type = HV_MESSAGE_NONE;
	copy.rsvd = 0;
	copy.flags = more ? HV_MESSAGE_FLAG_PENDING : 0;
	arch_copy(slot, &copy, sizeof(*slot));
	__atomic_store_n(&slot->type, m->type, __ATOMIC_RELEASE);
	interrupt(to, sint);
}

static void deliver_intercept(struct vp *to)
{
	struct vp *sender =
		list_entry(to->synic.queue.next, struct vp, message_link);

	list_remove(&sender->message_link);
	partition_changed(sender->partition); /* D10: it leaves the state */
	fill(to, 0, &sender->message, more_waits(to, 0));
	/* That it is empty is what a save of the sender asks. */
	sender->message.type = HV_MESSAGE_NONE;
}

/* ---- Turns ---- */

/* The oldest one that came by a port. It leaves a gap. */
static bool take_queued(struct vp *to, u32 sint, struct hv_message *m)
{
	for (u32 i = 0; i < to->synic.queued; i++) {
		struct hv_message *q = queued_at(to, i);

		if (q->type == HV_MESSAGE_NONE || q->rsvd != sint)
			continue;
		*m = *q;
		q->type = HV_MESSAGE_NONE;
		return true;
	}
	return false;
}

/* Who has messages for a SINT, in turn: the ports, then each timer. */
#define SOURCES (1 + HV_STIMERS)

static bool take(struct vp *to, u32 sint, u32 source, struct hv_message *m)
{
	return source == 0 ? take_queued(to, sint, m)
	                   : stimer_take(to, source - 1, sint, m);
}

/*
 * Something waits for it. Whoever was served comes behind all others, so none of
 * them waits for more than SOURCES - 1 messages of others.
 */
static void deliver_turn(struct vp *to, u32 sint)
{
	u8 *turn = &to->synic.turn[sint];
	struct hv_message m;
	u32 source = *turn;

	while (!take(to, sint, source, &m)) {
		source = (source + 1) % SOURCES;
		if (source == *turn)
			return;
	}
	*turn = (u8)((source + 1) % SOURCES);
	fill(to, sint, &m, more_waits(to, sint));
}

/* The page is saved as it is: no trace of what was delivered is left in it. */
static void close_gaps(struct vp *vp)
{
	u32 kept = 0;

	for (u32 i = 0; i < vp->synic.queued; i++) {
		const struct hv_message *m = queued_at(vp, i);

		if (m->type == HV_MESSAGE_NONE)
			continue;
		if (kept != i)
			arch_copy(queued_at(vp, kept), m, sizeof(*m));
		kept++;
	}
	for (u32 i = kept; i < vp->synic.queued; i++)
		arch_copy(queued_at(vp, i), &(struct hv_message){ .type = 0 },
		          sizeof(struct hv_message));
	vp->synic.queued = kept;
}

void synic_deliver(struct vp *to, u32 sints)
{
	/* From 1: SINT0 has intercepts alone, which are not in turns. */
	for (u32 sint = 1; sint < HV_SINT_COUNT; sint++)
		if ((sints >> sint & 1) && can_deliver(&to->synic, sint) &&
		    is_free(slot_of(to, sint)))
			deliver_turn(to, sint);
	/* Once, for all that were taken. */
	close_gaps(to);
}

void synic_flush(struct vp *vp)
{
	struct synic *s = &vp->synic;

	/* Intercepts first: a VP of a child stands still until its parent has it. */
	if (list_linked(&s->queue) && can_deliver(s, 0) &&
	    is_free(slot_of(vp, 0)))
		deliver_intercept(vp);
	stimer_update(vp);
	synic_deliver(vp, queued_sints(vp));
}

enum hv_status synic_post(struct vp *to, u32 sint, const struct hv_message *m)
{
	struct synic *s = &to->synic;
	struct hv_message *last;

	if (!synic_takes(to))
		return HV_STATUS_INVALID_SYNIC_STATE;
	if (s->queued == synic_places(to->is_root))
		return HV_STATUS_INSUFFICIENT_BUFFERS;
	last = queued_at(to, s->queued++);
	*last = *m;
	/* No field of a message has the SINT; this one is zeroed on the way out. */
	last->rsvd = (u16)sint;
	synic_flush(to);
	/* A timer that waited for the slot may be armed again, unheard. */
	ready_wake(to);
	return HV_STATUS_SUCCESS;
}

/* ---- Events ---- */

enum hv_status synic_signal(struct vp *to, u32 sint, u32 flag)
{
	u8 *flags = (u8 *)to->pages[VP_PAGE_SIEF] + sint * HV_EVENT_FLAGS / 8;
	u8 bit = (u8)(1u << flag % 8);

	if (!has_page(&to->synic, to->synic.siefp))
		return HV_STATUS_INVALID_SYNIC_STATE;
	/* One interrupt for a flag that is set already is enough. */
	if (!(__atomic_fetch_or(&flags[flag / 8], bit, __ATOMIC_SEQ_CST) & bit))
		interrupt(to, sint);
	return HV_STATUS_SUCCESS;
}

/* ---- AutoEOI ---- */

/* Whoever virtualizes the APIC asks: the processor knows no AutoEOI. */
bool synic_has_auto_eoi(const struct vp *vp)
{
	u64 any = 0;

	for (u32 i = 0; i < HV_SINT_COUNT; i++)
		if (!(vp->synic.sint[i] & HV_SINT_MASKED))
			any |= vp->synic.sint[i];
	return any & HV_SINT_AUTO_EOI;
}

bool synic_auto_eoi(const struct vp *vp, u8 vector)
{
	u64 match = HV_SINT_AUTO_EOI | vector;

	for (u32 i = 0; i < HV_SINT_COUNT; i++)
		if ((vp->synic.sint[i] & (HV_SINT_MASKED | HV_SINT_AUTO_EOI |
		                          HV_SINT_VECTOR)) == match)
			return true;
	return false;
}

/* ---- Intercept messages ---- */

/* The link is in the sender: no number of children can fill a queue. */
void synic_queue(struct vp *to, struct vp *sender)
{
	CHECK(!list_linked(&sender->message_link) &&
	      sender->message.type != HV_MESSAGE_NONE);
	list_add_before(&to->synic.queue, &sender->message_link);
}

void synic_send(struct vp *to, struct vp *sender)
{
	/* Through the queue even if the slot is free: others may wait before it. */
	synic_queue(to, sender);
	synic_flush(to);
}

/* Of a VP that goes: the message that was written into a slot stays there. */
void synic_cancel(struct vp *sender)
{
	list_remove(&sender->message_link);
}
