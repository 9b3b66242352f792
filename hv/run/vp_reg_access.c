/*
 * Registers that are more than a place in the structure. What a register's check
 * has seen to (vp_reg_table.c) is not looked at again; where a guest's own write has
 * other rules than its parent's, there are two functions.
 */
#include "hv/run/vp_reg_access.h"

#include "hv/arch.h"
#include "hv/interrupt/lapic.h"
#include "hv/interrupt/stimer.h"
#include "hv/interrupt/synic.h"
#include "hv/vp/hypercall_page.h"
#include "hv/vp/partition.h"
#include "hv/vp/vp.h"
#include "hv/vp/vp_check.h"
#include "include/x86.h"
#include "include/x86_apic.h"

#define OK HV_STATUS_SUCCESS
#define REFUSED HV_STATUS_INVALID_PARAMETER

/* ---- A VP's life and events ---- */

enum hv_status vp_reg_get_explicit(struct vp *vp, u32 msr, u64 *value)
{
	(void)msr;
	*value = vp->explicit_suspend;
	return OK;
}

/* Remembers since when it is suspended; that time ends for its APIC's timer. */
static void hold(struct vp *vp, bool suspend)
{
	if (suspend == !!vp->explicit_suspend)
		return;
	if (suspend)
		vp->held_since = arch_tsc();
	else
		lapic_timer_resume(vp);
	vp->held_here = suspend;
}

enum hv_status vp_reg_set_explicit(struct vp *vp, u32 msr, u64 value)
{
	struct partition *p = vp->partition;

	(void)msr;
	if (value & ~HV_SUSPENDED)
		return REFUSED;
	/* What it would run is some of one state and some of another. */
	if (!value && p->half_restored)
		return HV_STATUS_INVALID_PARTITION_STATE;
	/* Only where it changes: a parent that sets it again does not move the
	 * time since when the timer has been held. */
	hold(vp, value);
	vp->explicit_suspend = value;
	/* The clock stands still while all are suspended (TLFS 12). */
	reference_update(p);
	return OK;
}

enum hv_status vp_reg_get_intercept(struct vp *vp, u32 msr, u64 *value)
{
	(void)msr;
	*value = vp->intercept_suspend;
	return OK;
}

/* The hypervisor sets these bits, the parent may only clear them. */
enum hv_status vp_reg_set_intercept(struct vp *vp, u32 msr, u64 value)
{
	(void)msr;
	if (value & ~vp->intercept_suspend)
		return REFUSED;
	/* The parent has seen to what was intercepted: the step over a MOV SS
	 * or STI is made up for at the next entry (debug_resume). */
	if (vp->intercept_suspend & ~value & HV_SUSPENDED)
		vp->resumed = true;
	vp->intercept_suspend = value;
	/* A message that was not taken yet tells of what is over. */
	if (!(value & HV_SUSPENDED)) {
		synic_cancel(vp);
		vp->message.type = HV_MESSAGE_NONE;
	}
	return OK;
}

/* A shadow that its parent makes is STI's; one that stays is what it was. */
enum hv_status vp_reg_set_interrupt_state(struct vp *vp, u32 msr, u64 value)
{
	struct vp_state *s = vp_state_change(vp, VP_PART_CORE);

	(void)msr;
	/* The register has one bit for both shadows; behind MOV SS debug
	 * exceptions are held back too, behind STI they are not. */
	if (!(s->interrupt_state & value & HV_INTERRUPT_STATE_SHADOW))
		s->mov_ss = 0;
	s->interrupt_state = value;
	return OK;
}

/* ---- Of the processor ---- */

enum hv_status vp_reg_get_cr8(struct vp *vp, u32 msr, u64 *value)
{
	(void)msr;
	*value = lapic_cr8(vp);
	return OK;
}

enum hv_status vp_reg_set_cr8(struct vp *vp, u32 msr, u64 value)
{
	(void)msr;
	/* TPR is where it is kept; what waits may be deliverable now. */
	lapic_set_cr8(vp, value);
	return OK;
}

/* Timers that count do not notice; a deadline is a value of the TSC. */
void vp_set_tsc_offset(struct vp *vp, u64 offset)
{
	struct vp_state *s = vp_state_change(vp, VP_PART_OURS);

	/* The root has the processor's timer; arch/ translates its deadline. */
	if (!vp->is_root)
		lapic_timer_shift(vp, offset - s->tsc_offset);
	s->tsc_offset = offset;
	reference_update(vp->partition);
}

enum hv_status vp_reg_get_tsc(struct vp *vp, u32 msr, u64 *value)
{
	(void)msr;
	/* Also of a VP that does not run: time does not stand still for it. */
	*value = vp_tsc_at(vp, arch_tsc());
	return OK;
}

enum hv_status vp_reg_set_tsc(struct vp *vp, u32 msr, u64 value)
{
	(void)msr;
	vp_set_tsc_offset(vp,
	                  value - tsc_at(&vp->partition->clock, arch_tsc()));
	return OK;
}

