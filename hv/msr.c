/*
 * Synthetic MSRs.
 */
#include "hv/msr.h"

#include "hv/partition.h"
#include "hv/vp.h"

/* VMCALL; RET. The rest is INT3, so that a jump astray is noticed. */
static const _Alignas(PAGE_SIZE) u8 hypercall_page[PAGE_SIZE] = {
	0x0f, 0x01, 0xc1, 0xc3, [4 ... PAGE_SIZE - 1] = 0xcc,
};

bool msr_hypercall_valid(u64 value)
{
	return !(value & HV_MSR_PAGE_RSVD & ~HV_HYPERCALL_LOCKED) &&
	       value >> PAGE_SHIFT < gpa_limit();
}

bool msr_set_hypercall(struct partition *p, u64 value)
{
	if (!msr_hypercall_valid(value))
		return false;
	if (value & HV_MSR_PAGE_ENABLE) {
		if (!gpa_overlay_set(p, GPA_OVERLAY_HYPERCALL,
		                     value >> PAGE_SHIFT, hypercall_page,
		                     ARCH_READ | ARCH_EXECUTE))
			return false;
	} else {
		gpa_overlay_clear(p, GPA_OVERLAY_HYPERCALL);
	}
	p->hypercall = value;
	return true;
}

void msr_set_os_id(struct partition *p, u64 value)
{
	p->guest_os_id = value;
	if (value == 0) {
		gpa_overlay_clear(p, GPA_OVERLAY_HYPERCALL);
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
	*value = partition_reference_time(vp->partition);
	return true;
}

/* A row without a write function is read-only. */
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
	{ HV_MSR_SCONTROL, HV_MSR_EOM, HV_PRIVILEGE_ACCESS_SYNIC_MSRS,
	  synic_read_msr, synic_write_msr },
	{ HV_MSR_SINT0, HV_MSR_SINT0 + HV_SINT_COUNT - 1,
	  HV_PRIVILEGE_ACCESS_SYNIC_MSRS, synic_read_msr, synic_write_msr },
};

static const struct msr_row *find(const struct vp *vp, u32 msr)
{
	for (u32 i = 0; i < ARRAY_LEN(rows); i++)
		if (msr >= rows[i].first && msr <= rows[i].last &&
		    (vp->partition->privileges & rows[i].privilege))
			return &rows[i];
	return NULL;
}

enum msr_result msr_read(struct vp *vp, u32 msr, u64 *value)
{
	const struct msr_row *row = find(vp, msr);

	if (!row)
		return MSR_UNKNOWN;
	return row->read(vp, msr, value) ? MSR_OK : MSR_FAULT;
}

enum msr_result msr_write(struct vp *vp, u32 msr, u64 value)
{
	const struct msr_row *row = find(vp, msr);

	if (!row)
		return MSR_UNKNOWN;
	return row->write && row->write(vp, msr, value) ? MSR_OK : MSR_FAULT;
}
