/*
 * Where a periodic timer's ticks are is counted from the first one: nothing is added up that
 * somebody's lateness could get into.
 */
#include "arch/x86_64/svm/vtimer.h"

#include "arch/x86_64/common/deadline.h"

#define LVT_PLAIN (LAPIC_LVT_PERIODIC | LAPIC_LVT_MASKED | 0xff)
#define LVT_STATUS BIT(12) /* is read alone: a write is no error */
#define DIVIDE_BITS 0xbu

u32 vtimer_divisor(u32 divide)
{
	u32 power = (divide & 3) | (divide >> 1 & 4);

	/* 111b is by 1, 000b by 2: the power is one more, within three bits. */
	return 1u << ((power + 1) & 7);
}

u64 vtimer_counts(const struct vtimer *t, u64 ticks)
{
	/* A long time by a fast timer is more than 64 bits here. */
	unsigned __int128 counts = (unsigned __int128)ticks * t->rate;

	return (u64)(counts >> 32) / vtimer_divisor(t->divide);
}

/* 2^32 / rate by shifting, as there is no division of 128 bits: rounded up. */
u64 vtimer_ticks(const struct vtimer *t, u64 counts)
{
	u64 all = counts * vtimer_divisor(t->divide); /* below 2^39 */
	u64 whole = all / t->rate, rest = all % t->rate, ticks = 0;

	for (u32 i = 0; i < 32; i++) {
		rest <<= 1;
		ticks = ticks << 1 | (rest >= t->rate);
		rest -= rest >= t->rate ? t->rate : 0;
	}
	return (whole << 32 | ticks) + 1;
}

static u32 mode_of(const struct vtimer *t)
{
	return t->lvt & LAPIC_LVT_MODE;
}

bool vtimer_counts_to_deadline(const struct vtimer *t)
{
	return mode_of(t) == LAPIC_LVT_DEADLINE;
}

bool vtimer_has(u32 offset)
{
	return offset == LAPIC_LVT_TIMER || offset == LAPIC_INITIAL_COUNT ||
	       offset == LAPIC_CURRENT_COUNT || offset == LAPIC_DIVIDE;
}

static u32 count_at(const struct vtimer *t, u64 now)
{
	u64 counts;

	if (t->due == VTIMER_NEVER || vtimer_counts_to_deadline(t))
		return 0;
	counts = t->due > now ? vtimer_counts(t, t->due - now) : 0;
	/* Times are rounded up: at its beginning it would be one count too many. */
	return counts < t->initial ? (u32)counts : t->initial;
}

u32 vtimer_read(const struct vtimer *t, u32 offset, u64 now)
{
	if (offset == LAPIC_LVT_TIMER)
		return t->lvt;
	if (offset == LAPIC_INITIAL_COUNT)
		return t->initial;
	return offset == LAPIC_DIVIDE ? t->divide : count_at(t, now);
}

static void start(struct vtimer *t, u64 counts, u64 now)
{
	t->due = counts ? now + vtimer_ticks(t, counts) : VTIMER_NEVER;
}

/* The bits of the entry that are kept: that of deadlines where there are any. */
static u32 lvt_bits(const struct vtimer *t)
{
	return LVT_PLAIN | (t->has_deadline ? LAPIC_LVT_DEADLINE : 0);
}

/* Between deadline and the other modes a change stops it (SDM 10.5.4.1). */
static void write_lvt(struct vtimer *t, u32 value)
{
	bool was = vtimer_counts_to_deadline(t);

	t->lvt = value & lvt_bits(t);
	if (was != vtimer_counts_to_deadline(t))
		t->due = VTIMER_NEVER;
}

void vtimer_write(struct vtimer *t, u32 offset, u32 value, u64 now)
{
	/* By the old divisor: a write may change it. */
	u32 rest = count_at(t, now);

	if (offset == LAPIC_LVT_TIMER) {
		write_lvt(t, value);
	} else if (offset == LAPIC_DIVIDE) {
		/* It goes on from where it is, at the new pace. */
		t->divide = value & DIVIDE_BITS;
		if (!vtimer_counts_to_deadline(t) && t->due != VTIMER_NEVER)
			start(t, rest ? rest : 1, now);
	} else if (offset == LAPIC_INITIAL_COUNT &&
	           !vtimer_counts_to_deadline(t)) {
		t->initial = value;
		start(t, value, now);
	}
}

bool vtimer_takes(const struct vtimer *t, u32 offset, u64 value)
{
	if (offset == LAPIC_CURRENT_COUNT)
		return false;
	if (offset == LAPIC_LVT_TIMER)
		return !(value & ~(u64)(lvt_bits(t) | LVT_STATUS));
	return !(value & ~(u64)(offset == LAPIC_DIVIDE ? DIVIDE_BITS : ~0u));
}

u64 vtimer_deadline(const struct vtimer *t, u64 offset)
{
	if (t->due == VTIMER_NEVER || !vtimer_counts_to_deadline(t))
		return 0;
	return deadline_to_root(t->due, offset);
}

void vtimer_set_deadline(struct vtimer *t, u64 deadline, u64 offset, u64 now)
{
	if (!vtimer_counts_to_deadline(t))
		return;
	t->due = deadline ? deadline_to_processor(deadline, offset, now)
	                  : VTIMER_NEVER;
}

void vtimer_move(struct vtimer *t, u64 old, u64 offset, u64 now)
{
	vtimer_set_deadline(t, vtimer_deadline(t, old), offset, now);
}

void vtimer_reset(struct vtimer *t)
{
	t->due = VTIMER_NEVER;
	t->lvt = LAPIC_LVT_MASKED;
	t->initial = 0;
	t->divide = 0;
}

u8 vtimer_update(struct vtimer *t, u64 now)
{
	u64 period;

	if (t->due > now)
		return 0;
	/* Whole periods from the one that was due: being late moves no other. */
	if (mode_of(t) == LAPIC_LVT_PERIODIC && t->initial) {
		period = vtimer_ticks(t, t->initial);
		t->due += (now - t->due) / period * period + period;
	} else {
		t->due = VTIMER_NEVER;
	}
	/* A masked timer runs on all the same. */
	return t->lvt & LAPIC_LVT_MASKED ? 0 : (u8)t->lvt;
}
