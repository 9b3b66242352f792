/*
 * Prepares the next entry: world switch, changed state, what waits for the VP, when it
 * is to be back.
 */
#include "arch/x86_64/common/enter.h"

#include "arch/x86_64/common/barriers.h"
#include "arch/x86_64/common/cpu_arch.h"
#include "arch/x86_64/common/interrupts.h"
#include "arch/x86_64/common/kick.h"
#include "arch/x86_64/common/startup.h"
#include "arch/x86_64/common/switch.h"
#include "arch/x86_64/common/tally.h"
#include "arch/x86_64/common/vendor.h"
#include "hv/base/cpus.h"
#include "hv/vp/partition.h"
#include "include/x86.h"

#define NMI_IN_HANDLER 10 /* microseconds to a poll; one in a shadow */

/*
 * The root has no window for an NMI or #MC that it cannot take yet, and may not exit
 * for seconds: it is polled for behind a shadow, or later while it handles another.
 */
static void poll_nmi(struct vp *root, struct vendor_entry *entry)
{
	struct cpu_arch *a = cpu_arch(arch_this_cpu());
	u64 ticks = arch_facts()->tsc_hz / 1000000;

	if (!a->nmi_pending && !a->mc_pending)
		return;
	if (vendor_peek(root, VENDOR_BLOCKING) & HV_INTERRUPT_STATE_NMI_MASKED)
		ticks *= NMI_IN_HANDLER;
	a->nmi_poll = !entry->timed || ticks < entry->ticks;
	entry->timed = true;
	if (a->nmi_poll)
		entry->ticks = ticks;
}

/*
 * A child halts only through us: an interrupt that it has blocked must not keep
 * the processor from the root. The root's MWAIT is ours while there are children
 * to look after: the preemption timer stands still in the deeper of the states that
 * it may ask for (SDM 25.5.1).
 *
 * Exceptions of a child: what the parent intercepts, machine checks, which are
 * nobody's but ours, and what a processor could be caught in (exits.c).
 */
static struct vendor_entry entry_of_plan(const struct sched_plan *plan)
{
	return (struct vendor_entry){
		.timed = plan->timed,
		.ticks = plan->ticks,
		.halted = plan->halted,
		.halt_exits = plan->exit_hlt || !plan->vp->is_root,
		.mwait_exits = plan->exit_hlt || plan->timed,
		.exceptions = plan->vp->partition->exceptions |
		              1u << VECTOR_MC | 1u << VECTOR_DB |
		              1u << VECTOR_AC,
	};
}

static void prepare(const struct sched_plan *plan)
{
	struct vendor_entry entry = entry_of_plan(plan);
	struct vp *vp = plan->vp;

	tally_switch_begin();
	switch_to(vp);
	vendor_load(vp);
	tally_switch_end();
	if (vp->dirty)
		arch_vp_apply(vp);
	vp->dirty = 0;
	cpu_arch(arch_this_cpu())->nmi_poll = false;
	if (vp->is_root) {
		interrupts_deliver_root(vp);
		poll_nmi(vp, &entry);
	} else {
		interrupts_deliver(vp, &entry);
	}
	vendor_prepare(vp, &entry);
	/* Last: what we do here ourselves is not for the next one to find either. */
	barriers_cross(vp->partition);
}

/* An exit of the root when it is alone: it goes on as it was entered before. */
static bool goes_on(struct cpu *cpu, enum sched_event event)
{
	return cpu_arch(cpu)->quiet && event == SCHED_GO_ON &&
	       sched_is_alone(cpu) && !cpu->current->dirty;
}

/*
 * With IF = 0 the root takes no interrupt, whoever runs: one that waits would end each run
 * of a child before its first instruction. A root that halts so would be the only one that
 * ever has the processor; an AP that a firmware keeps does, and it has an interrupt at times.
 */
static void hold_back(struct cpu_arch *a, struct vp *last,
                      const struct vp *next)
{
	if (next->is_root)
		return;
	if (last->is_root)
		a->deaf = !(vp_state_part(last, VP_PART_CORE)->rflags &
		            RFLAGS_IF);
	a->held_back = a->deaf;
	if (a->deaf)
		vendor_hold_back(true);
}

static void let_come(struct cpu_arch *a)
{
	if (a->held_back)
		vendor_hold_back(false);
	a->held_back = false;
}

/*
 * Whoever is next by the scheduler. Apart from enter_next, which has no use for the
 * registers that this saves where the root is alone: that is the way of most exits.
 */
__attribute__((noinline)) static struct vp *enter_chosen(struct cpu *cpu,
                                                         enum sched_event event)
{
	struct cpu_arch *a = cpu_arch(cpu);
	struct sched_plan plan;
	struct vp *last;

	let_come(a);
	if (cpu->root->lapic.events)
		startup_settle(cpu);
	/* Not before: others may have deleted who was. */
	last = cpu->current;
	if (a->nmi_carried)
		event = SCHED_INTERRUPT;
	a->nmi_carried = false;
	if (list_linked(&cpu->asked))
		kick_hold_asked(cpu);
	plan = sched_next(cpu, event);
	hold_back(a, last, plan.vp);
	cpu->current = plan.vp;
	if (cpus_count() > 1) {
		sched_spread(cpu, last);
		kick_let_go(cpu, last);
	}
	plan.vp->in_processor = true;
	prepare(&plan);
	a->quiet = plan.vp->is_root && !plan.timed && !plan.exit_hlt &&
	           !plan.halted && !a->nmi_pending && !a->mc_pending;
	/* What a root that is alone runs, nobody counts. */
	sched_entered(cpu);
	return cpu->current;
}

struct vp *enter_next(struct cpu *cpu, enum sched_event event)
{
	struct cpu_arch *a = cpu_arch(cpu);

	if (a->nmi_arrived && kick_note_nmi(cpu))
		event = SCHED_INTERRUPT;
	if (goes_on(cpu, event))
		return cpu->current;
	return enter_chosen(cpu, event);
}
