/*
 * The table of a VP's state, and what walks it: get, set, the check of a whole
 * state, reset. The checks of single registers are in vp_check.c.
 */
#include "hv/run/vp_reg.h"

#include "hv/arch.h"
#include "hv/base/check.h"
#include "hv/interrupt/lapic.h"
#include "hv/interrupt/stimer.h"
#include "hv/interrupt/synic.h"
#include "hv/run/msr.h"
#include "hv/vp/debug.h"
#include "hv/vp/partition.h"
#include "hv/vp/vp.h"
#include "hv/vp/vp_check.h"
#include "hv/vp/vp_xsave.h"
#include "include/x86.h"
#include "include/x86_apic.h"
#include "include/x86_msr.h"

typedef vp_check_value value_t;

#define PENDING_DEBUG_ALLOWED (0xfull | BIT(12) | BIT(14) | BIT(16))

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

/* A page of ours cannot be put there: another one is there (D27), or the pool is dry. */
static enum hv_status no_place(const struct vp *vp, u64 msr)
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
	               : no_place(vp, v->reg64);
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
	               : no_place(vp, v->reg64);
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

/* The rows are in ascending order of names. */
const struct vp_reg *vp_reg_find(u32 name, u32 *index)
{
	u32 first = 0, end = ARRAY_LEN(table);

	while (end - first > 1) {
		u32 middle = first + (end - first) / 2;

		if (table[middle].name <= name)
			first = middle;
		else
			end = middle;
	}
	*index = name - table[first].name;
	return *index < table[first].count ? &table[first] : NULL;
}

const struct vp_reg *vp_reg_find_msr(u32 msr, u32 *index)
{
	for (u32 i = 0; i < ARRAY_LEN(table); i++) {
		const struct vp_reg *r = &table[i];
		u32 step = r->msr_stride ? r->msr_stride : 1;

		if (r->msr == 0 || (msr - r->msr) % step != 0)
			continue;
		*index = (msr - r->msr) / step;
		if (*index < r->count)
			return r;
	}
	return NULL;
}

/* Of a register that is a place in the state. */
static u32 parts_of(const struct vp_reg *r, u32 index)
{
	return vp_state_part_of(r->offset + index * r->stride);
}

u32 vp_reg_parts(u32 name)
{
	u32 index;
	const struct vp_reg *r = vp_reg_find(name, &index);
	bool place = r &&
	             (r->kind == VP_REG_U64 || r->kind == VP_REG_TSC ||
	              r->kind == VP_REG_SEGMENT || r->kind == VP_REG_TABLE);

	return place ? parts_of(r, index) : 0;
}

/* Registers of the local APIC have a table of their own. */
static bool is_apic(u32 name)
{
	return name >= HV_REGISTER_APIC_FIRST && name <= HV_REGISTER_APIC_LAST;
}

/* Of a register that this processor does not have: YMM without AVX. */
static bool reg_exists(const struct vp_reg *r)
{
	return r->offset != VP_XSAVE_YMM_OFFSET || r->kind != VP_REG_XSAVE16 ||
	       (arch_facts()->compat.xcr0 & XSTATE_AVX);
}

/* ---- Get ---- */

static void get_from_state(const struct vp_state *s, const struct vp_reg *r,
                           u32 index, union hv_register_value *v)
{
	const u8 *at = (const u8 *)s + r->offset + index * r->stride;
	struct vp_table t;

	switch (r->kind) {
	case VP_REG_SEGMENT:
		arch_copy(v, at, sizeof(struct hv_segment));
		break;
	case VP_REG_TABLE:
		arch_copy(&t, at, sizeof(t));
		v->table.limit = (u16)t.limit;
		v->table.base = t.base;
		break;
	default:
		arch_copy(&v->reg64, at, sizeof(v->reg64));
	}
}

enum hv_status vp_reg_get(struct vp *vp, u32 name, union hv_register_value *v)
{
	u32 index;
	const struct vp_reg *r = vp_reg_find(name, &index);

	v->reg128[0] = v->reg128[1] = 0;
	if (is_apic(name))
		return lapic_get_register(vp, name, v);
	if (!r || !reg_exists(r))
		return HV_STATUS_INVALID_PARAMETER;
	if (r->get)
		return r->get(vp, v);
	if (r->kind == VP_REG_MSR)
		r->read(vp, r->synthetic + index, &v->reg64);
	else if (r->kind == VP_REG_XSAVE16) {
		vp_state_part(vp, VP_PART_LIVE);
		vp_xsave_get(vp_xsave(vp), r->offset + index * r->stride, v);
	} else
		get_from_state(vp_state_part(vp, parts_of(r, index)), r, index,
		               v);
	return HV_STATUS_SUCCESS;
}

/* ---- Set ---- */

static void set_in_state(struct vp_state *s, const struct vp_reg *r, u32 index,
                         value_t *v)
{
	u8 *at = (u8 *)s + r->offset + index * r->stride;
	struct vp_table t = { v->table.base, v->table.limit };

	switch (r->kind) {
	case VP_REG_SEGMENT:
		arch_copy(at, v, sizeof(struct hv_segment));
		break;
	case VP_REG_TABLE:
		arch_copy(at, &t, sizeof(t));
		break;
	default:
		arch_copy(at, &v->reg64, sizeof(v->reg64));
	}
}

