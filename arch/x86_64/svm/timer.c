/*
 * The local APIC's timer in the hypervisor's hands: one-shot, by the highest vector, for
 * whatever comes first, the end of a run or the root's own next tick. That is raised as
 * an IPI to itself, so that it has its place among the APIC's other interrupts.
 */
#include "arch/x86_64/svm/timer.h"

#include "arch/x86_64/common/msr.h"
#include "arch/x86_64/svm/apic.h"
#include "arch/x86_64/svm/svm_arch.h"

#define OWN_VECTOR 0xffu
#define OWN_LVT (LAPIC_LVT_ONE_SHOT | OWN_VECTOR)
#define MEASURES 8u
#define MEASURE_MICROSECONDS 250u
#define NEAR_MICROSECONDS 50u

static struct timer *timer(void)
{
	return &cpu_svm(arch_this_cpu())->timer;
}

/* ---- How fast it is ---- */

/*
 * The count and the TSC at one time: an emulator may be interrupted between the two, so
 * that of several tries the closest counts.
 */
static u32 read_count(u64 *at)
{
	u64 before, after, least = VTIMER_NEVER;
	u32 count = 0, now;

	for (u32 i = 0; i < MEASURES; i++) {
		before = arch_tsc();
		now = apic_read(LAPIC_CURRENT_COUNT);
		after = arch_tsc();
		if (after - before >= least)
			continue;
		least = after - before;
		*at = before + least / 2;
		count = now;
	}
	return count;
}

static void wait(u64 ticks)
{
	u64 start = arch_tsc();

	while (arch_tsc() - start < ticks)
		__asm__ volatile("pause");
}

/* While it is the firmware's: it is stopped for a moment, and its count begins anew. */
void timer_begin(void)
{
	struct timer *t = timer();
	u32 lvt, divide, initial, count, first, last;
	u64 from = 0, to = 0;

	*t = (struct timer){ .end = VTIMER_NEVER, .fires = VTIMER_NEVER };
	t->root = (struct vtimer){ .due = VTIMER_NEVER };
	if (!apic_is_on())
		return;
	lvt = apic_read(LAPIC_LVT_TIMER);
	/* To measure would cost a deadline that runs. With rate 0 no run is timed. */
	if ((lvt & LAPIC_LVT_MODE) == LAPIC_LVT_DEADLINE)
		return;
	divide = apic_read(LAPIC_DIVIDE);
	initial = apic_read(LAPIC_INITIAL_COUNT);
	count = apic_read(LAPIC_CURRENT_COUNT);
	/* Masked as long as the count is not the firmware's: nothing gets into IRR. */
	apic_write(LAPIC_LVT_TIMER, LAPIC_LVT_MASKED | OWN_LVT);
	apic_write(LAPIC_DIVIDE, LAPIC_DIVIDE_BY_1);
	apic_write(LAPIC_INITIAL_COUNT, 0xffffffff);
	first = read_count(&from);
	wait(arch_facts()->tsc_hz / 1000000 * MEASURE_MICROSECONDS * 8);
	last = read_count(&to);
	t->root.rate = ((u64)(first - last) << 32) / (to - from);
	/* The count before LVT: QEMU hangs in periodic mode with a tiny one. A one-shot
	 * that is over is not begun again. */
	apic_write(LAPIC_DIVIDE, divide);
	apic_write(LAPIC_INITIAL_COUNT, initial && count ? initial : 0);
	apic_write(LAPIC_LVT_TIMER, lvt);
}

/* ---- Whose it is ---- */

/*
 * What the APIC has is the root's, up to now. A one-shot that has come to its end without a
 * trace in IRR is raised, as QEMU is late with that: a timer interrupt too many does
 * no harm, one that never comes may.
 */
static void take_over(struct timer *t)
{
	struct vtimer *v = &t->root;
	u64 at = arch_tsc();
	u64 deadline = 0;
	u32 count;

	v->divide = apic_read(LAPIC_DIVIDE);
	v->initial = apic_read(LAPIC_INITIAL_COUNT);
	v->lvt = apic_read(LAPIC_LVT_TIMER);
	count = read_count(&at);
	/* While the mode is that one still: another disarms it (SDM 10.5.4.1). */
	if ((v->lvt & LAPIC_LVT_MODE) == LAPIC_LVT_DEADLINE)
		msr_read_safe(MSR_IA32_TSC_DEADLINE, &deadline);
	/* Masked from here on: the root's tick comes from us, and not a second time. */
	apic_write(LAPIC_LVT_TIMER, LAPIC_LVT_MASKED | OWN_LVT);
	v->due = VTIMER_NEVER;
	if (deadline) {
		v->due = deadline;
	} else if (count) {
		v->due = at + vtimer_ticks(v, count);
	} else if (v->initial && !apic_has(LAPIC_IRR, (u8)v->lvt)) {
		v->due = at;
	}
	apic_write(LAPIC_INITIAL_COUNT, 0);
	apic_write(LAPIC_DIVIDE, LAPIC_DIVIDE_BY_1);
	apic_write(LAPIC_LVT_TIMER, OWN_LVT);
	t->fires = VTIMER_NEVER;
	t->owned = true;
}