/*
 * EFER.LMA is the processor's: a guest's write does not change it, and LME
 * cannot change while paging is on (SDM 2.2.1).
 */
enum hv_status vp_reg_write_efer(struct vp *vp, u32 msr, u64 value)
{
	const struct vp_state *s = vp_state_part(vp, VP_PART_CORE);
	union hv_register_value v = { .reg128 = { value, 0 } };

	(void)msr;
	/* The mode is paging's to begin and to end (cr.c). */
	if ((s->cr0 & CR0_PG) && ((s->efer ^ value) & EFER_LME))
		return REFUSED;
	v.reg64 = (value & ~EFER_LMA) | (s->efer & EFER_LMA);
	/* Bits that the machine lacks are #GP to a guest and a refusal to its
	 * parent. */
	if (!vp_check_efer(&v))
		return REFUSED;
	vp_state_change(vp, VP_PART_CORE)->efer = v.reg64;
	return OK;
}

enum hv_status vp_reg_get_mtrr_cap(struct vp *vp, u32 msr, u64 *value)
{
	(void)vp;
	(void)msr;
	*value = arch_facts()->mtrr_variable | MTRR_CAP_FIX | MTRR_CAP_WC;
	return OK;
}

/* ---- The local APIC ---- */

/* By name its registers are there in xAPIC mode too, to its guest as MSRs not. */
enum hv_status vp_reg_get_apic(struct vp *vp, u32 msr, u64 *value)
{
	return lapic_get_register(vp, msr, value);
}

enum hv_status vp_reg_set_apic(struct vp *vp, u32 msr, u64 value)
{
	return lapic_set_register(vp, msr, value);
}

enum hv_status vp_reg_read_x2apic(struct vp *vp, u32 msr, u64 *value)
{
	return lapic_read_msr(vp, msr, value) ? OK : REFUSED;
}

enum hv_status vp_reg_write_x2apic(struct vp *vp, u32 msr, u64 value)
{
	return lapic_write_msr(vp, msr, value) ? OK : REFUSED;
}

/* Its parent may change the mode in any way, its guest goes by SDM 10.12.5. */
enum hv_status vp_reg_set_apic_base(struct vp *vp, u32 msr, u64 value)
{
	(void)msr;
	/* ID and LDR have another form in x2APIC mode. */
	vp->state.apic_base = value;
	lapic_follow_base(vp);
	return OK;
}

enum hv_status vp_reg_write_apic_base(struct vp *vp, u32 msr, u64 value)
{
	(void)msr;
	return lapic_write_base(vp, value) ? OK : REFUSED;
}

enum hv_status vp_reg_get_deadline(struct vp *vp, u32 msr, u64 *value)
{
	(void)msr;
	*value = lapic_timer_deadline(vp);
	return OK;
}

enum hv_status vp_reg_set_deadline(struct vp *vp, u32 msr, u64 value)
{
	(void)msr;
	/* In another mode of the timer it does nothing (SDM 10.5.4.1). */
	lapic_timer_set_deadline(vp, value);
	return OK;
}

/* EOI by name: a list of all registers can be read, and set again. */
enum hv_status vp_reg_get_zero(struct vp *vp, u32 msr, u64 *value)
{
	(void)vp;
	(void)msr;
	*value = 0;
	return OK;
}

/* EOI as an MSR can only be written (TLFS). */
enum hv_status vp_reg_read_refused(struct vp *vp, u32 msr, u64 *value)
{
	(void)vp;
	(void)msr;
	(void)value;
	return REFUSED;
}

/* Any value ends the interrupt in service. */
enum hv_status vp_reg_set_eoi(struct vp *vp, u32 msr, u64 value)
{
	(void)msr;
	(void)value;
	/* The highest that is in service, whoever writes. */
	lapic_eoi(vp);
	return OK;
}

enum hv_status vp_reg_write_eoi(struct vp *vp, u32 msr, u64 value)
{
	/* As a register of the APIC it has 32 bits. */
	return value >> 32 ? REFUSED : vp_reg_set_eoi(vp, msr, value);
}

enum hv_status vp_reg_get_icr(struct vp *vp, u32 msr, u64 *value)
{
	(void)msr;
	*value = lapic_icr(vp);
	return OK;
}

/* The value alone: a register that is set sends nothing. */
enum hv_status vp_reg_set_icr(struct vp *vp, u32 msr, u64 value)
{
	(void)msr;
	/* It is the same register, so its bits are looked at in one place. */
	return lapic_set_register(vp, LAPIC_MSR(LAPIC_ICR), value);
}

/* Its guest sends by it, in any mode of the APIC. */
enum hv_status vp_reg_write_icr(struct vp *vp, u32 msr, u64 value)
{
	(void)msr;
	lapic_write_icr(vp, value);
	return OK;
}

enum hv_status vp_reg_get_tpr(struct vp *vp, u32 msr, u64 *value)
{
	(void)msr;
	*value = lapic_tpr(vp);
	return OK;
}

