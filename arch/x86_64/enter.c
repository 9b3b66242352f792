/*
 * Prepares the next VM entry: world switch, changed state, timer, halting.
 */
#include "arch/x86_64/enter.h"

#include "arch/x86_64/barriers.h"
#include "arch/x86_64/events.h"
#include "arch/x86_64/features.h"
#include "arch/x86_64/interrupts.h"
#include "arch/x86_64/switch.h"
#include "arch/x86_64/tally.h"
#include "arch/x86_64/vmcs.h"
#include "arch/x86_64/vmx.h"
#include "hv/vp/partition.h"

#define TIMER_MAX 0xffffffffull
#define NMI_IN_HANDLER 10 /* microseconds to a look; one in a shadow */

static void set_timer(struct vp *vp, bool timed, u64 ticks)
{
	u64 units = ticks >> features()->timer_rate;

	vmcs_set_control(VMCS_PIN_CONTROLS, &vp_arch(vp)->pin, PIN_TIMER,
	                 timed);
	if (timed)
		vmcs_write(VMCS_TIMER, units < TIMER_MAX ? units : TIMER_MAX);
}

/*
 * The root has no window for an NMI or #MC that it cannot take yet, and may not exit
 * for seconds: it is looked at again behind a shadow, or later while it handles another.
 */
static void set_root_timer(struct vp *root, const struct sched_plan *plan)
{
	struct cpu_arch *a = cpu_arch(arch_this_cpu());
	u64 ticks = arch_facts()->tsc_hz / 1000000;

	if (vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) & INTERRUPTIBILITY_NMI)
		ticks *= NMI_IN_HANDLER;
	a->nmi_looks = !plan->timed || ticks < plan->ticks;
	set_timer(root, true, a->nmi_looks ? ticks : plan->ticks);
}

/*
 * A child halts only through us: an interrupt that it has blocked must not keep
 * the processor from the root. The root's MWAIT is ours while there are children
 * to look after: the preemption timer stands still in the deeper of the states that
 * it may ask for (SDM 25.5.1).
 */
static void set_halting(struct vp *vp, const struct sched_plan *plan)
{
	u32 *proc = &vp_arch(vp)->proc;

	vmcs_set_control(VMCS_PROC_CONTROLS, proc, PROC_HLT,
	                 plan->exit_hlt || !vp->is_root);
	if (vp->is_root)
		vmcs_set_control(VMCS_PROC_CONTROLS, proc, PROC_MWAIT,
		                 plan->exit_hlt || plan->timed);
	vp_arch(vp)->halted = plan->halted && features()->has_hlt_state;
	if (vp_arch(vp)->halted)
		vmcs_write(VMCS_GUEST_ACTIVITY, ACTIVITY_HLT);
}

/*
 * What the parent intercepts, machine checks, which are nobody's but ours, and what
 * a processor could be caught in (exits.c).
 */
static void set_exceptions(struct vp *vp)
{
	struct vp_arch *a = vp_arch(vp);
	u32 wanted = vp->partition->exceptions | 1u << VECTOR_MC |
	             1u << VECTOR_DB | 1u << VECTOR_AC;

	if (vp->is_root || a->exceptions == wanted)
		return;
	a->exceptions = wanted;
	vmcs_write(VMCS_EXCEPTION_BITMAP, wanted);
}

static void set_rsp(struct vp *vp)
{
	struct vp_arch *a = vp_arch(vp);

	if (a->rsp == vp->state.gpr[VP_RSP])
		return;
	a->rsp = vp->state.gpr[VP_RSP];
	vmcs_write(VMCS_GUEST_RSP, a->rsp);
}

static void prepare(const struct sched_plan *plan)
{
	struct cpu_arch *a = cpu_arch(arch_this_cpu());
	struct vp *vp = plan->vp;

	tally_switch_begin();
	switch_to(vp);
	vmcs_load(vp);
	tally_switch_end();
	if (vp->dirty)
		arch_vp_apply(vp);
	vp->dirty = 0;
	a->nmi_looks = false;
	if (vp->is_root) {
		events_inject_machine_check(); /* before an NMI (SDM table 6-2) */
		events_inject_nmi(vp);
	} else {
		interrupts_deliver(vp);
	}
	if (vp->is_root && (a->nmi_pending || a->mc_pending))
		set_root_timer(vp, plan);
	else
		set_timer(vp, plan->timed, plan->ticks);
	set_halting(vp, plan);
	set_exceptions(vp);
	barriers_cross(vp->partition);
}

/* An exit of the root when it is alone: it goes on as it was entered before. */
static bool goes_on(struct cpu *cpu, enum sched_event event)
{
	return cpu_arch(cpu)->quiet && event == SCHED_GO_ON &&
	       sched_is_alone(cpu) && !cpu->current->dirty;
}

struct vm_entry enter_next(struct cpu *cpu, enum sched_event event)
{
	struct cpu_arch *a = cpu_arch(cpu);
	struct sched_plan plan;

	if (a->nmi_arrived) {
		a->nmi_arrived = false;
		a->nmi_pending = true;
		event = SCHED_INTERRUPT;
	}
	if (!goes_on(cpu, event)) {
		plan = sched_next(cpu, event);
		cpu->current = plan.vp;
		prepare(&plan);
		a->quiet = plan.vp->is_root && !plan.timed && !plan.exit_hlt &&
		           !plan.halted && !a->nmi_pending && !a->mc_pending;
		/* What a root that is alone runs, nobody counts. */
		sched_entered(cpu);
	}
	set_rsp(cpu->current);
	tally_enter(cpu->current);
	return (struct vm_entry){ cpu->current,
		                  vp_arch(cpu->current)->launched };
}
