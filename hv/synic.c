/*
 * SynIC of a receiving VP. A message is written into the SIM page when its slot
 * is free and the SINT lets it (D26); otherwise it waits, and the slot's "pending"
 * flag asks the guest for an EOM.
 */
#include "hv/synic.h"

#include "hv/arch.h"
#include "hv/check.h"
#include "hv/partition.h"
#include "hv/sched.h"
#include "hv/stimer.h"
#include "hv/vp.h"

#define SVERSION 1

void synic_reset(struct synic *synic)
{
	*synic = (struct synic){ .scontrol = 0 };
	list_init(&synic->queue);
	for (u32 i = 0; i < HV_SINT_COUNT; i++)
		synic->sint[i] = HV_SINT_RESET;
}

bool synic_read_msr(struct vp *vp, u32 msr, u64 *value)
{
	struct synic *s = &vp->synic;

	switch (msr) {
	case HV_MSR_SCONTROL:
		*value = s->scontrol;
		return true;
	case HV_MSR_SVERSION:
		*value = SVERSION;
		return true;
	case HV_MSR_SIEFP:
		*value = s->siefp;
		return true;
	case HV_MSR_SIMP:
		*value = s->simp;
		return true;
	case HV_MSR_EOM:
		*value = 0;
		return true;
	default:
		*value = s->sint[msr - HV_MSR_SINT0];
		return true;
	}
}

bool synic_page_valid(u64 value)
{
	return !(value & HV_MSR_PLAIN_PAGE_RSVD) &&
	       value >> PAGE_SHIFT < gpa_limit();
}

/* SIMP and SIEFP: a page of the VP's own that covers the guest's page. */
static bool write_page_msr(struct vp *vp, struct gpa_overlay *o,
                           const void *page, u64 *msr, u64 value)
{
	u64 gpn = value >> PAGE_SHIFT;

	if (gpn >= gpa_limit())
		return false;
	if (value & HV_MSR_PAGE_ENABLE) {
		if (!gpa_overlay_set(vp->partition, o, gpn, page,
		                     ARCH_READ | ARCH_WRITE))
			return false;
	} else {
		gpa_overlay_clear(vp->partition, o);
	}
	*msr = value & ~HV_MSR_PLAIN_PAGE_RSVD;
	return true;
}

void synic_free(struct vp *vp)
{
	gpa_overlay_clear(vp->partition, &vp->synic.sief_overlay);
	gpa_overlay_clear(vp->partition, &vp->synic.sim_overlay);
}

bool synic_sint_valid(u64 value)
{
	return !(value & ~(HV_SINT_VECTOR | HV_SINT_MASKED | HV_SINT_AUTO_EOI |
	                   HV_SINT_POLLING)) &&
	       ((value & HV_SINT_MASKED) || (value & HV_SINT_VECTOR) >= 16);
}

static bool write_sint(struct synic *s, u32 index, u64 value)
{
	u64 known = HV_SINT_VECTOR | HV_SINT_MASKED | HV_SINT_AUTO_EOI |
	            HV_SINT_POLLING;

	if (!(value & HV_SINT_MASKED) && (value & HV_SINT_VECTOR) < 16)
		return false;
	s->sint[index] = value & known;
	return true;
}

static bool write_one(struct vp *vp, u32 msr, u64 value)
{
	struct synic *s = &vp->synic;

	switch (msr) {
	case HV_MSR_SCONTROL:
		s->scontrol = value & HV_MSR_PAGE_ENABLE;
		return true;
	case HV_MSR_SVERSION:
		return false;
	case HV_MSR_SIEFP:
		return write_page_msr(vp, &s->sief_overlay,
		                      vp->pages[VP_PAGE_SIEF], &s->siefp,
		                      value);
	case HV_MSR_SIMP:
		return write_page_msr(vp, &s->sim_overlay,
		                      vp->pages[VP_PAGE_SIM], &s->simp, value);
	case HV_MSR_EOM:
		return true;
	default:
		return write_sint(s, msr - HV_MSR_SINT0, value);
	}
}

bool synic_write_msr(struct vp *vp, u32 msr, u64 value)
{
	if (!write_one(vp, msr, value))
		return false;
	synic_flush(vp);
	return true;
}

/* ---- Messages ---- */

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

static void interrupt(struct vp *to, u32 sint)
{
	u64 value = to->synic.sint[sint];

	if (value & (HV_SINT_MASKED | HV_SINT_POLLING))
		return;
	if (to->is_root)
		arch_self_interrupt((u8)(value & HV_SINT_VECTOR));
	else
		lapic_raise(to, (u8)(value & HV_SINT_VECTOR), false);
}

static struct hv_message *slot_of(const struct vp *vp, u32 sint)
{
	return (struct hv_message *)vp->pages[VP_PAGE_SIM] + sint;
}

static struct hv_message *queue_of(const struct vp *vp)
{
	return vp->pages[VP_PAGE_MESSAGES];
}

