/*
 * The timer of a local APIC. Its clock is the guest's TSC, so it goes on with
 * it, wherever the VP is restored. What is kept is the TSC value at which it is
 * due.
 *
 * A periodic timer gives every tick: one that finds its vector still in IRR
 * waits, with all behind it, until the processor has taken the one before. Only
 * those of a time in which the parent had suspended the VP become one, as on a
 * processor that was stopped: nobody expects an hour of them.
 */
#include "hv/arch.h"
#include "hv/interrupt/lapic.h"
#include "hv/vp/partition.h"
#include "hv/vp/vp.h"

static u32 *reg(const struct vp *vp, u32 offset)
{
	return vp_apic_register(vp, offset);
}

static u64 guest_tsc(const struct vp *vp)
{
	return vp_tsc_at(vp, arch_tsc());
}

static u32 mode(const struct vp *vp)
{
	return *reg(vp, LAPIC_LVT_TIMER) & LAPIC_LVT_MODE;
}

/* It counts from INITIAL_COUNT down, in one of the two modes that do. */
static bool counts(const struct vp *vp)
{
	return mode(vp) == LAPIC_LVT_ONE_SHOT || mode(vp) == LAPIC_LVT_PERIODIC;
}

/* Bits 3, 1, 0: 0 is by 2, 6 by 128, 7 by 1 (SDM 10.5.4). */
static u32 divide_shift(const struct vp *vp)
{
	u32 d = *reg(vp, LAPIC_DIVIDE);

	return (((d & 8) >> 1 | (d & 3)) + 1) & 7;
}

static u64 period(const struct vp *vp)
{
	return (u64)*reg(vp, LAPIC_INITIAL_COUNT) << divide_shift(vp);
}

/* 0 is no time to be due at: it means not armed. */
static void arm(struct vp *vp, u64 due)
{
	vp->lapic.timer_due = due ? due : 1;
}

/* Ticks of the guest's TSC until it is due; 0: it is. */
static u64 rest(const struct vp *vp)
{
	u64 due = vp->lapic.timer_due, now = guest_tsc(vp);

	/* A deadline is any number; a count ends near by, over 2^64 or not. */
	if (counts(vp))
		return (i64)(due - now) > 0 ? due - now : 0;
	return due > now ? due - now : 0;
}

/* A masked timer counts on, without an interrupt at its end. */
static bool is_masked(const struct vp *vp)
{
	return *reg(vp, LAPIC_LVT_TIMER) & LAPIC_LVT_MASKED;
}

/* The tick before has not been taken yet. */
static bool is_blocked(const struct vp *vp)
{
	u32 vector = *reg(vp, LAPIC_LVT_TIMER) & 0xff;

	return mode(vp) == LAPIC_LVT_PERIODIC &&
	       (*reg(vp, LAPIC_IRR + vector / 32 * 16) >> vector % 32 & 1);
}

/*
 * Its ticks set no bit of IRR, which would hold back the next one: nobody is
 * woken for them. Else a short period would leave time for nothing else.
 */
static bool is_lost(const struct vp *vp)
{
	return is_masked(vp) || !lapic_takes(vp, (u8)*reg(vp, LAPIC_LVT_TIMER));
}

u64 lapic_timer_rest(const struct vp *vp)
{
	u64 left;

	if (!vp->lapic.timer_due || is_lost(vp))
		return LAPIC_NEVER;
	left = rest(vp);
	/* Not by time: lapic_accept looks again when the vector is taken. */
	if (left == 0 && is_blocked(vp))
		return LAPIC_NEVER;
	return tsc_ticks(&vp->partition->clock, left);
}

/* Ticks that fall while they are lost are nobody's: the next one counts. */
static void skip_lost(struct vp *vp)
{
	u64 late = guest_tsc(vp) - vp->lapic.timer_due;

	if (mode(vp) == LAPIC_LVT_PERIODIC && period(vp))
		arm(vp,
		    vp->lapic.timer_due + (late / period(vp) + 1) * period(vp));
	else
		vp->lapic.timer_due = 0;
}

/*
 * One tick a call. The next one is due a period behind this one, not behind now: a VP
 * that waited for its turn is given all of them, one behind the other.
 */
