/*
 * The table of a VP's registers, and what those do that are more than a place in
 * its state. The checks of single registers are in vp_check.c.
 */
#include "hv/run/vp_reg.h"

#include "hv/arch.h"
#include "hv/interrupt/lapic.h"
#include "hv/interrupt/stimer.h"
#include "hv/interrupt/synic.h"
#include "hv/run/msr.h"
#include "hv/vp/partition.h"
#include "hv/vp/vp.h"
#include "hv/vp/vp_check.h"
#include "include/x86.h"

typedef vp_check_value value_t;

/* ---- Registers that are more than a place in the structure ---- */

static enum hv_status get_explicit(struct vp *vp, union hv_register_value *v)
{
	v->reg64 = vp->explicit_suspend;
	return HV_STATUS_SUCCESS;
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

static enum hv_status set_explicit(struct vp *vp, value_t *v)
{
	struct partition *p = vp->partition;

	if (!vp_check_fits(v, HV_SUSPENDED))
		return HV_STATUS_INVALID_PARAMETER;
	if (!v->reg64 && p->half_restored)
		return HV_STATUS_INVALID_PARTITION_STATE;
	if (v->reg64)
		arch_vp_kick(vp);
	hold(vp, v->reg64);
	vp->explicit_suspend = v->reg64;
	reference_update(p);
	return HV_STATUS_SUCCESS;
}

static enum hv_status get_intercept(struct vp *vp, union hv_register_value *v)
{
	v->reg64 = vp->intercept_suspend;
	return HV_STATUS_SUCCESS;
}

/* The hypervisor sets these bits, the parent may only clear them. */
static enum hv_status set_intercept(struct vp *vp, value_t *v)
{
	if (!vp_check_fits(v, vp->intercept_suspend))
		return HV_STATUS_INVALID_PARAMETER;
	if (vp->intercept_suspend & ~v->reg64 & HV_SUSPENDED)
		vp->resumed = true;
	vp->intercept_suspend = v->reg64;
	if (!(v->reg64 & HV_SUSPENDED)) {
		synic_cancel(vp);
		vp->message.type = HV_MESSAGE_NONE;
	}
	return HV_STATUS_SUCCESS;
}

/* A shadow that its parent makes is STI's; one that stays is what it was. */
static enum hv_status set_interrupt_state(struct vp *vp, value_t *v)
{
	struct vp_state *s = vp_state_change(vp, VP_PART_CORE);

	if (!(s->interrupt_state & v->reg64 & HV_INTERRUPT_STATE_SHADOW))
		s->mov_ss = 0;
	s->interrupt_state = v->reg64;
	return HV_STATUS_SUCCESS;
}

static enum hv_status get_mtrr_cap(struct vp *vp, union hv_register_value *v)
{
	(void)vp;
	v->reg64 = arch_facts()->mtrr_variable | MTRR_CAP_FIX | MTRR_CAP_WC;
	return HV_STATUS_SUCCESS;
}

static enum hv_status get_cr8(struct vp *vp, union hv_register_value *v)
{
	v->reg64 = lapic_cr8(vp);
	return HV_STATUS_SUCCESS;
}

static enum hv_status set_cr8(struct vp *vp, value_t *v)
{
	lapic_set_cr8(vp, v->reg64);
	return HV_STATUS_SUCCESS;
}

static enum hv_status set_apic_base(struct vp *vp, value_t *v)
{
	vp->state.apic_base = v->reg64;
	lapic_follow_base(vp);
	return HV_STATUS_SUCCESS;
}

/* Timers that count do not notice; a deadline is a value of the TSC. */
void vp_set_tsc_offset(struct vp *vp, u64 offset)
{
	struct vp_state *s = vp_state_change(vp, VP_PART_OURS);

	if (!vp->is_root)
		lapic_timer_shift(vp, offset - s->tsc_offset);
	s->tsc_offset = offset;
	reference_update(vp->partition);
}

static enum hv_status get_tsc(struct vp *vp, union hv_register_value *v)
{
	v->reg64 = vp_tsc_at(vp, arch_tsc());
	return HV_STATUS_SUCCESS;
}

static enum hv_status set_tsc(struct vp *vp, value_t *v)
{
	u64 clock = tsc_at(&vp->partition->clock, arch_tsc());

