/*
 * Synthetic MSRs, and those of a child's local APIC.
 */
#include "hv/run/msr.h"

#include "hv/arch.h"
#include "hv/interrupt/lapic.h"
#include "hv/interrupt/stimer.h"
#include "hv/interrupt/synic.h"
#include "hv/vp/partition.h"
#include "hv/vp/vp.h"
#include "hv/vp/vp_check.h"
#include "include/x86_msr.h"

/* VMCALL; RET. The rest is INT3, so that a jump astray is noticed. */
static const _Alignas(PAGE_SIZE) u8 hypercall_page[PAGE_SIZE] = {
	0x0f, 0x01, 0xc1, 0xc3, [4 ... PAGE_SIZE - 1] = 0xcc,
};

const void *msr_hypercall_page(void)
{
	return hypercall_page;
}

bool msr_set_hypercall(struct partition *p, u64 value)
{
	if (!vp_check_hypercall_value(value))
		return false;
	if (value & HV_MSR_PAGE_ENABLE) {
		if (!gpa_overlay_set(&p->space, &p->hypercall_overlay,
		                     value >> PAGE_SHIFT, hypercall_page,
		                     ARCH_READ | ARCH_EXECUTE))
			return false;
	} else {
		gpa_overlay_clear(&p->space, &p->hypercall_overlay);
	}
	p->hypercall = value;
	return true;
}

void msr_set_os_id(struct partition *p, u64 value)
{
	p->guest_os_id = value;
	if (value == 0) {
		gpa_overlay_clear(&p->space, &p->hypercall_overlay);
		p->hypercall &= ~HV_MSR_PAGE_ENABLE;
	}
}

static bool read_os_id(struct vp *vp, u32 msr, u64 *value)
{
	(void)msr;
	*value = vp->partition->guest_os_id;
	return true;
}

static bool write_os_id(struct vp *vp, u32 msr, u64 value)
{
	(void)msr;
	msr_set_os_id(vp->partition, value);
	return true;
}

static bool read_hypercall(struct vp *vp, u32 msr, u64 *value)
{
	(void)msr;
	*value = vp->partition->hypercall;
	return true;
}

/* Without an OS id the enable bit stays 0, without a fault (TLFS 3.13). */
static bool write_hypercall(struct vp *vp, u32 msr, u64 value)
{
	struct partition *p = vp->partition;

	(void)msr;
	if (p->hypercall & HV_HYPERCALL_LOCKED)
		return false;
	if (p->guest_os_id == 0)
		value &= ~HV_MSR_PAGE_ENABLE;
	return msr_set_hypercall(p, value);
}

static bool read_vp_index(struct vp *vp, u32 msr, u64 *value)
{
	(void)msr;
	*value = vp->index;
	return true;
}

static bool read_time(struct vp *vp, u32 msr, u64 *value)
{
	(void)msr;
	*value = reference_time(vp->partition);
	return true;
}

static bool read_runtime(struct vp *vp, u32 msr, u64 *value)
{
	(void)msr;
	*value = vp_runtime(vp);
	return true;
}

static bool read_reference_tsc(struct vp *vp, u32 msr, u64 *value)
{
	(void)msr;
	*value = vp->partition->reference.msr;
	return true;
}

static bool write_reference_tsc(struct vp *vp, u32 msr, u64 value)
{
	(void)msr;
	return reference_write(vp->partition, value & ~HV_MSR_PLAIN_PAGE_RSVD);
}

/* The APIC timer's clock is the TSC. */
static bool read_frequency(struct vp *vp, u32 msr, u64 *value)
{
	(void)msr;
	*value = tsc_hz(&vp->partition->clock);
	return true;
}

/* ---- The local APIC, which only children have from us ---- */

static bool read_base(struct vp *vp, u32 msr, u64 *value)
{
	(void)msr;
	*value = vp->state.apic_base;
	return true;
}

static bool write_base(struct vp *vp, u32 msr, u64 value)
{
	(void)msr;
	return lapic_write_base(vp, value);
}

static bool read_deadline(struct vp *vp, u32 msr, u64 *value)
{
	(void)msr;
	*value = lapic_timer_deadline(vp);
	return true;
}

static bool write_deadline(struct vp *vp, u32 msr, u64 value)
{
	(void)msr;
	lapic_timer_set_deadline(vp, value);
	return true;
}

static bool write_eoi(struct vp *vp, u32 msr, u64 value)
{
	(void)msr;
	if (value >> 32)
		return false;
	lapic_eoi(vp);
	return true;
}

static bool read_icr(struct vp *vp, u32 msr, u64 *value)
{
	(void)msr;
	*value = lapic_icr(vp);
	return true;
}

static bool write_icr(struct vp *vp, u32 msr, u64 value)
{
	(void)msr;
	lapic_write_icr(vp, value);
	return true;
}

static bool read_tpr(struct vp *vp, u32 msr, u64 *value)
{
	(void)msr;
	*value = lapic_tpr(vp);
	return true;
}

static bool write_tpr(struct vp *vp, u32 msr, u64 value)
{
	(void)msr;
	if (value > 0xff)
		return false;
	lapic_set_tpr(vp, value);
	return true;
}

