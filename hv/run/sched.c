/*
 * The scheduler: the root VP first of all, children in a ring with what it
 * leaves, slices of equal length when both sides want the processor.
 */
#include "hv/run/sched.h"

#include "hv/arch.h"
#include "hv/base/cpus.h"
#include "hv/interrupt/lapic.h"
#include "hv/run/vp_life.h"
#include "hv/run/vp_run.h"
#include "hv/vp/alarm.h"
#include "hv/vp/ready.h"
#include "hv/vp/vp.h"
#include "include/x86.h"

#define CANDIDATES 4 /* VPs that one call examines */

/* ---- Who has something to do ---- */

/* Not before its next timer is due, unless somebody wakes it. */
static void put_to_sleep(struct vp *vp, u64 now)
{
	u64 rest = vp_is_suspended(vp) ? LAPIC_NEVER : vp_timer_rest(vp);

	list_remove(&vp->ready);
	/* Whoever holds it may not come back for it. */
	if (vp->hold_end > now && vp->hold_end - now < rest)
		rest = vp->hold_end - now;
	if (rest != LAPIC_NEVER)
		alarm_set(vp, rest < ~now ? now + rest : ~0ull);
}

static void wake_due(const struct cpu *cpu, u64 now)
{
	struct vp *vp;

	for (u32 i = 0; i < CANDIDATES; i++) {
		vp = alarm_first(cpu);
		if (!vp || vp->alarm_at > now)
			break;
		ready_wake(vp);
	}
}

/* The parent of one that cannot run gets a message, which is enough for this call. */
static bool has_something_to_do(struct vp *vp, u32 *left)
{
	if (vp_is_suspended(vp))
		return false;
	/* Who has just run was brought up to now before anybody else. */
	if (vp != vp->cpu->current)
		vp_update(vp);
	if (!vp_runnable(vp))
		return false;
	if (vp_enters(vp))
		return true;
	*left = 0;
	return false;
}

/*
 * The child whose turn it is. Those before it that have nothing to do sleep.
 * Where they are so many that this takes more than one call, a child that runs
 * goes on meanwhile, unless it has given its slice away.
 */
static struct vp *next_child(struct cpu *cpu, enum sched_event event, u64 now)
{
	u32 left = CANDIDATES;
	struct vp *vp;

	while (left > 0 && list_linked(&cpu->ready)) {
		left--;
		vp = list_entry(cpu->ready.next, struct vp, ready);
		if (has_something_to_do(vp, &left))
			return vp;
		put_to_sleep(vp, now);
	}
	vp = cpu->current;
	return event != SCHED_HALT && list_linked(&vp->ready) &&
	                       has_something_to_do(vp, &left)
	               ? vp
	               : NULL;
}

static u64 ticks_of(u64 microseconds)
{
	return arch_facts()->tsc_hz / 1000000 * microseconds;
}

/* No child was found yet, and there are more to examine. */
static bool is_unsure(const struct cpu *cpu, const struct vp *child)
{
	return !child && list_linked(&cpu->ready);
}

/* TSC ticks until somebody is to be examined, besides who runs. */
static u64 next_wake(const struct cpu *cpu, const struct vp *child, u64 now)
{
	const struct vp *first = alarm_first(cpu);

	if (is_unsure(cpu, child))
		return ticks_of(SCHED_REST_MICROSECONDS);
	if (!first)
		return LAPIC_NEVER;
	return first->alarm_at > now ? first->alarm_at - now : 0;
}

/*
 * The child whose turn it is, NULL: none; and when to ask again. Mostly the
 * root is alone: few instructions for that.
 */
static inline struct vp *find_child(struct cpu *cpu, enum sched_event event,
                                    u64 now, u64 *timer)
{
	struct vp *child;

	*timer = LAPIC_NEVER;
	if (sched_is_alone(cpu))
		return NULL;
	wake_due(cpu, now);
	child = next_child(cpu, event, now);
	*timer = next_wake(cpu, child, now);
	return child;
}

