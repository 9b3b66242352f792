/*
 * Interrupts of a child's local APIC: injected at VM entry where the guest can
 * take them, else when a window opens (SDM 24.8.3, 25.2). In x2APIC mode a
 * processor that can does it all by itself, from the APIC's page (SDM 29).
 */
#include "arch/x86_64/interrupts.h"

#include "arch/x86_64/bitmaps.h"
#include "arch/x86_64/cpu_arch.h"
#include "arch/x86_64/events.h"
#include "arch/x86_64/features.h"
#include "arch/x86_64/regs.h"
#include "arch/x86_64/vmcs.h"
#include "arch/x86_64/vmx.h"
#include "hv/interrupt/lapic.h"
#include "hv/interrupt/stimer.h"
#include "hv/interrupt/synic.h"
#include "include/x86_apic.h"

#define PROC2_APICV (PROC2_X2APIC | PROC2_APIC_REGISTERS | PROC2_INTERRUPTS)

#define SHADOW (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS)

/* A captured state stays as the VMCS is: it may be applied once more. */
static void inject(struct vp *vp, enum hv_pending_type type, u8 vector)
{
	vmcs_write(VMCS_ENTRY_EVENT,
	           EVENT_VALID | (u64)type << EVENT_TYPE_SHIFT | vector);
	if (vp->cached & VP_PART_CORE)
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
	    vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) || events_debug_waits(vp))
		return;
	lapic_nmi_accept(vp);
	inject(vp, HV_PENDING_TYPE_NMI, VECTOR_NMI);
}

static void deliver_interrupt(struct vp *vp)
{
	u8 vector = lapic_pending(vp);

	if (!vector || is_occupied() ||
	    (vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) & SHADOW) ||
	    !(vmcs_read(VMCS_GUEST_RFLAGS) & RFLAGS_IF) ||
	    events_debug_waits(vp))
		return;
	lapic_accept(vp, vector);
	inject(vp, HV_PENDING_TYPE_INTERRUPT, vector);
}

/* ---- By the processor ---- */

static void set_eoi_exit(struct vp *vp, u8 vector, bool on)
{
	u32 field = VMCS_EOI_EXIT0 + 2 * (vector / 64u);

	vmcs_write(field, on ? BIT(vector % 64) : 0);
	vp_arch(vp)->eoi_vector = on ? vector : 0;
}

/* The next tick of a periodic timer may wait for this one's end. */
static void watch_timer(struct vp *vp)
{
	u32 lvt = *vp_apic_register(vp, LAPIC_LVT_TIMER);
	u8 old = vp_arch(vp)->eoi_vector;
	u8 vector = lvt & LAPIC_LVT_PERIODIC ? (u8)lvt : 0;

	if (old == vector)
		return;
	if (old)
		set_eoi_exit(vp, old, false);
	if (vector)
		set_eoi_exit(vp, vector, true);
}

static void set_apicv(struct vp *vp, bool on)
{
	struct vp_arch *a = vp_arch(vp);

	vmcs_set_control(VMCS_PROC_CONTROLS, &a->proc, PROC_TPR_SHADOW, on);
	vmcs_set_control(VMCS_PROC_CONTROLS, &a->proc,
	                 PROC_CR8_LOAD | PROC_CR8_STORE, !on);
	vmcs_set_control(VMCS_PROC2_CONTROLS, &a->proc2, PROC2_APICV, on);
	vmcs_write(VMCS_MSR_BITMAP, on ? bitmaps_apicv() : bitmaps_msr(vp));
	a->apicv = on;
}

/*
 * An APIC that is off by software delivers nothing; AutoEOI, and a direct timer's
 * next tick, come when an interrupt is taken: these are ours to see to.
 */
static bool wants_apicv(const struct vp *vp)
{
	return features()->has_apicv && lapic_mode(vp) == LAPIC_X2APIC &&
	       (*vp_apic_register(vp, LAPIC_SVR) & LAPIC_SVR_ENABLE) &&
	       !synic_has_auto_eoi(vp) && !stimer_watches_apic(vp);
}

/* Priorities and delivery are the processor's, from what the page holds. */
static void show_page(struct vp *vp)
{
	watch_timer(vp);
	vmcs_write(VMCS_GUEST_INTERRUPT_STATUS,
	           (u64)lapic_highest(vp, LAPIC_ISR) << 8 |
	                   lapic_highest(vp, LAPIC_IRR));
}

/* Without virtual NMIs there is no window for one: it waits for an exit. */
static bool waits_for_nmi_window(struct vp *vp)
{
	return lapic_nmi_pending(vp) &&
	       (features()->child[CONTROL_PROC] & PROC_NMI_WINDOW) &&
	       (vp_arch(vp)->pin & PIN_VIRTUAL_NMI);
}

/*
 * Behind STI the window of an NMI may be open and the NMI not be taken (SDM 25.2,
 * 26.3.1.5): then each entry would exit at once. That of interrupts opens with the
 * next instruction.
 */
static void set_windows(struct vp *vp, bool waits)
{
	u32 *proc = &vp_arch(vp)->proc;
	bool nmi = waits_for_nmi_window(vp);

	if (nmi &&
	    (vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) & INTERRUPTIBILITY_STI)) {
		nmi = false;
		waits = true;
	}
	vmcs_set_control(VMCS_PROC_CONTROLS, proc, PROC_NMI_WINDOW, nmi);
	vmcs_set_control(VMCS_PROC_CONTROLS, proc, PROC_INTERRUPT_WINDOW,
	                 waits);
}

void interrupts_deliver(struct vp *vp)
{
	bool waits;

	if (wants_apicv(vp) != vp_arch(vp)->apicv)
		set_apicv(vp, wants_apicv(vp));
	deliver_nmi(vp);
	if (vp_arch(vp)->apicv && !lapic_external_pending(vp)) {
		show_page(vp);
		waits = false;
	} else {
		deliver_interrupt(vp);
		waits = lapic_pending(vp);
		if (vp_arch(vp)->apicv)
			show_page(vp);
	}
	set_windows(vp, waits);
}