void timer_end(void)
{
	struct timer *t = timer();

	if (!t->owned)
		return;
	t->owned = false;
	/* Stopped first: else our own time would end with the root's vector. The root's
	 * period begins anew. */
	apic_write(LAPIC_INITIAL_COUNT, 0);
	apic_write(LAPIC_LVT_TIMER, t->root.lvt);
	apic_write(LAPIC_DIVIDE, t->root.divide);
	apic_write(LAPIC_INITIAL_COUNT, t->root.initial);
}

/* ---- When it fires ---- */

/* Counts of the processor's timer, which is divided by 1. */
static u32 counts_of(const struct timer *t, u64 ticks)
{
	const struct vtimer own = { .rate = t->root.rate,
		                    .divide = LAPIC_DIVIDE_BY_1 };
	u64 counts =
		vtimer_counts(&own, ticks < (1ull << 40) ? ticks : 1ull << 40);

	/* Cut short, it only looks again earlier; and 0 would stop the timer. */
	if (counts > 0xffffffff)
		return 0xffffffff;
	return counts ? (u32)counts : 1;
}

/* One that fires too early only looks again: it is moved when it would be late. */
static void program(struct timer *t, u64 now)
{
	u64 next = t->end < t->root.due ? t->end : t->root.due;

	if (next >= t->fires)
		return;
	t->fires = next;
	apic_write(LAPIC_INITIAL_COUNT,
	           counts_of(t, next > now ? next - now : 0));
}

void timer_set(bool timed, u64 ticks)
{
	struct timer *t = timer();
	u64 now;

	if (!timed && !t->owned)
		return;
	if (!t->owned) {
		/* Watched first: where that fails the timer is still the root's. */
		if (!t->root.rate || !apic_is_on() || !apic_watch())
			return;
		take_over(t);
	}
	now = arch_tsc();
	/* A time that the TSC does not reach is none. */
	t->end = timed && ticks < VTIMER_NEVER - now ? now + ticks
	                                             : VTIMER_NEVER;
	program(t, now);
}

bool timer_waits(void)
{
	return timer()->owned && apic_has(LAPIC_IRR, OWN_VECTOR);
}

/* Its vector may be the root's spurious one, which is not in service. */
bool timer_is_own(u32 vector)
{
	if (vector != OWN_VECTOR || !timer()->owned ||
	    !apic_has(LAPIC_ISR, OWN_VECTOR))
		return false;
	/* At once: in service it would keep all others out, as it is the highest. */
	apic_write(LAPIC_EOI, 0);
	timer()->fires = VTIMER_NEVER;
	return true;
}

bool timer_is_near(void)
{
	u64 near = arch_facts()->tsc_hz / 1000000 * NEAR_MICROSECONDS;

	return timer()->end < arch_tsc() + near;
}

static void raise_root(struct timer *t, u64 now)
{
	u8 vector = vtimer_update(&t->root, now);

	if (vector)
		arch_interrupt(arch_this_cpu(), vector);
}

enum sched_event timer_expired(void)
{
	struct timer *t = timer();
	u64 now = arch_tsc();
	bool over = t->end <= now;

	/* First: it moves the root's next tick, which program goes by. */
	raise_root(t, now);
	if (over)
		t->end = VTIMER_NEVER;
	program(t, now);
	return over ? SCHED_SLICE_END : SCHED_GO_ON;
}

/* ---- The root's registers ---- */

bool timer_is_owned(void)
{
	return timer()->owned;
}

bool timer_has(u32 offset)
{
	return timer()->owned && vtimer_has(offset);
}

u32 timer_read(u32 offset)
{
	u64 now = arch_tsc();

	/* A count that is begun anew has had its interrupt: both are of one time. */
	raise_root(timer(), now);
	return vtimer_read(&timer()->root, offset, now);
}

void timer_write(u32 offset, u32 value)
{
	struct timer *t = timer();
	u64 now = arch_tsc();

	/* What was due before the write must not be lost by it. */
	raise_root(t, now);
	vtimer_write(&t->root, offset, value, now);
	program(t, now);
}