/* Its turn has begun: the next one comes behind all others. */
static void take_turn(struct vp *vp)
{
	list_remove(&vp->ready);
	ready_wake(vp);
}

/* ---- Who runs ---- */

/*
 * Something that has come for the root did not end the run of this child, as it had IF = 0
 * (hv/arch.h). With IF = 1 all that came before has ended it.
 */
static bool may_have_missed(struct vp *vp)
{
	return arch_facts()->interrupts_may_wait &&
	       !(vp_state_part(vp, VP_PART_CORE)->rflags & RFLAGS_IF);
}

/*
 * The root waits in HLT: its time is the children's. What wakes it ends their slice, but
 * where that may be late: there it is entered for a poll, between two slices.
 */
static struct vp *choose_halted(const struct cpu *cpu, enum sched_event event,
                                struct vp *child)
{
	struct vp *current = cpu->current;

	if (current == cpu->root)
		return child;
	if (event == SCHED_SLICE_END)
		return may_have_missed(current) ? cpu->root : child;
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
	/* Something woke the root while it was polled: now it has a slice. */
	if (current == cpu->root && cpu->root_polled)
		return cpu->root;
	return current == cpu->root ? child : cpu->root;
}

/*
 * A halted VP that got something to do leaves its halt, as a processor does
 * when an event wakes it.
 */
static void leave_halt(struct vp *vp)
{
	vp->state.activity &= ~HV_ACTIVITY_HALT_SUSPEND;
}

/* ---- Slices ---- */

/*
 * Of the root, behind a child that a message stopped: as much as that one had. So a
 * parent that spins for messages does not make each of them cost the child a whole
 * slice, and has half of the processor all the same.
 */
static u64 as_much_as(const struct cpu *cpu)
{
	u64 ran = ticks_of(SCHED_SLICE_MICROSECONDS) - cpu->slice_left;
	u64 least = ticks_of(SCHED_POLL_MICROSECONDS);

	return ran > least ? ran : least;
}

/* Where a poll or a slice begins: nothing is charged before the entry. */
static void begin_slice(struct cpu *cpu, const struct vp *next,
                        enum sched_event event, bool polls)
{
	bool given = next == cpu->root && next != cpu->current &&
	             event == SCHED_GO_ON;

	if (given)
		cpu->slice_left = as_much_as(cpu);
	else
		cpu->slice_left = ticks_of(polls ? SCHED_POLL_MICROSECONDS
		                                 : SCHED_SLICE_MICROSECONDS);
	cpu->slice_end = 0;
	cpu->slice_last = false;
	cpu->root_polled = polls;
}

/* TSC ticks that are left of it, by what the VP ran and by the clock. */
static u64 rest_of_slice(const struct cpu *cpu, u64 now)
{
	u64 rest = cpu->slice_end > now ? cpu->slice_end - now : 0;

	return cpu->slice_end && rest < cpu->slice_left ? rest
	                                                : cpu->slice_left;
}

/*
 * What the slice makes of an exit. It ends whatever the exits do, though not right
 * behind the first that finds it over: that one is to be of some use.
 */
static enum sched_event after_exit(struct cpu *cpu, enum sched_event event,
                                   u64 now)
{
	if (event != SCHED_GO_ON || rest_of_slice(cpu, now) > 0)
		return event;
	if (cpu->slice_last)
		return SCHED_SLICE_END;
	cpu->slice_last = true;
	return event;
}

/* The preemption timer was set to the slice's end, or to something before it. */
static enum sched_event timer_fired(struct cpu *cpu)
{
	if (cpu->cut_short)
		return SCHED_GO_ON;
	cpu->slice_left = 0;
	cpu->slice_last = true;
	return SCHED_SLICE_END;
}

/*
 * One child runs, and nobody else is there: the end of its slice would be for nobody. Not
 * where the root, which halts, is there without an exit that says so.
 */
static bool has_no_rival(const struct cpu *cpu, const struct vp *vp)
{
	return vp != cpu->root && cpu->root_halted &&
	       list_holds_only(&cpu->ready, &vp->ready) &&
	       !arch_facts()->interrupts_may_wait;
}