void lapic_timer_update(struct vp *vp)
{
	u8 vector = (u8)*reg(vp, LAPIC_LVT_TIMER);

	if (!vp->lapic.timer_due || rest(vp))
		return;
	if (is_lost(vp)) {
		/* That the vector is none is an error all the same. */
		if (!is_masked(vp))
			lapic_raise(vp, vector, false);
		skip_lost(vp);
		return;
	}
	if (is_blocked(vp))
		return;
	if (mode(vp) == LAPIC_LVT_PERIODIC && period(vp))
		arm(vp, vp->lapic.timer_due + period(vp));
	else
		vp->lapic.timer_due = 0;
	lapic_raise(vp, vector, false);
}

/* The first tick behind `since`, of a timer that is due at `due`. */
static u64 tick_behind(u64 due, u64 length, u64 since)
{
	if ((i64)(since - due) < 0)
		return due;
	return due + ((since - due) / length + 1) * length;
}

u64 lapic_timer_joined(const struct vp *vp, u64 now)
{
	u64 due = vp->lapic.timer_due, length = period(vp);
	u64 since = vp_tsc_at(vp, vp->held_since);
	u64 first, more;

	if (!due || mode(vp) != LAPIC_LVT_PERIODIC || !length)
		return due;
	first = tick_behind(due, length, since);
	now = vp_tsc_at(vp, now);
	if ((i64)(now - first) < 0)
		return due;
	more = (now - first) / length;
	/* One of that time is in IRR already. */
	if (is_blocked(vp) && (i64)(due - length - since) > 0)
		more++;
	due += more * length;
	return due ? due : 1;
}

void lapic_timer_resume(struct vp *vp)
{
	vp->lapic.timer_due = lapic_timer_joined(vp, arch_tsc());
}

/* Into TSC-deadline mode and out of it, the timer stops (SDM 10.5.4.1). */
void lapic_timer_write_lvt(struct vp *vp, u32 value)
{
	u32 old = mode(vp);
	bool counted = counts(vp);

	/* What was due is due by the old vector and mask. */
	lapic_timer_update(vp);
	*reg(vp, LAPIC_LVT_TIMER) = value;
	if (mode(vp) != old && !(counted && counts(vp)))
		vp->lapic.timer_due = 0;
}

/* In TSC-deadline mode the register is left alone (SDM 10.5.4.1). */
void lapic_timer_start(struct vp *vp, u32 initial)
{
	if (mode(vp) == LAPIC_LVT_DEADLINE)
		return;
	*reg(vp, LAPIC_INITIAL_COUNT) = initial;
	lapic_timer_set_count(vp, initial);
}

void lapic_timer_set_count(struct vp *vp, u32 count)
{
	if (!counts(vp))
		return;
	if (count)
		arm(vp, guest_tsc(vp) + ((u64)count << divide_shift(vp)));
	else
		vp->lapic.timer_due = 0;
}

u32 lapic_timer_count(const struct vp *vp)
{
	u32 shift = divide_shift(vp);
	u64 left;

	if (!counts(vp) || !vp->lapic.timer_due)
		return 0;
	left = rest(vp);
	/* Overdue: the hardware would have counted on from the start. */
	if (!left && mode(vp) == LAPIC_LVT_PERIODIC && period(vp))
		left = period(vp) -
		       (guest_tsc(vp) - vp->lapic.timer_due) % period(vp);
	return (u32)((left + BIT(shift) - 1) >> shift);
}

/* What is left is as many counts of the new length. */
void lapic_timer_write_divide(struct vp *vp, u32 value)
{
	u32 left;

	lapic_timer_update(vp);
	left = lapic_timer_count(vp);
	*reg(vp, LAPIC_DIVIDE) = value;
	if (left)
		lapic_timer_set_count(vp, left);
}

/* In the other modes the MSR reads 0 and ignores writes (SDM 10.5.4.1). */
u64 lapic_timer_deadline(const struct vp *vp)
{
	return mode(vp) == LAPIC_LVT_DEADLINE ? vp->lapic.timer_due : 0;
}

void lapic_timer_set_deadline(struct vp *vp, u64 value)
{
	if (mode(vp) == LAPIC_LVT_DEADLINE)
		vp->lapic.timer_due = value;
}

/* A deadline is a value of that TSC, and stays; a count has so much left to run. */
void lapic_timer_shift(struct vp *vp, u64 by)
{
	if (vp->lapic.timer_due && counts(vp))
		arm(vp, vp->lapic.timer_due + by);
}