/* Does one wait for this SINT that came by a port? */
static bool is_queued(const struct vp *vp, u32 sint)
{
	u32 i = 0;

	while (i < vp->synic.queued && queue_of(vp)[i].rsvd != sint)
		i++;
	return i < vp->synic.queued;
}

/* Does more wait, besides what is being delivered? */
static bool more_waits(const struct vp *vp, u32 sint)
{
	return (sint == 0 && list_linked(&vp->synic.queue)) ||
	       is_queued(vp, sint) || stimer_waits(vp, sint);
}

/*
 * The guest owns the page and may write to it at any time: read the type once.
 */
static bool is_free(struct hv_message *slot)
{
	if (__atomic_load_n(&slot->type, __ATOMIC_ACQUIRE) == HV_MESSAGE_NONE)
		return true;
	slot->flags |= HV_MESSAGE_FLAG_PENDING;
	return false;
}

/* Into a slot that is free; the type last, for who polls. */
static void fill(struct vp *to, u32 sint, const struct hv_message *m, bool more)
{
	struct hv_message *slot = slot_of(to, sint);
	struct hv_message copy = *m;

	copy.type = HV_MESSAGE_NONE;
	copy.rsvd = 0;
	copy.flags = more ? HV_MESSAGE_FLAG_PENDING : 0;
	arch_copy(slot, &copy, sizeof(*slot));
	__atomic_store_n(&slot->type, m->type, __ATOMIC_RELEASE);
	interrupt(to, sint);
}

/* What waits in the queue has asked for an EOM in a slot that is gone. */
bool synic_try(struct vp *to, u32 sint, const struct hv_message *m)
{
	if (!can_deliver(&to->synic, sint) || !is_free(slot_of(to, sint)))
		return false;
	fill(to, sint, m, is_queued(to, sint));
	return true;
}

static void deliver_intercept(struct vp *to)
{
	struct vp *sender =
		list_entry(to->synic.queue.next, struct vp, message_link);

	list_remove(&sender->message_link);
	partition_changed(sender->partition); /* D10: it leaves the state */
	fill(to, 0, &sender->message, more_waits(to, 0));
	sender->message.type = HV_MESSAGE_NONE;
}

static void deliver_queued(struct vp *to, u32 sint, u32 at)
{
	struct hv_message *queue = queue_of(to), m = queue[at];

	for (to->synic.queued--; at < to->synic.queued; at++)
		queue[at] = queue[at + 1];
	arch_copy(&queue[at], &(struct hv_message){ .type = 0 }, sizeof(m));
	fill(to, sint, &m, more_waits(to, sint));
}

void synic_flush(struct vp *vp)
{
	struct synic *s = &vp->synic;
	u32 seen = 0; /* SINTs whose oldest message was found, a bit each */
	u32 at = 0, sint;

	if (list_linked(&s->queue) && can_deliver(s, 0) &&
	    is_free(slot_of(vp, 0)))
		deliver_intercept(vp);
	while (at < s->queued) {
		sint = queue_of(vp)[at].rsvd;
		if (!(seen & BIT(sint)) && can_deliver(s, sint) &&
		    is_free(slot_of(vp, sint)))
			deliver_queued(vp, sint, at);
		else
			at++;
		seen |= (u32)BIT(sint);
	}
	stimer_update(vp);
}

enum hv_status synic_post(struct vp *to, u32 sint, const struct hv_message *m)
{
	struct synic *s = &to->synic;
	struct hv_message *last = queue_of(to) + s->queued;

	if (!has_page(s, s->simp))
		return HV_STATUS_INVALID_SYNIC_STATE;
	if (s->queued == SYNIC_QUEUE)
		return HV_STATUS_INSUFFICIENT_BUFFERS;
	*last = *m;
	last->rsvd = (u16)sint;
	s->queued++;
	synic_flush(to);
	/* A timer that waited for the slot may be armed again, unheard. */
	sched_wake(to);
	return HV_STATUS_SUCCESS;
}

/* ---- Events ---- */

enum hv_status synic_signal(struct vp *to, u32 sint, u32 flag)
{
	u8 *flags = (u8 *)to->pages[VP_PAGE_SIEF] + sint * HV_EVENT_FLAGS / 8;
	u8 bit = (u8)(1u << flag % 8);

	if (!has_page(&to->synic, to->synic.siefp))
		return HV_STATUS_INVALID_SYNIC_STATE;
	if (!(__atomic_fetch_or(&flags[flag / 8], bit, __ATOMIC_SEQ_CST) & bit))
		interrupt(to, sint);
	return HV_STATUS_SUCCESS;
}

/* ---- AutoEOI ---- */

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

void synic_queue(struct vp *to, struct vp *sender)
{
	CHECK(!list_linked(&sender->message_link) &&
	      sender->message.type != HV_MESSAGE_NONE);
	list_add_before(&to->synic.queue, &sender->message_link);
}

void synic_send(struct vp *to, struct vp *sender)
{
	synic_queue(to, sender);
	synic_flush(to);
}

void synic_cancel(struct vp *sender)
{
	list_remove(&sender->message_link);
}
