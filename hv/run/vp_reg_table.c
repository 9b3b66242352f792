/*
 * The table of a VP's registers and MSRs, and the two ways to look one up. What is
 * more than a place in the state is in vp_reg_access.c, the checks of single
 * registers are in vp_check.c.
 */
#include "hv/interrupt/synic.h"
#include "hv/run/vp_reg_access.h"
#include "hv/vp/vp_check.h"
#include "include/x86.h"
#include "include/x86_apic.h"

#define AT(field) ((u32)offsetof(struct vp_state, field))
#define XAT(field) ((u32)offsetof(struct vp_xsave, field))
#define SEGMENT_SIZE ((u32)sizeof(struct hv_segment))

/* Where a row's registers are: one u64, or so many; elsewhere by get and set. */
#define U64(n, field) \
	.name = (n), .count = 1, .kind = VP_REG_U64, .offset = AT(field)
#define U64S(n, number, field)                              \
	.name = (n), .count = (number), .kind = VP_REG_U64, \
	.offset = AT(field), .stride = 8
#define TABLE(n, field) \
	.name = (n), .count = 1, .kind = VP_REG_TABLE, .offset = AT(field)
#define X16(n, number, at)                                      \
	.name = (n), .count = (number), .kind = VP_REG_XSAVE16, \
	.offset = (at), .stride = 16
#define CALL(n, number, g, s)                                            \
	.name = (n), .count = (number), .kind = VP_REG_CALL, .get = (g), \
	.set = (s)
#define FIXED(n, number, g) \
	.name = (n), .count = (number), .kind = VP_REG_FIXED, .get = (g)

/* Its MSRs: of every child, or of those that hold a privilege. */
#define MSR(first) .msr = (first), .msr_step = 1
#define SYNTHETIC(first, needs) \
	.msr = (first), .msr_step = 1, .privilege = HV_PRIVILEGE_ACCESS_##needs

/* Behind the names: MSRs that have none. */
#define NAMELESS 0xffffffffu

