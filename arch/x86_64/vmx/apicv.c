/*
 * A child's local APIC in x2APIC mode, where the processor virtualizes it: from the
 * APIC's page, all by itself (SDM 29).
 */
#include "arch/x86_64/vmx/apicv.h"

#include "arch/x86_64/common/apic.h"
#include "arch/x86_64/common/vendor.h"
#include "arch/x86_64/vmx/bitmaps.h"
#include "arch/x86_64/vmx/features.h"
#include "arch/x86_64/vmx/vmcs.h"
#include "arch/x86_64/vmx/vmx.h"
#include "arch/x86_64/vmx/vmx_arch.h"
#include "hv/interrupt/lapic.h"
#include "hv/interrupt/stimer.h"
#include "hv/interrupt/synic.h"
#include "include/x86_apic.h"

#define PROC2_APICV (PROC2_X2APIC | PROC2_APIC_REGISTERS | PROC2_INTERRUPTS)

/* One vector at a time: no other register of the four has a bit set. */
static void set_eoi_exit(struct vp *vp, u8 vector, bool on)
{
	u32 field = VMCS_EOI_EXIT0 + 2 * (vector / 64u);

	vmcs_write(field, on ? BIT(vector % 64) : 0);
	vp_vmx(vp)->eoi_vector = on ? vector : 0;
}

/* The next tick of a periodic timer may wait for this one's end. */
static void watch_timer(struct vp *vp)
{
	u32 lvt = *vp_apic_register(vp, LAPIC_LVT_TIMER);
	u8 old = vp_vmx(vp)->eoi_vector;
	u8 vector = lvt & LAPIC_LVT_PERIODIC ? (u8)lvt : 0;

	if (old == vector)
		return;
	if (old)
		set_eoi_exit(vp, old, false);
	if (vector)
		set_eoi_exit(vp, vector, true);
}

/* CR8 exits only while the page is not the processor's: with it TPR is read there. */
static void set_apicv(struct vp *vp, bool on)
{
	struct vp_vmx *a = vp_vmx(vp);

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

#define TPR_ALL 0xf0u

/* A child's CR8 is not the processor's: this one holds external interrupts back (10.8.3.1),
 * and the preemption timer is none. */
void vendor_hold_back(bool hold)
{
	struct cpu_vmx *c = cpu_vmx(arch_this_cpu());

	c->tpr = apic_swap_tpr(hold ? TPR_ALL : c->tpr);
}

/* Guests change mode and vectors rarely: mostly there is nothing to be written. */
bool vendor_delivers(struct vp *vp)
{
	bool wants = wants_apicv(vp);

	if (wants != vp_vmx(vp)->apicv)
		set_apicv(vp, wants);
	return wants;
}

/* Priorities and delivery are the processor's, from what the page holds. */
void apicv_show(struct vp *vp)
{
	if (!vp_vmx(vp)->apicv)
		return;
	watch_timer(vp);
	vmcs_write(VMCS_GUEST_INTERRUPT_STATUS,
	           (u64)lapic_highest(vp, LAPIC_ISR) << 8 |
	                   lapic_highest(vp, LAPIC_IRR));
}
