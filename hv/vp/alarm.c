/*
 * A binary heap: the alarm at place n is not later than those at places 2n and
 * 2n + 1. Places count from 1; vp->alarm is its place, 0: it has none.
 */
#include "hv/vp/alarm.h"

#include "hv/base/check.h"
#include "hv/base/cpu.h"
#include "hv/vp/partition.h"
#include "hv/vp/vp.h"

_Static_assert(CPU_ALARMS >= PARTITION_MAX * PARTITION_VPS, "one for each VP");

static struct vp **place(struct cpu *cpu, u32 n)
{
	return &cpu->alarms[n - 1];
}

static void put(struct cpu *cpu, u32 n, struct vp *vp)
{
	/* The VP knows its place: it is taken out without a search. */
	*place(cpu, n) = vp;
	vp->alarm = n;
}

/* Up from the free place n, as far as it is earlier than who is above. */
static u32 rise(struct cpu *cpu, u32 n, u64 at)
{
	for (; n > 1 && (*place(cpu, n / 2))->alarm_at > at; n /= 2)
		put(cpu, n, *place(cpu, n / 2));
	return n;
}

/* Down, as far as one of the two below is earlier. */
static u32 sink(struct cpu *cpu, u32 n, u64 at)
{
	u32 below;

	/* Of the two below, the earlier one takes the place: it is above the
	 * other then, as it has to be. */
	while ((below = 2 * n) <= cpu->alarm_count) {
		if (below < cpu->alarm_count &&
		    (*place(cpu, below + 1))->alarm_at <
		            (*place(cpu, below))->alarm_at)
			below++;
		if ((*place(cpu, below))->alarm_at >= at)
			break;
		put(cpu, n, *place(cpu, below));
		n = below;
	}
	return n;
}

void alarm_clear(struct vp *vp)
{
	struct cpu *cpu = vp->cpu;
	struct vp *last;
	u32 n = vp->alarm;

	if (!n)
		return;
	/* The last one fills the gap. It was below somebody else than the one
	 * that goes, so it may have to go up, or down. */
	vp->alarm = 0;
	last = *place(cpu, cpu->alarm_count--);
	/* There is no gap then, and it must not come back. */
	if (last == vp)
		return;
	n = rise(cpu, n, last->alarm_at);
	put(cpu, sink(cpu, n, last->alarm_at), last);
}

void alarm_set(struct vp *vp, u64 at)
{
	struct cpu *cpu = vp->cpu;

	alarm_clear(vp);
	/* There are as many places as VPs in all, and each has one alarm. */
	CHECK(cpu->alarm_count < CPU_ALARMS);
	vp->alarm_at = at;
	put(cpu, rise(cpu, ++cpu->alarm_count, at), vp);
}

struct vp *alarm_first(const struct cpu *cpu)
{
	return cpu->alarm_count ? cpu->alarms[0] : NULL;
}
