/*
 * Synthetic timers. A timer has one expiry under way at most: a periodic one
 * whose message finds its slot taken, or whose vector is still in IRR, waits with
 * all ticks behind it, so none is lost.
 */
#include "hv/interrupt/stimer.h"

#include "hv/interrupt/lapic.h"
#include "hv/interrupt/synic.h"
#include "hv/vp/partition.h"
#include "hv/vp/vp.h"

/* TLFS 12.3.1: a timer has a SINT or a vector, by its mode; the other field is not used. */
static u32 sint_of(const struct stimer *t)
{
	return (u32)(t->config >> HV_STIMER_SINT_SHIFT) & 15;
}

static u8 vector_of(const struct stimer *t)
{
	return (u8)(t->config >> HV_STIMER_VECTOR_SHIFT);
}

static bool is_direct(const struct stimer *t)
{
	return t->config & HV_STIMER_DIRECT;
}

/* ---- The MSRs ---- */

/* Vectors below 16 are the processor's: the APIC would call each an error. */
static bool config_valid(u64 config)
{
	u8 vector = (u8)(config >> HV_STIMER_VECTOR_SHIFT);

	return !(config & ~HV_STIMER_ALLOWED) &&
	       (!(config & HV_STIMER_DIRECT) || vector >= VECTOR_FIRST);
}

/* SINT0 is the hypervisor's own: a timer cannot be enabled with it. */
static bool can_be_enabled(const struct stimer *t)
{
	return is_direct(t) || sint_of(t) != 0;
}

/*
 * Every write starts anew: an expiry that was not delivered is of the old settings. A
 * one-shot timer counts to a time, a periodic one from now on (TLFS 12.3.2).
 */
static void arm(struct vp *vp, struct stimer *t)
{
	u64 now = reference_time(vp->partition);

	t->due = t->expired = 0;
	if (!can_be_enabled(t))
		t->config &= ~HV_STIMER_ENABLE;
	if (!(t->config & HV_STIMER_ENABLE) || !t->count)
		return;
	if (!(t->config & HV_STIMER_PERIODIC))
		t->due = t->count;
	else /* one that is never due: the sum does not turn over */
		t->due = now + t->count < now ? ~0ull : now + t->count;
}

u64 stimer_read_msr(const struct vp *vp, u32 msr)
{
	u32 n = msr - HV_MSR_STIMER0_CONFIG;

	return n % 2 ? vp->stimer[n / 2].count : vp->stimer[n / 2].config;
}

static bool write_config(struct stimer *t, u64 value)
{
	if (!config_valid(value))
		return false;
	t->config = value;
	return true;
}

/* A count of 0 stops the timer; another one starts it, if it is to. */
static void write_count(struct stimer *t, u64 value)
{
	t->count = value;
	if (!value)
		t->config &= ~HV_STIMER_ENABLE;
	else if (t->config & HV_STIMER_AUTO_ENABLE)
		t->config |= HV_STIMER_ENABLE;
}

bool stimer_write_msr(struct vp *vp, u32 msr, u64 value)
{
	u32 n = msr - HV_MSR_STIMER0_CONFIG;
	struct stimer *t = &vp->stimer[n / 2];

	if (n % 2)
		write_count(t, value);
	else if (!write_config(t, value))
		return false;
	arm(vp, t);
	/* A one-shot time may be past already: that expires at once. */
	stimer_update(vp);
	return true;
}

/* An expiry belongs to a timer that has been armed; so does a due time. */
bool stimer_valid(const struct stimer *t)
{
	bool enabled = t->config & HV_STIMER_ENABLE;

	if (!config_valid(t->config) || (enabled && !can_be_enabled(t)))
		return false;
	if (t->expired && !can_be_enabled(t))
		return false;
	return !!t->due == (enabled && t->count);
}

/* ---- Expiry ---- */

/*
 * The APIC would not take its interrupts: no bit in IRR would hold back the next
 * tick, so nobody is woken for them, and what was missed is skipped.
 */
