/*
 * The window in which the hypervisor takes interrupts (APM volume 2, 15.17): GIF is clear
 * at all other times. Taken is not ended: the EOI is the root's, whose APIC it is. But
 * for the hypervisor's own, which is its timer's.
 *
 * The root is asked first whether it can take one. As long as it cannot, the APIC keeps
 * it: whatever comes in the meantime with a higher priority goes before it.
 */
#include "arch/x86_64/svm/interrupt.h"

#include "arch/x86_64/common/apic.h"
#include "arch/x86_64/common/fault.h"
#include "arch/x86_64/common/machine.h"
#include "arch/x86_64/common/vendor.h"
#include "arch/x86_64/svm/run.h"
#include "arch/x86_64/svm/svm.h"
#include "arch/x86_64/svm/svm_arch.h"
#include "arch/x86_64/svm/timer.h"
#include "hv/vp/vp.h"
#include "include/x86.h"

/* run.asm */
void window_halt(void);
extern const u8 window_halt_start[], window_halt_end[];

/* An NMI between the look whether one has come and HLT would be slept through. */
u64 vendor_nmi_return(u64 rip)
{
	return rip >= (u64)window_halt_start && rip < (u64)window_halt_end
	               ? (u64)window_halt_end
	               : rip;
}

void vendor_wait(void)
{
	svm_stgi();
	wait_for_nmi();
	svm_clgi();
}

/*
 * An NMI comes with STGI, an interrupt behind the instruction that follows STI.
 */
static void window_open(void)
{
	__asm__ volatile("stgi; sti; nop; nop; cli; clgi" : : : "memory", "cc");
}

u32 vendor_take_interrupt(void)
{
	return fault_take_interrupt(window_open);
}

/* For the root: it goes before all that the APIC has still got. */
static void keep(u32 vector)
{
	if (vector)
		cpu_svm(arch_this_cpu())->kept = (u8)vector;
}

/* Nothing but NMIs, as IF is clear: one that is kept already would be lost, and our own
 * timer's, taken for the root's, would stay in service for ever. */
void interrupt_open(void)
{
	__asm__ volatile("stgi; nop; clgi" : : : "memory");
}

static bool can_take(struct vp *root)
{
	const struct vp_state *s = vp_state_part(root, VP_PART_CORE);

	return (s->rflags & RFLAGS_IF) &&
	       !(s->interrupt_state & HV_INTERRUPT_STATE_SHADOW);
}

/* What has come: the end of a time that was asked for, or something for the root. */
static enum sched_event event_of(u32 vector)
{
	if (timer_is_own(vector))
		return timer_expired();
	keep(vector);
	return SCHED_INTERRUPT;
}

enum sched_event interrupt_exited(struct cpu *cpu)
{
	/* There is room for one: a second stays in the APIC, where it is safe. */
	if (cpu_svm(cpu)->kept)
		return SCHED_INTERRUPT;
	/* Ours has the highest priority of all: it is the one that comes. */
	if (!timer_waits() && !can_take(cpu->root))
		return SCHED_INTERRUPT;
	return event_of(vendor_take_interrupt());
}

void interrupt_give(struct vp *root)
{
	struct cpu_svm *c = cpu_svm(arch_this_cpu());
	struct vmcb *v = vmcb_of(root);
	const struct vendor_event e = { .type = HV_PENDING_TYPE_INTERRUPT,
		                        .vector = c->kept };
	bool waits = c->kept;

	/* Injection looks at neither IF nor a shadow (15.20): where it would be wrong,
	 * the window's exit brings us back. */
	if (waits && !(v->event & EVENT_VALID) && (v->rflags & RFLAGS_IF) &&
	    !(v->interrupt_shadow & VMCB_SHADOW)) {
		vendor_inject(root, &e);
		c->kept = 0;
		waits = false;
	}
	run_set_window(root, waits);
}

/* A child has a TPR of its own: this one holds for interrupts of the processor (15.21.1). */
void vendor_hold_back(bool hold)
{
	struct cpu_svm *c = cpu_svm(arch_this_cpu());

	c->tpr = apic_swap_tpr(hold ? TIMER_TPR : c->tpr);
}

enum sched_event interrupt_halt(struct vp *root, bool timed)
{
	bool deaf = !can_take(root);
	enum sched_event event;
	u32 vector;

	/* With IF = 0 the root sleeps on whatever comes, but for an NMI. */
	if (deaf)
		vendor_hold_back(true);
	if (timed && timer_is_near()) {
		vector = vendor_take_interrupt();
	} else {
		machine_halt(root->cpu);
		vector = fault_take_interrupt(window_halt);
		machine_halted(root->cpu);
	}
	if (deaf)
		vendor_hold_back(false);
	/* Nothing for the root: it goes on halting, and others may run meanwhile. */
	if (!vector || timer_is_own(vector)) {
		root->cpu->root_halted = true;
		event = timer_expired();
		return event == SCHED_GO_ON ? event : SCHED_HALT;
	}
	return event_of(vector);
}