/* For who was chosen; `timer`: the ticks until others are to be looked at. */
static void set_timer(struct cpu *cpu, struct sched_plan *plan,
                      const struct vp *child, u64 now, u64 timer)
{
	u64 least, left = LAPIC_NEVER;

	if (child && !has_no_rival(cpu, plan->vp)) {
		least = ticks_of(SCHED_RUN_MICROSECONDS);
		left = rest_of_slice(cpu, now);
		left = left > least ? left : least;
	}
	cpu->cut_short = timer < left;
	plan->ticks = cpu->cut_short ? timer : left;
	plan->timed = plan->ticks != LAPIC_NEVER;
}

void sched_entered(struct cpu *cpu)
{
	u32 limit = cpu->current->is_root ? SCHED_ROOT_LIMIT_MICROSECONDS
	                                  : SCHED_CHILD_LIMIT_MICROSECONDS;

	cpu->entered = arch_tsc();
	if (!cpu->slice_end)
		cpu->slice_end = cpu->entered + ticks_of(limit);
}

void sched_exited(struct cpu *cpu, u64 now)
{
	u64 ran = now - cpu->entered;

	cpu->slice_left -= ran < cpu->slice_left ? ran : cpu->slice_left;
}

/* ---- The choice ---- */

/* Its time as the one that executes is over. */
static void end_run(struct cpu *cpu, u64 now)
{
	cpu->current->runtime += now - cpu->current_since;
	cpu->current_since = now;
}

void sched_leave(struct cpu *cpu)
{
	if (cpu->current == cpu->root)
		return;
	end_run(cpu, arch_tsc());
	cpu->current = cpu->root;
}

struct sched_plan sched_next(struct cpu *cpu, enum sched_event event)
{
	u64 timer, rest, now = arch_tsc();
	struct vp *current = cpu->current, *child, *vp;
	struct sched_plan plan;
	bool polls;

	if (current != cpu->root && !vp_is_suspended(current))
		vp_update(current);
	child = find_child(cpu, event, now, &timer);
	if (event == SCHED_SLICE_END)
		event = timer_fired(cpu);
	if (child)
		event = after_exit(cpu, event, now);
	vp = choose(cpu, event, child);
	if (vp != current)
		end_run(cpu, now);
	polls = vp == cpu->root && child && cpu->root_halted &&
	        event != SCHED_INTERRUPT;
	/* The root's slice is over, but nobody may be there: no new one yet. */
	if (vp != current || (event != SCHED_GO_ON && !is_unsure(cpu, child)))
		begin_slice(cpu, vp, event, polls);
	if (vp != cpu->root) {
		rest = vp_timer_rest(vp);
		timer = rest < timer ? rest : timer;
	}
	plan = (struct sched_plan){ .vp = vp, .exit_hlt = child != NULL };
	set_timer(cpu, &plan, child, now, timer);
	if (vp == cpu->root) {
		plan.halted = cpu->root_halted;
		cpu->root_halted = false;
		return plan;
	}
	take_turn(vp);
	leave_halt(vp);
	return plan;
}

/* ---- To other processors ---- */

void sched_spread(struct cpu *cpu, struct vp *last)
{
	struct cpu *to;

	/* Not if it was put to sleep a moment ago, as it was held. Alone in the ring it shares with
	 * the root at most. */
	if (last == cpu->current || last->is_root || !vp_runnable(last) ||
	    !list_linked(&last->ready) ||
	    list_holds_only(&cpu->ready, &last->ready))
		return;
	to = cpus_free();
	if (to)
		vp_move(last, to);
}

bool sched_give_away(struct cpu *cpu)
{
	struct vp *vp = list_linked(&cpu->ready)
	                        ? list_entry(cpu->ready.next, struct vp, ready)
	                        : alarm_first(cpu);

	if (vp)
		vp_move(vp, cpus_least());
	return vp;
}