static bool is_lost(const struct vp *vp, const struct stimer *t)
{
	return is_direct(t) && !lapic_takes(vp, vector_of(t));
}

static void expire(struct vp *vp, struct stimer *t)
{
	u64 now = reference_time(vp->partition);
	u64 late = now - t->due;

	/* When it was due, which the message says beside when it is delivered. */
	t->expired = t->due;
	if (!(t->config & HV_STIMER_PERIODIC)) {
		t->due = 0;
		t->config &= ~HV_STIMER_ENABLE;
		return;
	}
	/* A lazy one leaves out what was missed. */
	if ((t->config & HV_STIMER_LAZY) || is_lost(vp, t))
		t->due += late / t->count * t->count;
	/* Behind when it was due, not behind now: its ticks do not drift. */
	t->due = t->due + t->count < t->due ? ~0ull : t->due + t->count;
}

/* What has expired, and is for this SINT; nothing is due a second time meanwhile. */
static bool waits_for(const struct stimer *t, u32 sint)
{
	return t->expired && !is_direct(t) && sint_of(t) == sint;
}

bool stimer_take(struct vp *vp, u32 index, u32 sint, struct hv_message *m)
{
	struct stimer *t = &vp->stimer[index];

	if (!waits_for(t, sint))
		return false;
	*m = (struct hv_message){
		.type = HV_MESSAGE_TIMER_EXPIRED,
		.payload_size = sizeof(struct hv_timer_message),
	};
	m->payload[0] = index;
	m->payload[1] = t->expired;
	m->payload[2] = reference_time(vp->partition);
	/* The tick behind it may be due by now: stimer_update sees it next. */
	t->expired = 0;
	return true;
}

/* A tick whose vector is still in IRR would be lost in it: it waits instead. */
static bool deliver_direct(struct vp *vp, const struct stimer *t)
{
	u8 vector = vector_of(t);

	if (*vp_apic_register(vp, LAPIC_IRR + vector / 32u * 16) >>
	            vector % 32 &
	    1)
		return false;
	lapic_raise(vp, vector, false);
	return true;
}

static void update_one(struct vp *vp, struct stimer *t)
{
	if (t->due && !t->expired && reference_time(vp->partition) >= t->due)
		expire(vp, t);
	if (t->expired && is_direct(t) && deliver_direct(vp, t))
		t->expired = 0;
}

/* Of those in direct mode none: the APIC is theirs. */
u32 stimer_sints(const struct vp *vp)
{
	u32 sints = 0;

	for (u32 i = 0; i < HV_STIMERS; i++)
		if (vp->stimer[i].expired && !is_direct(&vp->stimer[i]))
			sints |= 1u << sint_of(&vp->stimer[i]);
	return sints;
}

void stimer_update(struct vp *vp)
{
	u32 sints;

	for (u32 i = 0; i < HV_STIMERS; i++)
		if (vp->stimer[i].due | vp->stimer[i].expired)
			update_one(vp, &vp->stimer[i]);
	/* Not one by one: who is next at a SINT is a matter of turns. */
	sints = stimer_sints(vp);
	if (sints)
		synic_deliver(vp, sints);
}

u64 stimer_rest(const struct vp *vp)
{
	u64 least = LAPIC_NEVER, rest;

	for (u32 i = 0; i < HV_STIMERS; i++) {
		const struct stimer *t = &vp->stimer[i];

		/* One that has expired waits for the guest, not for the clock. */
		if (!t->due || t->expired || is_lost(vp, t))
			continue;
		rest = reference_ticks(vp->partition, t->due);
		least = rest < least ? rest : least;
	}
	return least;
}

/* Then an exit is needed where a vector is taken: the processor would not say so. */
bool stimer_watches_apic(const struct vp *vp)
{
	for (u32 i = 0; i < HV_STIMERS; i++)
		if (is_direct(&vp->stimer[i]) &&
		    (vp->stimer[i].due | vp->stimer[i].expired))
			return true;
	return false;
}