	vp_set_tsc_offset(vp, v->reg64 - clock);
	return HV_STATUS_SUCCESS;
}

static enum hv_status get_deadline(struct vp *vp, union hv_register_value *v)
{
	v->reg64 = lapic_timer_deadline(vp);
	return HV_STATUS_SUCCESS;
}

static enum hv_status set_deadline(struct vp *vp, value_t *v)
{
	lapic_timer_set_deadline(vp, v->reg64);
	return HV_STATUS_SUCCESS;
}

static enum hv_status get_assist(struct vp *vp, union hv_register_value *v)
{
	v->reg64 = vp->lapic.assist;
	return HV_STATUS_SUCCESS;
}

static enum hv_status set_assist(struct vp *vp, value_t *v)
{
	if (!vp_check_zero_high(v) || !vp_check_page_value(v->reg64))
		return HV_STATUS_INVALID_PARAMETER;
	vp->lapic.assist = v->reg64;
	return HV_STATUS_SUCCESS;
}

static enum hv_status get_apic_id(struct vp *vp, union hv_register_value *v)
{
	v->reg64 = vp->index;
	return HV_STATUS_SUCCESS;
}

static enum hv_status get_vp_index(struct vp *vp, union hv_register_value *v)
{
	v->reg64 = vp->index;
	return HV_STATUS_SUCCESS;
}

static enum hv_status get_time(struct vp *vp, union hv_register_value *v)
{
	v->reg64 = reference_time(vp->partition);
	return HV_STATUS_SUCCESS;
}

static enum hv_status get_os_id(struct vp *vp, union hv_register_value *v)
{
	v->reg64 = vp->partition->guest_os_id;
	return HV_STATUS_SUCCESS;
}

static enum hv_status set_os_id(struct vp *vp, value_t *v)
{
	if (!vp_check_zero_high(v))
		return HV_STATUS_INVALID_PARAMETER;
	msr_set_os_id(vp->partition, v->reg64);
	return HV_STATUS_SUCCESS;
}

static enum hv_status get_hypercall(struct vp *vp, union hv_register_value *v)
{
	v->reg64 = vp->partition->hypercall;
	return HV_STATUS_SUCCESS;
}

enum hv_status vp_reg_no_place(const struct vp *vp, u64 msr)
{
	return gpa_has_overlay(&vp->partition->space, msr >> PAGE_SHIFT)
	               ? HV_STATUS_INVALID_PARAMETER
	               : HV_STATUS_INSUFFICIENT_MEMORY;
}

static enum hv_status set_hypercall(struct vp *vp, value_t *v)
{
	if (!vp_check_zero_high(v) || !vp_check_hypercall_value(v->reg64))
		return HV_STATUS_INVALID_PARAMETER;
	if ((v->reg64 & HV_MSR_PAGE_ENABLE) && !vp->partition->guest_os_id)
		return HV_STATUS_INVALID_PARAMETER;
	return msr_set_hypercall(vp->partition, v->reg64)
	               ? HV_STATUS_SUCCESS
	               : vp_reg_no_place(vp, v->reg64);
}

static enum hv_status get_runtime(struct vp *vp, union hv_register_value *v)
{
	v->reg64 = vp_runtime(vp);
	return HV_STATUS_SUCCESS;
}

static enum hv_status get_reference(struct vp *vp, union hv_register_value *v)
{
	v->reg64 = vp->partition->reference.msr;
	return HV_STATUS_SUCCESS;
}

static enum hv_status set_reference(struct vp *vp, value_t *v)
{
	return reference_write(vp->partition, v->reg64)
	               ? HV_STATUS_SUCCESS
	               : vp_reg_no_place(vp, v->reg64);
}

/* Write-only: any value ends the interrupt in service. */
static enum hv_status get_zero(struct vp *vp, union hv_register_value *v)
{
	(void)vp;
	v->reg64 = 0;
	return HV_STATUS_SUCCESS;
}

static enum hv_status set_eoi(struct vp *vp, value_t *v)
{
	(void)v;
	lapic_eoi(vp);
	return HV_STATUS_SUCCESS;
}

static enum hv_status get_icr(struct vp *vp, union hv_register_value *v)
{
	v->reg64 = lapic_icr(vp);
	return HV_STATUS_SUCCESS;
}

/* The value alone: a register that is set sends nothing. */
static enum hv_status set_icr(struct vp *vp, value_t *v)
{
	return lapic_set_register(vp, HV_REGISTER_APIC_FIRST + 0x30, v);
}

static enum hv_status get_tpr(struct vp *vp, union hv_register_value *v)
{
	v->reg64 = lapic_tpr(vp);
	return HV_STATUS_SUCCESS;
}

static enum hv_status set_tpr(struct vp *vp, value_t *v)
{
	lapic_set_tpr(vp, v->reg64);
	return HV_STATUS_SUCCESS;
}

/* ---- The table ---- */

#define AT(field) ((u32)offsetof(struct vp_state, field))
#define XAT(field) ((u32)offsetof(struct vp_xsave, field))
#define SEGMENT_SIZE ((u32)sizeof(struct hv_segment))

#define R64(n, field, chk, ...)                                  \
	{                                                        \
		.name = (n), .count = 1, .kind = VP_REG_U64,     \
		.offset = AT(field), .check = (chk), __VA_ARGS__ \
	}
#define ROW(n, number, field, chk, ...)                                       \
	{                                                                     \
		.name = (n), .count = (number), .kind = VP_REG_U64,           \
		.offset = AT(field), .stride = 8, .check = (chk), __VA_ARGS__ \
	}
#define X16(n, number, off, chk)                                        \
	{                                                               \
		.name = (n), .count = (number), .kind = VP_REG_XSAVE16, \
		.offset = (off), .stride = 16, .check = (chk)           \
	}
#define CALL(n, g, s)                                                     \
	{                                                                 \
		.name = (n), .count = 1, .kind = VP_REG_CALL, .get = (g), \
		.set = (s)                                                \
	}
#define CALLED(n, chk, g, s)                                                  \
	{                                                                     \
		.name = (n), .count = 1, .kind = VP_REG_CALL, .check = (chk), \
		.get = (g), .set = (s)                                        \
	}
#define SYNIC(n, number, first, chk)                                          \
	{                                                                     \
		.name = (n), .count = (number), .kind = VP_REG_MSR,           \
		.check = (chk), .synthetic = (first), .read = synic_read_msr, \
		.write = synic_write_msr                                      \
	}
#define FIXED(n, g, ...)                                                   \
	{                                                                  \
		.name = (n), .count = 1, .kind = VP_REG_FIXED, .get = (g), \
		__VA_ARGS__                                                \
	}

/* clang-format off */
static const struct vp_reg table[] = {
	CALL(HV_REGISTER_EXPLICIT_SUSPEND, get_explicit, set_explicit),
	CALL(HV_REGISTER_INTERCEPT_SUSPEND, get_intercept, set_intercept),
	R64(HV_REGISTER_INTERNAL_ACTIVITY_STATE, activity, vp_check_activity),
	R64(HV_REGISTER_PENDING_INTERRUPTION, pending_interruption,
	    vp_check_pending_interruption),
	R64(HV_REGISTER_INTERRUPT_STATE, interrupt_state,
	    vp_check_interrupt_state, .set = set_interrupt_state),
	ROW(HV_REGISTER_RAX, 16, gpr, vp_check_zero_high),
	R64(HV_REGISTER_RIP, rip, vp_check_rip, .reset = 0xfff0),
	R64(HV_REGISTER_RFLAGS, rflags, vp_check_rflags, .reset = RFLAGS_FIXED),
	X16(HV_REGISTER_XMM0, 16, XAT(legacy.xmm), NULL),
	X16(HV_REGISTER_FP_MMX0, 8, XAT(legacy.fp_mmx), NULL),
	X16(HV_REGISTER_FP_CONTROL_STATUS, 1, XAT(legacy.control_status), NULL),
	X16(HV_REGISTER_XMM_CONTROL_STATUS, 1, XAT(legacy.xmm_control_status),
	    vp_check_xmm_control),
	R64(HV_REGISTER_CR0, cr0, vp_check_cr0,
	    .reset = CR0_CD | CR0_NW | CR0_ET),
	R64(HV_REGISTER_CR2, cr2, vp_check_zero_high),
	R64(HV_REGISTER_CR3, cr3, vp_check_cr3),
	R64(HV_REGISTER_CR4, cr4, vp_check_cr4),
	CALLED(HV_REGISTER_CR8, vp_check_cr8, get_cr8, set_cr8),
	R64(HV_REGISTER_XFEM, xcr0, vp_check_xcr0, .reset = XSTATE_X87),
	ROW(HV_REGISTER_DR0, 4, dr, vp_check_zero_high),
	R64(HV_REGISTER_DR6, dr6, vp_check_dr6, .reset = DR6_FIXED),
	R64(HV_REGISTER_DR7, dr7, vp_check_dr7, .reset = DR7_FIXED),
	{ .name = HV_REGISTER_ES, .count = VP_SEGMENTS, .kind = VP_REG_SEGMENT,
	  .offset = AT(segment), .stride = SEGMENT_SIZE,
	  .check = vp_check_segment },
	{ .name = HV_REGISTER_IDTR, .count = 1, .kind = VP_REG_TABLE,
	  .offset = AT(idtr), .check = vp_check_table },
	{ .name = HV_REGISTER_GDTR, .count = 1, .kind = VP_REG_TABLE,
	  .offset = AT(gdtr), .check = vp_check_table },
	{ .name = HV_REGISTER_TSC, .count = 1, .kind = VP_REG_TSC,
	  .offset = AT(tsc_offset), .msr = 0x10, .check = vp_check_zero_high,
	  .get = get_tsc, .set = set_tsc },
	R64(HV_REGISTER_EFER, efer, vp_check_efer, .msr = 0xc0000080),
	R64(HV_REGISTER_KERNEL_GS_BASE, kernel_gs_base, vp_check_canonical,
	    .msr = 0xc0000102),
	R64(HV_REGISTER_APIC_BASE, apic_base, vp_check_apic_base, .msr = 0x1b,
	    .reset = LAPIC_BASE_RESET | LAPIC_BASE_ENABLE, .set = set_apic_base),
	R64(HV_REGISTER_PAT, pat, vp_check_pat, .msr = 0x277, .reset = PAT_RESET),
	R64(HV_REGISTER_SYSENTER_CS, sysenter_cs, vp_check_u32, .msr = 0x174),
	R64(HV_REGISTER_SYSENTER_RIP, sysenter_rip, vp_check_canonical,
	    .msr = 0x176),
	R64(HV_REGISTER_SYSENTER_RSP, sysenter_rsp, vp_check_canonical,
	    .msr = 0x175),
	R64(HV_REGISTER_STAR, star, vp_check_zero_high, .msr = 0xc0000081),
	R64(HV_REGISTER_LSTAR, lstar, vp_check_canonical, .msr = 0xc0000082),
	R64(HV_REGISTER_CSTAR, cstar, vp_check_canonical, .msr = 0xc0000083),
	R64(HV_REGISTER_SFMASK, sfmask, vp_check_u32, .msr = 0xc0000084),
	FIXED(HV_REGISTER_INITIAL_APIC_ID, get_apic_id),
	FIXED(HV_REGISTER_MTRR_CAP, get_mtrr_cap, .msr = 0xfe),
	R64(HV_REGISTER_MTRR_DEF_TYPE, mtrr_def_type, vp_check_mtrr_def_type,
	    .msr = 0x2ff),
	ROW(HV_REGISTER_MTRR_PHYS_BASE0, VP_MTRR_VARIABLE, mtrr_base,
	    vp_check_mtrr_base, .msr = 0x200, .msr_stride = 2),
	ROW(HV_REGISTER_MTRR_PHYS_MASK0, VP_MTRR_VARIABLE, mtrr_mask,
	    vp_check_mtrr_mask, .msr = 0x201, .msr_stride = 2),
	ROW(HV_REGISTER_MTRR_FIX64K_00000, 1, mtrr_fixed[0], vp_check_mtrr_fixed,
	    .msr = 0x250),
	ROW(HV_REGISTER_MTRR_FIX64K_00000 + 1, 2, mtrr_fixed[1],
	    vp_check_mtrr_fixed, .msr = 0x258, .msr_stride = 1),
	ROW(HV_REGISTER_MTRR_FIX64K_00000 + 3, 8, mtrr_fixed[3],
	    vp_check_mtrr_fixed, .msr = 0x268, .msr_stride = 1),
	R64(HV_REGISTER_TSC_AUX, tsc_aux, vp_check_tsc_aux, .msr = 0xc0000103),
	R64(HV_REGISTER_DEBUG_CTL, debugctl, vp_check_debugctl, .msr = 0x1d9),
	CALLED(HV_REGISTER_TSC_DEADLINE, vp_check_zero_high, get_deadline,
	       set_deadline),
	FIXED(HV_REGISTER_VP_RUNTIME, get_runtime),
	CALL(HV_REGISTER_HYPERCALL, get_hypercall, set_hypercall),
	CALL(HV_REGISTER_GUEST_OS_ID, get_os_id, set_os_id),
	FIXED(HV_REGISTER_VP_INDEX, get_vp_index),
	FIXED(HV_REGISTER_TIME_REF_COUNT, get_time),
	CALLED(HV_REGISTER_EOI, vp_check_zero_high, get_zero, set_eoi),
	CALLED(HV_REGISTER_ICR, vp_check_zero_high, get_icr, set_icr),
	CALLED(HV_REGISTER_TPR, vp_check_tpr, get_tpr, set_tpr),
	CALL(HV_REGISTER_VP_ASSIST_PAGE, get_assist, set_assist),
	CALLED(HV_REGISTER_REFERENCE_TSC, vp_check_page_msr, get_reference,
	       set_reference),
	SYNIC(HV_REGISTER_SINT0, HV_SINT_COUNT, HV_MSR_SINT0, vp_check_sint),
	SYNIC(HV_REGISTER_SCONTROL, 1, HV_MSR_SCONTROL, vp_check_scontrol),
	SYNIC(HV_REGISTER_SVERSION, 1, HV_MSR_SVERSION, NULL),
	SYNIC(HV_REGISTER_SIEFP, 2, HV_MSR_SIEFP, vp_check_page_msr),
	SYNIC(HV_REGISTER_EOM, 1, HV_MSR_EOM, vp_check_zero_high),
	{ .name = HV_REGISTER_STIMER0_CONFIG, .count = 2 * HV_STIMERS,
	  .kind = VP_REG_MSR, .synthetic = HV_MSR_STIMER0_CONFIG,
	  .read = stimer_read_msr, .write = stimer_write_msr },
	X16(HV_REGISTER_YMM0_LOW, 16, XAT(legacy.xmm), NULL),
	X16(HV_REGISTER_YMM0_HIGH, 16, VP_XSAVE_YMM_OFFSET, NULL),
};
/* clang-format on */

const struct vp_reg *vp_reg_table(u32 *count)
{
	*count = ARRAY_LEN(table);
	return table;
}