/* In ascending order of names: vp_reg_find halves it. */
/* clang-format off */
static const struct vp_reg table[] = {
	/* The stop of a VP stops reference time, and its page is made anew. */
	{ CALL(HV_REGISTER_EXPLICIT_SUSPEND, 1, vp_reg_get_explicit,
	       vp_reg_set_explicit),
	  .check = vp_check_zero_high, .flags = VP_REG_SLOW,
	  .chunk = STREAM_VP_EVENTS },
	{ CALL(HV_REGISTER_INTERCEPT_SUSPEND, 1, vp_reg_get_intercept,
	       vp_reg_set_intercept),
	  .check = vp_check_zero_high, .chunk = STREAM_VP_EVENTS },
	{ U64(HV_REGISTER_INTERNAL_ACTIVITY_STATE, activity),
	  .check = vp_check_activity, .chunk = STREAM_VP_EVENTS },
	{ U64(HV_REGISTER_PENDING_INTERRUPTION, pending_interruption),
	  .check = vp_check_pending_interruption, .chunk = STREAM_VP_EVENTS },
	/* Of shadows and of NMIs: which shadow it is a stream says in a bit
	 * that the register does not have (STREAM_SHADOW_MOV_SS). */
	{ U64(HV_REGISTER_INTERRUPT_STATE, interrupt_state),
	  .check = vp_check_interrupt_state,
	  .set = vp_reg_set_interrupt_state, .chunk = STREAM_VP_EVENTS },

	/* In the order of the encoding, as the exit path pushes them. */
	{ U64S(HV_REGISTER_RAX, 16, gpr),
	  .check = vp_check_zero_high, .chunk = STREAM_VP_GP },
	{ U64(HV_REGISTER_RIP, rip), .reset = 0xfff0,
	  .check = vp_check_rip, .chunk = STREAM_VP_GP },
	{ U64(HV_REGISTER_RFLAGS, rflags), .reset = RFLAGS_FIXED,
	  .check = vp_check_rflags, .chunk = STREAM_VP_GP },

	{ X16(HV_REGISTER_XMM0, 16, XAT(legacy.xmm)), .chunk = STREAM_VP_FP },
	{ X16(HV_REGISTER_FP_MMX0, 8, XAT(legacy.fp_mmx)),
	  .chunk = STREAM_VP_FP },
	{ X16(HV_REGISTER_FP_CONTROL_STATUS, 1, XAT(legacy.control_status)),
	  .chunk = STREAM_VP_FP },
	/* MXCSR is in it: a bit that the processor does not have is #GP at
	 * XRSTOR, which would be ours. */
	{ X16(HV_REGISTER_XMM_CONTROL_STATUS, 1,
	      XAT(legacy.xmm_control_status)),
	  .check = vp_check_xmm_control, .chunk = STREAM_VP_FP },

	{ U64(HV_REGISTER_CR0, cr0), .reset = CR0_CD | CR0_NW | CR0_ET,
	  .check = vp_check_cr0, .flags = VP_REG_PDPTES,
	  .chunk = STREAM_VP_CONTROL },
	/* MOV to CR2 takes any value, canonical or not. */
	{ U64(HV_REGISTER_CR2, cr2),
	  .check = vp_check_zero_high, .chunk = STREAM_VP_CONTROL },
	{ U64(HV_REGISTER_CR3, cr3),
	  .check = vp_check_cr3, .flags = VP_REG_PDPTES,
	  .chunk = STREAM_VP_CONTROL },
	{ U64(HV_REGISTER_CR4, cr4),
	  .check = vp_check_cr4, .flags = VP_REG_PDPTES,
	  .chunk = STREAM_VP_CONTROL },
	/* A view of the APIC's TPR: the chunk has it, the APIC keeps it. */
	{ CALL(HV_REGISTER_CR8, 1, vp_reg_get_cr8, vp_reg_set_cr8),
	  .check = vp_check_cr8, .chunk = STREAM_VP_CONTROL },
	{ U64(HV_REGISTER_XFEM, xcr0), .reset = XSTATE_X87,
	  .check = vp_check_xcr0, .flags = VP_REG_KEPT,
	  .chunk = STREAM_VP_XSAVE_CONTROL },

	/* Of breakpoints any address: one that is not canonical is never
	 * met. */
	{ U64S(HV_REGISTER_DR0, 4, dr),
	  .check = vp_check_zero_high, .chunk = STREAM_VP_DEBUG },
	{ U64(HV_REGISTER_DR6, dr6), .reset = DR6_FIXED,
	  .check = vp_check_dr6, .chunk = STREAM_VP_DEBUG },
	{ U64(HV_REGISTER_DR7, dr7), .reset = DR7_FIXED,
	  .check = vp_check_dr7, .chunk = STREAM_VP_DEBUG },

	{ .name = HV_REGISTER_ES, .count = VP_SEGMENTS, .kind = VP_REG_SEGMENT,
	  .offset = AT(segment), .stride = SEGMENT_SIZE,
	  .check = vp_check_segment, .chunk = STREAM_VP_SEGMENT },
	{ TABLE(HV_REGISTER_IDTR, idtr),
	  .check = vp_check_table, .chunk = STREAM_VP_TABLE },
	{ TABLE(HV_REGISTER_GDTR, gdtr),
	  .check = vp_check_table, .chunk = STREAM_VP_TABLE },

	/* Kept as the distance to its partition's clock, so it goes on by
	 * itself; the stream has what it shows. */
	{ .name = HV_REGISTER_TSC, .count = 1, .kind = VP_REG_TSC,
	  .offset = AT(tsc_offset), MSR(MSR_IA32_TSC),
	  .check = vp_check_zero_high, .get = vp_reg_get_tsc,
	  .set = vp_reg_set_tsc, .flags = VP_REG_KEPT | VP_REG_ROOT_WRITES,
	  .chunk = STREAM_VP_MSRS },
	/* With the control registers in a stream, as its bits make the mode
	 * with theirs; the processor clears it at INIT. */
	{ U64(HV_REGISTER_EFER, efer), MSR(MSR_IA32_EFER),
	  .check = vp_check_efer, .write = vp_reg_write_efer,
	  .flags = VP_REG_PDPTES | VP_REG_ROOT_WRITES,
	  .chunk = STREAM_VP_CONTROL },
	{ U64(HV_REGISTER_KERNEL_GS_BASE, kernel_gs_base),
	  MSR(MSR_IA32_KERNEL_GS_BASE), .check = vp_check_canonical,
	  .flags = VP_REG_KEPT, .chunk = STREAM_VP_MSRS },
	/* The bit of the boot processor is vp_life.c's, of VP 0. */
	{ U64(HV_REGISTER_APIC_BASE, apic_base), MSR(MSR_IA32_APIC_BASE),
	  .reset = LAPIC_BASE_RESET | LAPIC_BASE_ENABLE,
	  .check = vp_check_apic_base, .set = vp_reg_set_apic_base,
	  .write = vp_reg_write_apic_base, .flags = VP_REG_KEPT,
	  .chunk = STREAM_VP_MSRS },
	{ U64(HV_REGISTER_PAT, pat), MSR(MSR_IA32_PAT), .reset = PAT_RESET,
	  .check = vp_check_pat, .flags = VP_REG_KEPT,
	  .chunk = STREAM_VP_MSRS },
	{ U64(HV_REGISTER_SYSENTER_CS, sysenter_cs),
	  MSR(MSR_IA32_SYSENTER_CS), .check = vp_check_u32,
	  .flags = VP_REG_KEPT, .chunk = STREAM_VP_MSRS },
	{ U64(HV_REGISTER_SYSENTER_RIP, sysenter_rip),
	  MSR(MSR_IA32_SYSENTER_EIP), .check = vp_check_canonical,
	  .flags = VP_REG_KEPT, .chunk = STREAM_VP_MSRS },
	{ U64(HV_REGISTER_SYSENTER_RSP, sysenter_rsp),
	  MSR(MSR_IA32_SYSENTER_ESP), .check = vp_check_canonical,
	  .flags = VP_REG_KEPT, .chunk = STREAM_VP_MSRS },
	/* Selectors, and an EIP that Intel 64 does not use: none reserved. */
	{ U64(HV_REGISTER_STAR, star), MSR(MSR_IA32_STAR),
	  .check = vp_check_zero_high, .flags = VP_REG_KEPT,
	  .chunk = STREAM_VP_MSRS },
	{ U64(HV_REGISTER_LSTAR, lstar), MSR(MSR_IA32_LSTAR),
	  .check = vp_check_canonical, .flags = VP_REG_KEPT,
	  .chunk = STREAM_VP_MSRS },
	{ U64(HV_REGISTER_CSTAR, cstar), MSR(MSR_IA32_CSTAR),
	  .check = vp_check_canonical, .flags = VP_REG_KEPT,
	  .chunk = STREAM_VP_MSRS },
	{ U64(HV_REGISTER_SFMASK, sfmask), MSR(MSR_IA32_FMASK),
	  .check = vp_check_u32, .flags = VP_REG_KEPT,
	  .chunk = STREAM_VP_MSRS },
	{ FIXED(HV_REGISTER_INITIAL_APIC_ID, 1, vp_reg_get_index) },
	/* How many there are is the machine's, and the same for each child. */
	{ FIXED(HV_REGISTER_MTRR_CAP, 1, vp_reg_get_mtrr_cap),
	  MSR(MSR_IA32_MTRRCAP) },
	{ U64(HV_REGISTER_MTRR_DEF_TYPE, mtrr_def_type),
	  MSR(MSR_IA32_MTRR_DEF_TYPE), .check = vp_check_mtrr_def_type,
	  .flags = VP_REG_KEPT, .chunk = STREAM_VP_MSRS },
	/* Bases and masks take turns as MSRs, and have runs of names. */
	{ U64S(HV_REGISTER_MTRR_PHYS_BASE0, VP_MTRR_VARIABLE, mtrr_base),
	  .msr = MSR_IA32_MTRR_PHYSBASE0, .msr_step = 2,
	  .check = vp_check_mtrr_base, .flags = VP_REG_KEPT,
	  .chunk = STREAM_VP_MSRS },
	{ U64S(HV_REGISTER_MTRR_PHYS_MASK0, VP_MTRR_VARIABLE, mtrr_mask),
	  .msr = MSR_IA32_MTRR_PHYSMASK0, .msr_step = 2,
	  .check = vp_check_mtrr_mask, .flags = VP_REG_KEPT,
	  .chunk = STREAM_VP_MSRS },
	{ U64S(HV_REGISTER_MTRR_FIX64K_00000, 1, mtrr_fixed[0]),
	  MSR(MSR_IA32_MTRR_FIX64K_00000), .check = vp_check_mtrr_fixed,
	  .flags = VP_REG_KEPT, .chunk = STREAM_VP_MSRS },
	{ U64S(HV_REGISTER_MTRR_FIX64K_00000 + 1, 2, mtrr_fixed[1]),
	  MSR(MSR_IA32_MTRR_FIX16K_80000), .check = vp_check_mtrr_fixed,
	  .flags = VP_REG_KEPT, .chunk = STREAM_VP_MSRS },
	{ U64S(HV_REGISTER_MTRR_FIX64K_00000 + 3, 8, mtrr_fixed[3]),
	  MSR(MSR_IA32_MTRR_FIX4K_C0000), .check = vp_check_mtrr_fixed,
	  .flags = VP_REG_KEPT, .chunk = STREAM_VP_MSRS },
	{ U64(HV_REGISTER_TSC_AUX, tsc_aux), MSR(MSR_IA32_TSC_AUX),
	  .check = vp_check_tsc_aux, .flags = VP_REG_KEPT,
	  .chunk = STREAM_VP_MSRS },
	/* INIT clears it, unlike the MSRs around it. */
	{ U64(HV_REGISTER_DEBUG_CTL, debugctl), MSR(MSR_IA32_DEBUGCTL),
	  .check = vp_check_debugctl, .chunk = STREAM_VP_MSRS },
	/* Not with the MSRs: what is armed is part of the timer. */
	{ CALL(HV_REGISTER_TSC_DEADLINE, 1, vp_reg_get_deadline,
	       vp_reg_set_deadline), MSR(MSR_IA32_TSC_DEADLINE),
	  .check = vp_check_zero_high, .chunk = STREAM_VP_APIC },
	/* Those of the page by the numbers that they have as MSRs; which of
	 * these there are lapic_registers.c knows. */
	{ .name = HV_REGISTER_APIC_FIRST, .count = 256, .kind = VP_REG_APIC,
	  MSR(MSR_IA32_X2APIC), .check = vp_check_zero_high,
	  .get = vp_reg_get_apic, .set = vp_reg_set_apic,
	  .read = vp_reg_read_x2apic, .write = vp_reg_write_x2apic,
	  .chunk = STREAM_VP_APIC },

	{ FIXED(HV_REGISTER_VP_RUNTIME, 1, vp_reg_get_runtime),
	  SYNTHETIC(HV_MSR_VP_RUNTIME, VP_RUN_TIME_MSR),
	  .chunk = STREAM_VP_EVENTS },
	/* Of the partition, and so the same by each of its VPs. */
	{ CALL(HV_REGISTER_HYPERCALL, 1, vp_reg_get_hypercall,
	       vp_reg_set_hypercall),
	  SYNTHETIC(HV_MSR_HYPERCALL, HYPERCALL_MSRS),
	  .check = vp_check_zero_high, .write = vp_reg_write_hypercall,
	  .flags = VP_REG_SLOW, .chunk = STREAM_PARTITION },
	{ CALL(HV_REGISTER_GUEST_OS_ID, 1, vp_reg_get_os_id,
	       vp_reg_set_os_id),
	  SYNTHETIC(HV_MSR_GUEST_OS_ID, HYPERCALL_MSRS),
	  .check = vp_check_zero_high, .chunk = STREAM_OS_ID },
	/* Whom a stream is of is its framing. */
	{ FIXED(HV_REGISTER_VP_INDEX, 1, vp_reg_get_index),
	  SYNTHETIC(HV_MSR_VP_INDEX, VP_INDEX), .chunk = STREAM_VP },
	{ FIXED(HV_REGISTER_TIME_REF_COUNT, 1, vp_reg_get_time),
	  SYNTHETIC(HV_MSR_TIME_REF_COUNT, REFERENCE_COUNTER),
	  .chunk = STREAM_PARTITION },
	{ CALL(HV_REGISTER_EOI, 1, vp_reg_get_zero, vp_reg_set_eoi),
	  SYNTHETIC(HV_MSR_EOI, APIC_MSRS), .check = vp_check_zero_high,
	  .read = vp_reg_read_refused, .write = vp_reg_write_eoi },
	{ CALL(HV_REGISTER_ICR, 1, vp_reg_get_icr, vp_reg_set_icr),
	  SYNTHETIC(HV_MSR_ICR, APIC_MSRS), .check = vp_check_zero_high,
	  .write = vp_reg_write_icr, .chunk = STREAM_VP_APIC },
	{ CALL(HV_REGISTER_TPR, 1, vp_reg_get_tpr, vp_reg_set_tpr),
	  SYNTHETIC(HV_MSR_TPR, APIC_MSRS), .check = vp_check_tpr,
	  .chunk = STREAM_VP_APIC },
	{ CALL(HV_REGISTER_VP_ASSIST_PAGE, 1, vp_reg_get_assist,
	       vp_reg_set_assist),
	  SYNTHETIC(HV_MSR_VP_ASSIST_PAGE, APIC_MSRS),
	  .check = vp_check_page_msr, .chunk = STREAM_VP_APIC },
	{ CALL(HV_REGISTER_REFERENCE_TSC, 1, vp_reg_get_reference,
	       vp_reg_set_reference),
	  SYNTHETIC(HV_MSR_REFERENCE_TSC, REFERENCE_TSC),
	  .check = vp_check_page_msr, .write = vp_reg_write_reference,
	  .flags = VP_REG_SLOW, .chunk = STREAM_PARTITION },

	/* A guest's write is cut to the bits there are, its parent's refused. */
	{ CALL(HV_REGISTER_SINT0, HV_SINT_COUNT, vp_reg_get_synic,
	       synic_write_msr),
	  SYNTHETIC(HV_MSR_SINT0, SYNIC_MSRS), .check = vp_check_sint,
	  .write = synic_write_msr, .chunk = STREAM_VP_SYNIC },
	{ CALL(HV_REGISTER_SCONTROL, 1, vp_reg_get_synic, synic_write_msr),
	  SYNTHETIC(HV_MSR_SCONTROL, SYNIC_MSRS), .check = vp_check_scontrol,
	  .write = synic_write_msr, .chunk = STREAM_VP_SYNIC },
	/* Of no value that could be kept: one is a constant, one an act. */
	{ FIXED(HV_REGISTER_SVERSION, 1, vp_reg_get_synic),
	  SYNTHETIC(HV_MSR_SVERSION, SYNIC_MSRS) },
	{ CALL(HV_REGISTER_SIEFP, 2, vp_reg_get_synic, synic_write_msr),
	  SYNTHETIC(HV_MSR_SIEFP, SYNIC_MSRS), .check = vp_check_page_msr,
	  .write = synic_write_msr, .flags = VP_REG_SLOW,
	  .chunk = STREAM_VP_SYNIC },
	{ CALL(HV_REGISTER_EOM, 1, vp_reg_get_synic, synic_write_msr),
	  SYNTHETIC(HV_MSR_EOM, SYNIC_MSRS), .check = vp_check_zero_high },
	{ CALL(HV_REGISTER_STIMER0_CONFIG, 2 * HV_STIMERS,
	       vp_reg_get_stimer, vp_reg_set_stimer),
	  SYNTHETIC(HV_MSR_STIMER0_CONFIG, SYNTHETIC_TIMER_MSRS),
	  .check = vp_check_zero_high, .chunk = STREAM_VP_SYNIC },

	{ X16(HV_REGISTER_YMM0_LOW, 16, XAT(legacy.xmm)),
	  .chunk = STREAM_VP_FP },
	{ X16(HV_REGISTER_YMM0_HIGH, 16, VP_XSAVE_YMM_OFFSET),
	  .chunk = STREAM_VP_XSAVE },

	/* HV_MSR_TSC_FREQUENCY and HV_MSR_APIC_FREQUENCY. */
	{ FIXED(NAMELESS, 2, vp_reg_get_frequency),
	  SYNTHETIC(HV_MSR_TSC_FREQUENCY, FREQUENCY_MSRS) },
	/* The root's alone: a child may go on where the TSC is another. */
	{ CALL(NAMELESS, 1, vp_reg_get_invariant, vp_reg_set_invariant),
	  SYNTHETIC(HV_MSR_TSC_INVARIANT_CONTROL, TSC_INVARIANT) },
};
/* clang-format on */

