/*
 * The last fields of the VMCS before an entry: timer, HLT and MWAIT, exceptions,
 * windows, RSP.
 */
#include "arch/x86_64/vmx/entry.h"

#include "arch/x86_64/common/enter.h"
#include "arch/x86_64/common/machine.h"
#include "arch/x86_64/common/tally.h"
#include "arch/x86_64/common/vendor.h"
#include "arch/x86_64/vmx/apicv.h"
#include "arch/x86_64/vmx/features.h"
#include "arch/x86_64/vmx/tlb.h"
#include "arch/x86_64/vmx/vmcs.h"
#include "arch/x86_64/vmx/vmx.h"
#include "hv/base/cpus.h"

#define TIMER_MAX 0xffffffffull

/* The timer counts a power of two of the TSC's ticks, and has 32 bits (SDM 25.5.1). */
static void set_timer(struct vp *vp, bool timed, u64 ticks)
{
	u64 units = ticks >> features()->timer_rate;

	vmcs_set_control(VMCS_PIN_CONTROLS, &vp_vmx(vp)->pin, PIN_TIMER, timed);
	if (timed)
		vmcs_write(VMCS_TIMER, units < TIMER_MAX ? units : TIMER_MAX);
}

/* The root's HLT is its own while it is alone; a child's never is. */
static void set_halting(struct vp *vp, const struct vendor_entry *e)
{
	struct vp_vmx *a = vp_vmx(vp);

	vmcs_set_control(VMCS_PROC_CONTROLS, &a->proc, PROC_HLT, e->halt_exits);
	if (vp->is_root)
		vmcs_set_control(VMCS_PROC_CONTROLS, &a->proc, PROC_MWAIT,
		                 e->mwait_exits);
	/* Without that state it executes its HLT again, which is behind RIP: */
	a->halted = e->halted && features()->has_hlt_state;
	if (a->halted)
		vmcs_write(VMCS_GUEST_ACTIVITY, ACTIVITY_HLT);
}

/* The bitmap of a root is 0, as vmcs_init made it: its exceptions are its own. */
static void set_exceptions(struct vp *vp, u32 wanted)
{
	struct vp_vmx *a = vp_vmx(vp);

	if (vp->is_root || a->exceptions == wanted)
		return;
	a->exceptions = wanted;
	vmcs_write(VMCS_EXCEPTION_BITMAP, wanted);
}

/* Without virtual NMIs there is no window for one: it waits for an exit. */
static bool has_nmi_window(struct vp *vp)
{
	return (features()->child[CONTROL_PROC] & PROC_NMI_WINDOW) &&
	       (vp_vmx(vp)->pin & PIN_VIRTUAL_NMI);
}

/*
 * Behind STI the window of an NMI may be open and the NMI not be taken (SDM 25.2,
 * 26.3.1.5): then each entry would exit at once. That of interrupts opens with the
 * next instruction.
 */
static void set_windows(struct vp *vp, bool nmi, bool interrupt)
{
	u32 *proc = &vp_vmx(vp)->proc;

	nmi = nmi && has_nmi_window(vp);
	if (nmi &&
	    (vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) & INTERRUPTIBILITY_STI)) {
		nmi = false;
		interrupt = true;
	}
	vmcs_set_control(VMCS_PROC_CONTROLS, proc, PROC_NMI_WINDOW, nmi);
	vmcs_set_control(VMCS_PROC_CONTROLS, proc, PROC_INTERRUPT_WINDOW,
	                 interrupt);
}

void vendor_prepare(struct vp *vp, const struct vendor_entry *e)
{
	bool watches;

	if (!vp->is_root) {
		apicv_show(vp);
		set_windows(vp, e->wait_nmi, e->wait_interrupt);
	}
	/* Of several processors one that has nothing to do comes to see whether another
	 * hangs, once a second. */
	watches = !e->timed && cpus_count() > 1;
	cpu_vmx(vp->cpu)->watches = watches;
	set_timer(vp, e->timed || watches,
	          watches ? arch_facts()->tsc_hz : e->ticks);
	set_halting(vp, e);
	set_exceptions(vp, e->exceptions);
}

/* The other registers are popped from the VP itself (exit.asm). */
static void set_rsp(struct vp *vp)
{
	struct vp_vmx *a = vp_vmx(vp);

	if (a->rsp == vp->state.gpr[VP_RSP])
		return;
	a->rsp = vp->state.gpr[VP_RSP];
	vmcs_write(VMCS_GUEST_RSP, a->rsp);
}

/* On the way of every entry, in another file: inlined there. */
__attribute__((always_inline)) inline struct vm_entry entry_of(struct vp *vp)
{
	struct cpu *cpu = arch_this_cpu();

	if (cpu_vmx(cpu)->flush)
		tlb_flush_late(cpu_vmx(cpu));
	set_rsp(vp);
	tally_enter(vp);
	machine_give(cpu);
	return (struct vm_entry){ vp, vp_vmx(vp)->launched };
}