enum hv_status vp_reg_set_tpr(struct vp *vp, u32 msr, u64 value)
{
	(void)msr;
	/* PPR follows, and with it what can be delivered. */
	lapic_set_tpr(vp, value);
	return OK;
}

enum hv_status vp_reg_get_assist(struct vp *vp, u32 msr, u64 *value)
{
	(void)msr;
	*value = vp->lapic.assist;
	return OK;
}

/* Nothing is ever written into the page, so no overlay has to be there. */
enum hv_status vp_reg_set_assist(struct vp *vp, u32 msr, u64 value)
{
	(void)msr;
	vp->lapic.assist = value;
	return OK;
}

/* ---- Of the TLFS ---- */

enum hv_status vp_reg_get_index(struct vp *vp, u32 msr, u64 *value)
{
	(void)msr;
	*value = vp->index;
	return OK;
}

enum hv_status vp_reg_get_runtime(struct vp *vp, u32 msr, u64 *value)
{
	(void)msr;
	*value = vp_runtime(vp);
	return OK;
}

enum hv_status vp_reg_get_time(struct vp *vp, u32 msr, u64 *value)
{
	(void)msr;
	/* The parent can set it, but as a property of the partition. */
	*value = reference_time(vp->partition);
	return OK;
}

/* The APIC timer's clock is the TSC: one answer for both MSRs. */
enum hv_status vp_reg_get_frequency(struct vp *vp, u32 msr, u64 *value)
{
	(void)msr;
	*value = tsc_hz(&vp->partition->clock);
	return OK;
}

/*
 * Bit 0 asks for the bit of CPUID that the TSC is invariant. The root has the processor's
 * whether it asks or not, so the word is only kept.
 */
enum hv_status vp_reg_get_invariant(struct vp *vp, u32 msr, u64 *value)
{
	(void)msr;
	*value = vp->partition->tsc_invariant;
	return OK;
}

enum hv_status vp_reg_set_invariant(struct vp *vp, u32 msr, u64 value)
{
	(void)msr;
	if (value & ~HV_TSC_INVARIANT_EXPOSE)
		return HV_STATUS_INVALID_PARAMETER;
	vp->partition->tsc_invariant = value;
	return OK;
}

enum hv_status vp_reg_get_os_id(struct vp *vp, u32 msr, u64 *value)
{
	(void)msr;
	*value = vp->partition->guest_os_id;
	return OK;
}

enum hv_status vp_reg_set_os_id(struct vp *vp, u32 msr, u64 value)
{
	(void)msr;
	hypercall_page_set_os_id(vp->partition, value);
	return OK;
}

enum hv_status vp_reg_get_hypercall(struct vp *vp, u32 msr, u64 *value)
{
	(void)msr;
	*value = vp->partition->hypercall;
	return OK;
}

/* Its parent is told what its guest is not: the bit does not just stay 0. */
enum hv_status vp_reg_set_hypercall(struct vp *vp, u32 msr, u64 value)
{
	(void)msr;
	/* The page would be there for a guest that has not said who it is. */
	if ((value & HV_MSR_PAGE_ENABLE) && !vp->partition->guest_os_id)
		return REFUSED;
	return hypercall_page_write(vp->partition, value);
}

/* Without an OS id the enable bit stays 0, without a fault (TLFS 3.13). */
enum hv_status vp_reg_write_hypercall(struct vp *vp, u32 msr, u64 value)
{
	struct partition *p = vp->partition;

	(void)msr;
	/* Until the partition is reset, which is a new one here. */
	if (p->hypercall & HV_HYPERCALL_LOCKED)
		return REFUSED;
	if (p->guest_os_id == 0)
		value &= ~HV_MSR_PAGE_ENABLE;
	return hypercall_page_write(p, value);
}

enum hv_status vp_reg_get_reference(struct vp *vp, u32 msr, u64 *value)
{
	(void)msr;
	*value = vp->partition->reference.msr;
	return OK;
}

enum hv_status vp_reg_set_reference(struct vp *vp, u32 msr, u64 value)
{
	(void)msr;
	return reference_write(vp->partition, value);
}

/* Reserved bits of a guest's write are ignored, its parent's are refused. */
enum hv_status vp_reg_write_reference(struct vp *vp, u32 msr, u64 value)
{
	return vp_reg_set_reference(vp, msr, value & ~HV_MSR_PLAIN_PAGE_RSVD);
}

enum hv_status vp_reg_get_synic(struct vp *vp, u32 msr, u64 *value)
{
	*value = synic_read_msr(vp, msr);
	return OK;
}

enum hv_status vp_reg_get_stimer(struct vp *vp, u32 msr, u64 *value)
{
	*value = stimer_read_msr(vp, msr);
	return OK;
}

enum hv_status vp_reg_set_stimer(struct vp *vp, u32 msr, u64 value)
{
	return stimer_write_msr(vp, msr, value) ? OK : REFUSED;
}
