/*
 * SynIC of a receiving VP. A message is written into the SIM page when its slot
 * is free and the SINT lets it (D26); otherwise its sender waits in a queue and
 * the slot's "pending" flag asks the guest for an EOM.
 */
#include "hv/synic.h"

#include "hv/arch.h"
#include "hv/check.h"
#include "hv/partition.h"
#include "hv/vp.h"

#define SVERSION 1

void synic_reset(struct synic *synic)
{
	*synic = (struct synic){ .scontrol = 0 };
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

/* SIMP and SIEFP: a page of the VP's own that covers the guest's page. */
static bool write_page_msr(struct vp *vp, enum gpa_overlay_kind kind,
                           const void *page, u64 *msr, u64 value)
{
	u64 gpn = value >> PAGE_SHIFT;

	if (value & HV_MSR_PAGE_ENABLE) {
		if (!gpa_overlay_set(vp->partition, kind, gpn, page,
		                     ARCH_READ | ARCH_WRITE))
			return false;
	} else {
		gpa_overlay_clear(vp->partition, kind);
	}
	*msr = value & ~HV_MSR_PAGE_RSVD;
	return true;
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
		return write_page_msr(vp, GPA_OVERLAY_SIEF,
		                      vp->pages[VP_PAGE_SIEF], &s->siefp,
		                      value);
	case HV_MSR_SIMP:
		return write_page_msr(vp, GPA_OVERLAY_SIM,
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

static bool can_deliver(const struct synic *s)
{
	u64 sint = s->sint[0];

	if (!(s->scontrol & HV_MSR_PAGE_ENABLE) ||
	    !(s->simp & HV_MSR_PAGE_ENABLE))
		return false;
	return !(sint & HV_SINT_MASKED) || (sint & HV_SINT_POLLING);
}

static void dequeue(struct synic *s)
{
	struct vp *sender = s->queue_first;

	s->queue_first = sender->message_next;
	if (!s->queue_first)
		s->queue_last = NULL;
	sender->message_next = NULL;
	sender->message_queued = false;
}

/*
 * The guest owns the page and may write to it at any time: read the type once,
 * write the type last.
 */
static void deliver(struct vp *to, struct hv_message *slot)
{
	struct synic *s = &to->synic;
	struct vp *sender = s->queue_first;
	u32 type = sender->message.type;

	sender->message.type = HV_MESSAGE_NONE;
	partition_changed(sender->partition); /* D10: it leaves the state */
	dequeue(s);
	arch_copy(slot, &sender->message, sizeof(*slot));
	slot->flags = s->queue_first ? HV_MESSAGE_FLAG_PENDING : 0;
	__atomic_store_n(&slot->type, type, __ATOMIC_RELEASE);
	if (!(s->sint[0] & (HV_SINT_MASKED | HV_SINT_POLLING)))
		arch_self_interrupt((u8)(s->sint[0] & HV_SINT_VECTOR));
}

void synic_flush(struct vp *vp)
{
	struct hv_message *slot = vp->pages[VP_PAGE_SIM];
	struct synic *s = &vp->synic;

	if (!s->queue_first || !can_deliver(s))
		return;
	if (__atomic_load_n(&slot->type, __ATOMIC_ACQUIRE) != HV_MESSAGE_NONE)
		slot->flags |= HV_MESSAGE_FLAG_PENDING;
	else
		deliver(vp, slot);
}

void synic_send(struct vp *to, struct vp *sender)
{
	struct synic *s = &to->synic;

	CHECK(!sender->message_queued &&
	      sender->message.type != HV_MESSAGE_NONE);
	sender->message_queued = true;
	sender->message_next = NULL;
	if (s->queue_last)
		s->queue_last->message_next = sender;
	else
		s->queue_first = sender;
	s->queue_last = sender;
	synic_flush(to);
}

void synic_cancel(struct vp *to, struct vp *sender)
{
	struct synic *s = &to->synic;
	struct vp *before = NULL;

	if (!sender->message_queued)
		return;
	for (struct vp *at = s->queue_first; at != sender;
	     at = at->message_next)
		before = at;
	if (before)
		before->message_next = sender->message_next;
	else
		s->queue_first = sender->message_next;
	if (s->queue_last == sender)
		s->queue_last = before;
	sender->message_queued = false;
	sender->message_next = NULL;
}
