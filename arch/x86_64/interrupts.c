/*
 * Interrupts of a child's local APIC: injected at VM entry where the guest can
 * take them, else when a window opens (SDM 24.8.3, 25.2).
 */
#include "arch/x86_64/interrupts.h"

#include "arch/x86_64/cpu_arch.h"
#include "arch/x86_64/features.h"
#include "arch/x86_64/regs.h"
#include "arch/x86_64/vmcs.h"
#include "arch/x86_64/vmx.h"

#define SHADOW (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS)

/* A captured state stays as the VMCS is: it may be applied once more. */
static void inject(struct vp *vp, enum hv_pending_type type, u8 vector)
{
	vmcs_write(VMCS_ENTRY_EVENT,
	           EVENT_VALID | (u64)type << EVENT_TYPE_SHIFT | vector);
	if (vp->cached)
		vp->state.pending_interruption =
			HV_PENDING_INTERRUPTION |
			(u64)type << HV_PENDING_TYPE_SHIFT |
			(u64)vector << HV_PENDING_VECTOR_SHIFT;
}

static bool is_occupied(void)
{
	return vmcs_read(VMCS_ENTRY_EVENT) & EVENT_VALID;
}

static void deliver_nmi(struct vp *vp)
{
	if (!lapic_nmi_pending(vp) || is_occupied() ||
	    vmcs_read(VMCS_GUEST_INTERRUPTIBILITY))
		return;
	lapic_nmi_accept(vp);
	inject(vp, HV_PENDING_TYPE_NMI, VECTOR_NMI);
}

static void deliver_interrupt(struct vp *vp)
{
	u8 vector = lapic_pending(vp);

	if (!vector || is_occupied() ||
	    (vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) & SHADOW) ||
	    !(vmcs_read(VMCS_GUEST_RFLAGS) & RFLAGS_IF))
		return;
	lapic_accept(vp, vector);
	inject(vp, HV_PENDING_TYPE_INTERRUPT, vector);
}

/* Without virtual NMIs there is no window for one: it waits for an exit. */
static bool has_nmi_window(struct vp *vp)
{
	return (features()->child[CONTROL_PROC] & PROC_NMI_WINDOW) &&
	       (vp_arch(vp)->pin & PIN_VIRTUAL_NMI);
}

void interrupts_deliver(struct vp *vp)
{
	u32 *proc = &vp_arch(vp)->proc;

	if (vp->is_root)
		return;
	deliver_nmi(vp);
	deliver_interrupt(vp);
	vmcs_set_control(VMCS_PROC_CONTROLS, proc, PROC_NMI_WINDOW,
	                 lapic_nmi_pending(vp) && has_nmi_window(vp));
	vmcs_set_control(VMCS_PROC_CONTROLS, proc, PROC_INTERRUPT_WINDOW,
	                 lapic_pending(vp));
}