/* What passed the check can fail for want of memory, or an overlay there. */
static enum hv_status set_msr(struct vp *vp, const struct vp_reg *r, u32 index,
                              value_t *v)
{
	if (vp_check_zero_high(v) &&
	    r->write(vp, r->synthetic + index, v->reg64))
		return HV_STATUS_SUCCESS;
	return r->check ? no_place(vp, v->reg64) : HV_STATUS_INVALID_PARAMETER;
}

bool vp_reg_loads_pdptes(u32 name)
{
	return name == HV_REGISTER_CR0 || name == HV_REGISTER_CR3 ||
	       name == HV_REGISTER_CR4 || name == HV_REGISTER_EFER;
}

bool vp_reg_is_slow(u32 name)
{
	return name == HV_REGISTER_HYPERCALL ||
	       name == HV_REGISTER_REFERENCE_TSC || name == HV_REGISTER_SIMP ||
	       name == HV_REGISTER_SIEFP ||
	       name == HV_REGISTER_EXPLICIT_SUSPEND;
}

enum hv_status vp_reg_set(struct vp *vp, u32 name, value_t *v)
{
	u32 index;
	const struct vp_reg *r = vp_reg_find(name, &index);

	if (is_apic(name))
		return lapic_set_register(vp, name, v);
	if (!r || !reg_exists(r) || r->kind == VP_REG_FIXED ||
	    (r->check && !r->check(v)))
		return HV_STATUS_INVALID_PARAMETER;
	if (r->set)
		return r->set(vp, v);
	if (r->kind == VP_REG_MSR)
		return set_msr(vp, r, index, v);
	if (r->kind == VP_REG_XSAVE16) {
		vp_state_change(vp, VP_PART_LIVE);
		vp_xsave_set(vp_xsave(vp), r->offset + index * r->stride, v);
	} else
		set_in_state(vp_state_change(vp, parts_of(r, index)), r, index,
		             v);
	return HV_STATUS_SUCCESS;
}

/* ---- The whole ---- */

static bool row_valid(const struct vp_state *s, const struct vp_reg *r)
{
	union hv_register_value v;

	if (!r->check || r->get || r->kind == VP_REG_XSAVE16 ||
	    r->kind == VP_REG_TSC || r->kind == VP_REG_MSR)
		return true;
	for (u32 i = 0; i < r->count; i++) {
		v.reg128[0] = v.reg128[1] = 0;
		get_from_state(s, r, i, &v);
		if (!r->check(&v))
			return false;
	}
	return true;
}

bool vp_reg_all_valid(const struct vp_state *state,
                      const struct vp_xsave *xsave)
{
	for (u32 i = 0; i < ARRAY_LEN(table); i++)
		if (!row_valid(state, &table[i]))
			return false;
	if (state->pending_debug & ~PENDING_DEBUG_ALLOWED)
		return false;
	return state->idtr.limit <= 0xffff && state->gdtr.limit <= 0xffff &&
	       vp_xsave_valid(xsave);
}

/* SDM table 9-1: attributes of data, code, LDT and busy TSS segments. */
static void reset_segments(struct vp_state *s)
{
	for (u32 i = 0; i < VP_SEGMENTS; i++)
		s->segment[i] = (struct hv_segment){ .limit = 0xffff,
			                             .attributes = 0x93 };
	s->segment[VP_CS] = (struct hv_segment){ .base = 0xffff0000,
		                                 .limit = 0xffff,
		                                 .selector = 0xf000,
		                                 .attributes = 0x9b };
	s->segment[VP_LDTR].attributes = 0x82;
	s->segment[VP_TR].attributes = 0x8b;
}

static void reset_registers(struct vp_state *state)
{
	__builtin_memset(state, 0, sizeof(*state));
	for (u32 i = 0; i < ARRAY_LEN(table); i++) {
		const struct vp_reg *r = &table[i];

		if (r->kind == VP_REG_U64 && r->count == 1)
			arch_copy((u8 *)state + r->offset, &r->reset, 8);
	}
	reset_segments(state);
	state->idtr.limit = state->gdtr.limit = 0xffff;
	state->gpr[VP_RDX] = arch_facts()->compat.signature;
}

void vp_reg_reset_all(struct vp_state *state, struct vp_xsave *xsave)
{
	reset_registers(state);
	vp_xsave_reset(xsave);
}

/* Two runs of fields, as they follow each other in the structure. */
#define KEPT_FIRST offsetof(struct vp_state, tsc_offset)
#define KEPT_END offsetof(struct vp_state, debugctl)
#define MTRR_FIRST offsetof(struct vp_state, mtrr_def_type)
#define MTRR_END offsetof(struct vp_state, activity)

void vp_reg_init_all(struct vp_state *state)
{
	struct vp_state old = *state;
	u8 *to = (u8 *)state;
	const u8 *from = (const u8 *)&old;

	reset_registers(state);
	arch_copy(to + KEPT_FIRST, from + KEPT_FIRST, KEPT_END - KEPT_FIRST);
	arch_copy(to + MTRR_FIRST, from + MTRR_FIRST, MTRR_END - MTRR_FIRST);
	state->xcr0 = old.xcr0;
	state->cr0 = CR0_ET | (old.cr0 & (CR0_CD | CR0_NW));
}
