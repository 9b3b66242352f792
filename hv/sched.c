/*
 * The scheduler: the root VP first of all, children in a ring with what it
 * leaves, slices of equal length when both sides want the processor.
 */
#include "hv/sched.h"

#include "hv/arch.h"
#include "hv/check.h"
#include "hv/vp.h"

void sched_add(struct vp *vp)
{
	struct cpu *cpu = vp->cpu;

	if (cpu->children) {
		vp->next = cpu->children->next;
		cpu->children->next = vp;
	} else {
		vp->next = vp;
	}
	cpu->children = vp;
	cpu->child_count++;
}

void sched_remove(struct vp *vp)
{
	struct cpu *cpu = vp->cpu;
	struct vp *before = vp;

	while (before->next != vp)
		before = before->next;
	before->next = vp->next;
	cpu->children = before == vp ? NULL : before;
	cpu->child_count--;
	vp->next = NULL;
	CHECK(cpu->current != vp);
}

/*
 * The child whose turn it is: cpu->children is the one that ran last, so the
 * search begins behind it and ends with it. On the way every child that is not
 * suspended is brought up to now; *timer: TSC ticks until the next timer of one
 * of them is due.
 */
static struct vp *next_child(const struct cpu *cpu, u64 *timer)
{
	struct vp *vp = cpu->children, *next = NULL;
	u64 rest;

	*timer = LAPIC_NEVER;
	for (u32 i = 0; i < cpu->child_count; i++) {
		vp = vp->next;
		if (vp_is_suspended(vp))
			continue;
		vp_update(vp);
		rest = vp_timer_rest(vp);
		*timer = rest < *timer ? rest : *timer;
		if (!next && vp_runnable(vp) && vp_enters(vp))
			next = vp;
	}
	return next;
}

/* The root waits in HLT: its time is the children's, but for a look. */
static struct vp *choose_halted(const struct cpu *cpu, enum sched_event event,
                                struct vp *child)
{
	struct vp *current = cpu->current;

	if (current == cpu->root)
		return child;
	if (event == SCHED_SLICE_END)
		return cpu->root;
	return event == SCHED_GO_ON && vp_runnable(current) ? current : child;
}

static struct vp *choose(struct cpu *cpu, enum sched_event event,
                         struct vp *child)
{
	struct vp *current = cpu->current;

	if (event == SCHED_INTERRUPT || !child)
		return cpu->root;
	if (cpu->root_halted)
		return choose_halted(cpu, event, child);
	if (event == SCHED_GO_ON && vp_runnable(current))
		return current;
	/* Something woke the root while it had a look: now it has a slice. */
	if (current == cpu->root && cpu->root_looks)
		return cpu->root;
	return current == cpu->root ? child : cpu->root;
}

/*
 * A halted VP that got something to do leaves its halt, as a processor does
 * when an event wakes it.
 */
static void wake(struct vp *vp)
{
	if (vp->cached && (vp->state.activity & HV_ACTIVITY_HALT_SUSPEND))
		vp_state_write(vp)->activity &= ~HV_ACTIVITY_HALT_SUSPEND;
}

static u64 ticks_of(u64 microseconds)
{
	return arch_facts()->tsc_hz / 1000000 * microseconds;
}

struct sched_plan sched_next(struct cpu *cpu, enum sched_event event)
{
	u64 timer, left, now = arch_tsc();
	struct vp *child = next_child(cpu, &timer);
	struct sched_plan plan;
	struct vp *vp;
	bool looks;

	/* The slice goes on: its end was not what the timer was set to. */
	if (event == SCHED_SLICE_END && cpu->cut_short)
		event = SCHED_GO_ON;
	vp = choose(cpu, event, child);
	if (vp != cpu->current) {
		cpu->current->runtime += now - cpu->current_since;
		cpu->current_since = now;
	}
	looks = vp == cpu->root && child && cpu->root_halted &&
	        event != SCHED_INTERRUPT;
	if (event != SCHED_GO_ON || vp != cpu->current) {
		cpu->slice_end =
			now + ticks_of(looks ? SCHED_LOOK_MICROSECONDS
		                             : SCHED_SLICE_MICROSECONDS);
		cpu->root_looks = looks;
	}
	left = cpu->slice_end > now ? cpu->slice_end - now : 0;
	left = child ? left : LAPIC_NEVER;
	cpu->cut_short = timer < left;
	plan = (struct sched_plan){
		.vp = vp,
		.timed = child || cpu->cut_short,
		.ticks = cpu->cut_short ? timer : left,
		.exit_hlt = child != NULL,
	};
	if (vp == cpu->root) {
		plan.halted = cpu->root_halted;
		cpu->root_halted = false;
		return plan;
	}
	cpu->children = vp;
	wake(vp);
	return plan;
}
