/*
 * Interrupts of a child's local APIC, and the root's NMI and machine check: injected
 * at the entry where the guest can take them, else when a window opens.
 */
#include "arch/x86_64/common/interrupts.h"

#include "arch/x86_64/common/cpu_arch.h"
#include "hv/interrupt/lapic.h"
#include "include/x86.h"

static void inject(struct vp *vp, enum hv_pending_type type, u8 vector)
{
	const struct vendor_event e = { .type = type, .vector = vector };

	vendor_inject(vp, &e);
}

/* Cheapest question first: mostly there is nothing to be delivered. */
static void deliver_nmi(struct vp *vp)
{
	if (!lapic_nmi_pending(vp) || vendor_peek(vp, VENDOR_OCCUPIED) ||
	    vendor_peek(vp, VENDOR_BLOCKING) || vendor_debug_waits(vp))
		return;
	lapic_nmi_accept(vp);
	inject(vp, HV_PENDING_TYPE_NMI, VECTOR_NMI);
}

static void deliver_interrupt(struct vp *vp)
{
	u8 vector = lapic_pending(vp);

	if (!vector || vendor_peek(vp, VENDOR_OCCUPIED) ||
	    (vendor_peek(vp, VENDOR_BLOCKING) & HV_INTERRUPT_STATE_SHADOW) ||
	    !(vendor_peek(vp, VENDOR_RFLAGS) & RFLAGS_IF) ||
	    vendor_debug_waits(vp))
		return;
	lapic_accept(vp, vector);
	inject(vp, HV_PENDING_TYPE_INTERRUPT, vector);
}

/*
 * An interrupt of the APIC that came from outside of it (ExtINT) is in no page that a
 * processor could look at: it is ours to deliver, whoever does the others.
 */
void interrupts_deliver(struct vp *vp, struct vendor_entry *entry)
{
	bool by_processor = vendor_delivers(vp);

	deliver_nmi(vp);
	if (!by_processor || lapic_external_pending(vp)) {
		deliver_interrupt(vp);
		entry->wait_interrupt = lapic_pending(vp);
	}
	entry->wait_nmi = lapic_nmi_pending(vp);
}

/* The machine check first (SDM table 6-2): it takes the place of the NMI. */
void interrupts_deliver_root(struct vp *root)
{
	struct cpu_arch *a = cpu_arch(arch_this_cpu());

	if (a->mc_pending && !vendor_peek(root, VENDOR_OCCUPIED)) {
		a->mc_pending = false;
		inject(root, HV_PENDING_TYPE_EXCEPTION, VECTOR_MC);
	}
	if (!a->nmi_pending || vendor_peek(root, VENDOR_OCCUPIED) ||
	    vendor_peek(root, VENDOR_BLOCKING) || vendor_debug_waits(root))
		return;
	a->nmi_pending = false;
	inject(root, HV_PENDING_TYPE_NMI, VECTOR_NMI);
}
