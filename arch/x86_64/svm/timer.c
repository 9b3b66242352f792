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

/* Counts in 2^32 ticks of the TSC. The timer is nobody's meanwhile. */
static u64 measure(void)
{
	u32 first, last;
	u64 from = 0, to = 0;

	/* Masked as long as the count is not the firmware's: nothing gets into IRR. */
	apic_write(LAPIC_LVT_TIMER, LAPIC_LVT_MASKED | OWN_LVT);
	apic_write(LAPIC_DIVIDE, LAPIC_DIVIDE_BY_1);
	apic_write(LAPIC_INITIAL_COUNT, 0xffffffff);
	first = read_count(&from);
	wait(arch_facts()->tsc_hz / 1000000 * MEASURE_MICROSECONDS * 8);
	last = read_count(&to);
	return ((u64)(first - last) << 32) / (to - from);
}

/* The deadline that runs. Another mode disarms it (SDM 10.5.4.1). */
static u64 armed_deadline(u32 lvt)
{
	u64 deadline = 0;

	if ((lvt & LAPIC_LVT_MODE) == LAPIC_LVT_DEADLINE)
		msr_read_safe(MSR_IA32_TSC_DEADLINE, &deadline);
	return deadline;
}

/* Back from our hands into the APIC: a period begins anew, a deadline is what it was. */
static void put_back(const struct vtimer *v, u64 deadline)
{
	/* The count before LVT: QEMU hangs in periodic mode with a tiny one. */
	apic_write(LAPIC_DIVIDE, v->divide);
	apic_write(LAPIC_INITIAL_COUNT, v->initial);
	apic_write(LAPIC_LVT_TIMER, v->lvt);
	if (!deadline)
		return;
	/* Else the MSR could be written while LVT is not in its mode yet. */
	__asm__ volatile("mfence" : : : "memory");
	msr_write_safe(MSR_IA32_TSC_DEADLINE, deadline);
}

static bool has_deadline(void)
{
	u32 regs[4];

	arch_cpuid(1, 0, regs);
	return regs[ECX] & CPUID_1_ECX_TSC_DEADLINE;
}

/* While it is the firmware's: it is stopped for a moment. */
void timer_begin(void)
{
	struct timer *t = timer();
	struct vtimer *v = &t->root;
	u64 deadline;

	*t = (struct timer){ .end = VTIMER_NEVER, .fires = VTIMER_NEVER };
	v->has_deadline = has_deadline();
	vtimer_reset(v);
	if (!apic_is_on())
		return;
	v->lvt = apic_read(LAPIC_LVT_TIMER);
	v->divide = apic_read(LAPIC_DIVIDE);
	v->initial = apic_read(LAPIC_INITIAL_COUNT);
	/* A one-shot that is over is not begun again. */
	if (!apic_read(LAPIC_CURRENT_COUNT))
		v->initial = 0;
	deadline = armed_deadline(v->lvt);
	v->rate = measure();
	put_back(v, deadline);
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
	u64 deadline;
	u32 count;

	v->divide = apic_read(LAPIC_DIVIDE);
	v->initial = apic_read(LAPIC_INITIAL_COUNT);
	v->lvt = apic_read(LAPIC_LVT_TIMER);
	/* Masked before the count is read: what it reaches later comes from us, and
	 * not a second time. A mask stops neither count nor deadline. */
	apic_write(LAPIC_LVT_TIMER, v->lvt | LAPIC_LVT_MASKED);
	deadline = armed_deadline(v->lvt);
	count = read_count(&at);
	v->due = VTIMER_NEVER;
	if (deadline) {
		v->due = deadline;
	} else if (count) {
		v->due = at + vtimer_ticks(v, count);
	} else if (v->initial && !vtimer_counts_to_deadline(v) &&
	           !apic_has(LAPIC_IRR, (u8)v->lvt)) {
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
	const struct vtimer *v = &t->root;

	if (!t->owned)
		return;
	t->owned = false;
	/* Stopped first: else our own time would end with the root's vector. */
	apic_write(LAPIC_INITIAL_COUNT, 0);
	put_back(v, vtimer_deadline(v, 0));
}

void timer_lose(void)
{
	struct timer *t = timer();

	t->owned = false;
	t->end = t->fires = VTIMER_NEVER;
	vtimer_reset(&t->root);
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
	/* At once is not a small count: it may be a while up to that. */
	if (next > now)
		apic_write(LAPIC_INITIAL_COUNT, counts_of(t, next - now));
	else
		arch_interrupt(arch_this_cpu(), OWN_VECTOR);
}

void timer_set(bool timed, u64 ticks)
{
	struct timer *t = timer();
	u64 now;

	if (!timed && !t->owned)
		return;
	if (!t->owned) {
		/* Watched first: where that fails the timer is still the root's. */
		if (!t->root.rate || !apic_watch())
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

bool timer_takes(u32 offset, u64 value)
{
	return vtimer_takes(&timer()->root, offset, value);
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

/* ---- Its deadline ---- */

bool timer_has_deadline(void)
{
	return timer()->owned && timer()->root.has_deadline;
}

u64 timer_deadline(u64 offset)
{
	raise_root(timer(), arch_tsc());
	return vtimer_deadline(&timer()->root, offset);
}

void timer_set_deadline(u64 deadline, u64 offset)
{
	struct timer *t = timer();
	u64 now = arch_tsc();

	raise_root(t, now);
	vtimer_set_deadline(&t->root, deadline, offset, now);
	program(t, now);
}

void timer_move(u64 old, u64 offset)
{
	struct timer *t = timer();
	u64 now = arch_tsc();

	raise_root(t, now);
	vtimer_move(&t->root, old, offset, now);
	program(t, now);
}