static bool read_assist(struct vp *vp, u32 msr, u64 *value)
{
	(void)msr;
	*value = vp->lapic.assist;
	return true;
}

static bool write_assist(struct vp *vp, u32 msr, u64 value)
{
	(void)msr;
	if (!vp_check_page_value(value))
		return false;
	vp->lapic.assist = value;
	return true;
}

/*
 * A row without a write function is read-only, one without a read function
 * write-only. Privilege 0: every child has it, the root has the processor's.
 */
static const struct msr_row {
	u32 first;
	u32 last;
	u64 privilege;
	bool (*read)(struct vp *vp, u32 msr, u64 *value);
	bool (*write)(struct vp *vp, u32 msr, u64 value);
} rows[] = {
	{ HV_MSR_GUEST_OS_ID, HV_MSR_GUEST_OS_ID,
	  HV_PRIVILEGE_ACCESS_HYPERCALL_MSRS, read_os_id, write_os_id },
	{ HV_MSR_HYPERCALL, HV_MSR_HYPERCALL,
	  HV_PRIVILEGE_ACCESS_HYPERCALL_MSRS, read_hypercall, write_hypercall },
	{ HV_MSR_VP_INDEX, HV_MSR_VP_INDEX, HV_PRIVILEGE_ACCESS_VP_INDEX,
	  read_vp_index, NULL },
	{ HV_MSR_TIME_REF_COUNT, HV_MSR_TIME_REF_COUNT,
	  HV_PRIVILEGE_ACCESS_REFERENCE_COUNTER, read_time, NULL },
	{ HV_MSR_VP_RUNTIME, HV_MSR_VP_RUNTIME,
	  HV_PRIVILEGE_ACCESS_VP_RUN_TIME_MSR, read_runtime, NULL },
	{ HV_MSR_REFERENCE_TSC, HV_MSR_REFERENCE_TSC,
	  HV_PRIVILEGE_ACCESS_REFERENCE_TSC, read_reference_tsc,
	  write_reference_tsc },
	{ HV_MSR_TSC_FREQUENCY, HV_MSR_APIC_FREQUENCY,
	  HV_PRIVILEGE_ACCESS_FREQUENCY_MSRS, read_frequency, NULL },
	{ HV_MSR_EOI, HV_MSR_EOI, HV_PRIVILEGE_ACCESS_APIC_MSRS, NULL,
	  write_eoi },
	{ HV_MSR_ICR, HV_MSR_ICR, HV_PRIVILEGE_ACCESS_APIC_MSRS, read_icr,
	  write_icr },
	{ HV_MSR_TPR, HV_MSR_TPR, HV_PRIVILEGE_ACCESS_APIC_MSRS, read_tpr,
	  write_tpr },
	{ HV_MSR_VP_ASSIST_PAGE, HV_MSR_VP_ASSIST_PAGE,
	  HV_PRIVILEGE_ACCESS_APIC_MSRS, read_assist, write_assist },
	{ MSR_IA32_APIC_BASE, MSR_IA32_APIC_BASE, 0, read_base, write_base },
	{ MSR_IA32_TSC_DEADLINE, MSR_IA32_TSC_DEADLINE, 0, read_deadline,
	  write_deadline },
	{ MSR_IA32_X2APIC, MSR_IA32_X2APIC_LAST, 0, lapic_read_msr,
	  lapic_write_msr },
	{ HV_MSR_SCONTROL, HV_MSR_EOM, HV_PRIVILEGE_ACCESS_SYNIC_MSRS,
	  synic_read_msr, synic_write_msr },
	{ HV_MSR_SINT0, HV_MSR_SINT0 + HV_SINT_COUNT - 1,
	  HV_PRIVILEGE_ACCESS_SYNIC_MSRS, synic_read_msr, synic_write_msr },
	{ HV_MSR_STIMER0_CONFIG, HV_MSR_STIMER0_CONFIG + 2 * HV_STIMERS - 1,
	  HV_PRIVILEGE_ACCESS_SYNTHETIC_TIMER_MSRS, stimer_read_msr,
	  stimer_write_msr },
};

static bool has(const struct vp *vp, const struct msr_row *row)
{
	return row->privilege ? vp->partition->privileges & row->privilege
	                      : !vp->is_root;
}

static const struct msr_row *find(const struct vp *vp, u32 msr)
{
	for (u32 i = 0; i < ARRAY_LEN(rows); i++)
		if (msr >= rows[i].first && msr <= rows[i].last &&
		    has(vp, &rows[i]))
			return &rows[i];
	return NULL;
}

enum msr_result msr_read(struct vp *vp, u32 msr, u64 *value)
{
	const struct msr_row *row = find(vp, msr);

	if (!row)
		return MSR_UNKNOWN;
	return row->read && row->read(vp, msr, value) ? MSR_OK : MSR_FAULT;
}

enum msr_result msr_write(struct vp *vp, u32 msr, u64 value)
{
	const struct msr_row *row = find(vp, msr);

	if (!row)
		return MSR_UNKNOWN;
	return row->write && row->write(vp, msr, value) ? MSR_OK : MSR_FAULT;
}
