/*
 * Interrupts between the VPs of a partition: who is meant (SDM 10.6.2), and
 * what becomes of the message there.
 */
#include "hv/arch.h"
#include "hv/interrupt/lapic.h"
#include "hv/vp/partition.h"
#include "hv/vp/ready.h"
#include "hv/vp/vp.h"

static u32 reg(const struct vp *vp, u32 offset)
{
	return *vp_apic_register(vp, offset);
}

/* ---- Who is meant ---- */

/*
 * A cluster and a set of its members; the flat model of xAPIC mode has one cluster of
 * eight (SDM 10.6.2.2). Each receiver compares by its own mode and DFR.
 */
static bool matches_logical(const struct vp *vp, u32 destination)
{
	u32 ldr = reg(vp, LAPIC_LDR);

	if (lapic_mode(vp) == LAPIC_X2APIC)
		return ldr >> 16 == destination >> 16 &&
		       (ldr & destination & 0xffff);
	ldr >>= 24;
	if ((reg(vp, LAPIC_DFR) & LAPIC_DFR_MODEL) == LAPIC_DFR_MODEL)
		return ldr & destination;
	return ldr >> 4 == (destination >> 4 & 15) && (ldr & destination & 15);
}

static bool is_meant(const struct vp *vp, const struct vp *from,
                     const struct lapic_message *m)
{
	switch (m->shorthand) {
	case LAPIC_TO_SELF:
		return vp == from;
	case LAPIC_TO_ALL:
		return true;
	case LAPIC_TO_OTHERS:
		return vp != from;
	default:
		break;
	}
	/* The number for all depends on the sender's mode, which has looked. */
	if (m->broadcast)
		return true;
	return m->logical ? matches_logical(vp, m->destination)
	                  : vp->index == m->destination;
}

/* One that is off by software has no part in the choice (SDM 10.4.7.2). */
static bool takes_interrupts(const struct vp *vp)
{
	return reg(vp, LAPIC_SVR) & LAPIC_SVR_ENABLE;
}

/* ---- What becomes of it there ---- */

void lapic_deliver(struct vp *vp, const struct lapic_message *m)
{
	struct lapic *l = &vp->lapic;

	/* What comes is put into its state, which must not be in a processor. */
	arch_vp_kick(vp);
	switch (m->delivery) {
	case LAPIC_FIXED:
	case LAPIC_LOWEST:
		lapic_raise(vp, m->vector, m->level);
		break;
	case LAPIC_DELIVER_NMI:
		l->events |= STREAM_APIC_NMI;
		break;
	/* It takes back a SIPI that came before: that one was for another start. */
	case LAPIC_DELIVER_INIT:
		l->events &=
			~(STREAM_APIC_SIPI | 0xffu << STREAM_APIC_SIPI_SHIFT);
		l->events |= STREAM_APIC_INIT;
		break;
	/* Kept until vp_update sees whether the VP waits for one (SDM 8.4.4). */
	case LAPIC_DELIVER_SIPI:
		l->events &= ~(0xffu << STREAM_APIC_SIPI_SHIFT);
		l->events |= STREAM_APIC_SIPI |
		             (u32)m->vector << STREAM_APIC_SIPI_SHIFT;
		break;
	case LAPIC_DELIVER_EXTINT:
		l->events &= ~(0xffu << STREAM_APIC_EXTINT_SHIFT);
		l->events |= STREAM_APIC_EXTINT |
		             (u32)m->vector << STREAM_APIC_EXTINT_SHIFT;
		break;
	}
	ready_wake(vp);
}

/*
 * There is one at a time: the parent says by a call of its own when the one that was
 * taken is over. Another one before that would be in the place of its vector.
 */
bool lapic_assert_external(struct vp *vp, u8 vector)
{
	struct lapic_message m = {
		.delivery = LAPIC_DELIVER_EXTINT,
		.vector = vector,
	};

	arch_vp_kick(vp);
	if (vp->lapic.events & STREAM_APIC_EXTINT_TAKEN)
		return false;
	lapic_deliver(vp, &m);
	return true;
}

/* The one of lower priority: the first of those with the least PPR. */
static struct vp *lower(struct vp *best, struct vp *vp)
{
	if (!takes_interrupts(vp))
		return best;
	return !best || reg(vp, LAPIC_PPR) < reg(best, LAPIC_PPR) ? vp : best;
}

void lapic_send(struct partition *p, struct vp *from,
                const struct lapic_message *m)
{
	struct vp *best = NULL;

	for (u32 i = 0; i < PARTITION_VPS; i++) {
		struct vp *vp = p->vps[i];

		if (!vp || lapic_mode(vp) == LAPIC_DISABLED ||
		    !is_meant(vp, from, m))
			continue;
		/* All are looked at before one gets it: its PPR has to be least. */
		if (m->delivery == LAPIC_LOWEST)
			best = lower(best, vp);
		else
			lapic_deliver(vp, m);
	}
	if (best)
		lapic_deliver(best, m);
}

/* Which of the combinations are sent at all (SDM table 10-3). */
static bool can_be_sent(const struct lapic_message *m, u32 icr)
{
	bool deassert = (icr & LAPIC_ICR_LEVEL) && !(icr & LAPIC_ICR_ASSERT);

	switch (m->delivery) {
	case LAPIC_FIXED:
		return true;
	case LAPIC_LOWEST:
	case LAPIC_DELIVER_NMI:
	case LAPIC_DELIVER_SIPI:
		/* Shorthands that mean the sender too are none of these. */
		return m->shorthand == LAPIC_TO_DESTINATION ||
		       m->shorthand == LAPIC_TO_OTHERS;
	case LAPIC_DELIVER_INIT:
		/* The de-assertion synchronizes ids, of old processors. */
		return !deassert && (m->shorthand == LAPIC_TO_DESTINATION ||
		                     m->shorthand == LAPIC_TO_OTHERS);
	default:
		return false;
	}
}

void lapic_send_icr(struct vp *vp)
{
	u32 low = reg(vp, LAPIC_ICR), high = reg(vp, LAPIC_ICR_HIGH);
	bool x2apic = lapic_mode(vp) == LAPIC_X2APIC;
	struct lapic_message m = {
		.delivery = (enum lapic_delivery)(low >> 8 & 7),
		.shorthand = (enum lapic_shorthand)(
			low >> LAPIC_ICR_SHORTHAND_SHIFT & 3),
		.destination = x2apic ? high : high >> 24,
		.vector = (u8)low,
		.logical = low & LAPIC_ICR_LOGICAL,
	};

	m.broadcast = m.destination ==
	              (x2apic ? X2APIC_BROADCAST : XAPIC_BROADCAST);
	/* Others have no effect, and no error either. */
	if (!can_be_sent(&m, low))
		return;
	/* The sender's error: it goes no further (SDM 10.5.3). */
	if (m.delivery <= LAPIC_LOWEST && m.vector < 16)
		lapic_error(vp, LAPIC_ESR_SEND_ILLEGAL);
	else
		lapic_send(vp->partition, vp, &m);
}