#define NAMED ((u32)ARRAY_LEN(table) - 2)

const struct vp_reg *vp_reg_table(u32 *count)
{
	*count = NAMED;
	return table;
}

const struct vp_reg *vp_reg_find(u32 name, u32 *index)
{
	u32 first = 0, end = NAMED;

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

/* Rows that have MSRs, by the number of the first one: constant after start-up. */
static struct {
	const struct vp_reg *row[ARRAY_LEN(table)];
	u32 count;
} by_msr;

/* By insertion: once, and no second list that somebody has to keep in order. */
void vp_reg_init(void)
{
	by_msr.count = 0;
	for (u32 i = 0; i < ARRAY_LEN(table); i++) {
		u32 at = by_msr.count;

		if (!table[i].msr_step)
			continue;
		for (; at > 0 && by_msr.row[at - 1]->msr > table[i].msr; at--)
			by_msr.row[at] = by_msr.row[at - 1];
		by_msr.row[at] = &table[i];
		by_msr.count++;
	}
}

static bool has_msr(const struct vp_reg *r, u32 msr, u32 *index)
{
	u32 behind = msr - r->msr;

	*index = behind / r->msr_step;
	return behind < r->count * r->msr_step && behind % r->msr_step == 0;
}

/* The MTRRs' bases and masks take turns: a base is behind the first mask too. */
const struct vp_reg *vp_reg_find_msr(u32 msr, u32 *index)
{
	u32 first = 0, end = by_msr.count;

	while (end - first > 1) {
		u32 middle = first + (end - first) / 2;

		if (by_msr.row[middle]->msr <= msr)
			first = middle;
		else
			end = middle;
	}
	if (has_msr(by_msr.row[first], msr, index))
		return by_msr.row[first];
	if (first > 0 && has_msr(by_msr.row[first - 1], msr, index))
		return by_msr.row[first - 1];
	return NULL;
}
