/*
 * The root's MSRs by table: what is passed on, hidden or refused.
 *
 * The TSC is everybody's time, ours and that of all children: a root that writes
 * it, or TSC_ADJUST, gets an offset of its own (SDM 25.3). With one its deadline
 * timer is ours to translate: the processor compares with the real TSC.
 */
#include "arch/x86_64/common/root_msr.h"

#include "arch/x86_64/common/deadline.h"
#include "arch/x86_64/common/msr.h"
#include "arch/x86_64/common/root_apic.h"
#include "arch/x86_64/common/switch.h"
#include "arch/x86_64/common/vendor.h"
#include "hv/arch.h"
#include "hv/base/cpus.h"
#include "hv/memory/frame.h"
#include "hv/run/vp_reg.h"
#include "hv/vp/vp.h"
#include "include/x86.h"
#include "include/x86_apic.h"

/* ---- Plain and hidden ---- */

static bool read_plain(struct vp *root, u32 msr, u64 *value)
{
	(void)root;
	return msr_read_safe(msr, value);
}

static bool write_plain(struct vp *root, u32 msr, u64 value)
{
	(void)root;
	return msr_write_safe(msr, value);
}

static bool read_zero(struct vp *root, u32 msr, u64 *value)
{
	(void)root;
	(void)msr;
	*value = 0;
	return true;
}

static bool write_nothing(struct vp *root, u32 msr, u64 value)
{
	(void)root;
	(void)msr;
	(void)value;
	return true;
}

static bool write_switched(struct vp *root, u32 msr, u64 value)
{
	if (!msr_write_safe(msr, value))
		return false;
	switch_msr_written(root, msr, value);
	return true;
}

/*
 * The APIC's registers hide what is at their address from everybody. In RAM that
 * would be a page of ours, of a child, or one that may become it.
 */
static bool write_apic_base(struct vp *root, u32 msr, u64 value)
{
	u64 page = value & LAPIC_BASE_ADDRESS, now;

	(void)root;
	if (!msr_read_safe(msr, &now) ||
	    (page != (now & LAPIC_BASE_ADDRESS) &&
	     frame_owner(hpa_of(page)) != FRAME_NONE))
		return false;
	/* Without it no other processor could be reached. */
	if (cpus_count() > 1 &&
	    (!(value & LAPIC_BASE_ENABLE) || !root_apic_hide(value)))
		return false;
	return msr_write_safe(msr, value);
}

static bool write_icr(struct vp *root, u32 msr, u64 value)
{
	(void)root;
	(void)msr;
	return root_apic_write_icr(value);
}

/* ---- Time ---- */

static bool has_tsc_adjust(void)
{
	u32 regs[4];

	arch_cpuid(7, 0, regs);
	return regs[1] & CPUID_7_EBX_TSC_ADJUST;
}

/* What the firmware, or whoever is below, has put there stays in the processor. */
static bool read_tsc_adjust(struct vp *root, u32 msr, u64 *value)
{
	if (!has_tsc_adjust() || !msr_read_safe(msr, value))
		return false;
	*value += root->state.tsc_offset;
	return true;
}

static bool write_tsc_adjust(struct vp *root, u32 msr, u64 value)
{
	u64 real;

	if (!has_tsc_adjust() || !msr_read_safe(msr, &real))
		return false;
	vp_set_tsc_offset(root, value - real);
	return true;
}

static bool read_deadline(struct vp *root, u32 msr, u64 *value)
{
	if (!msr_read_safe(msr, value))
		return false;
	*value = deadline_to_root(*value, root->state.tsc_offset);
	return true;
}

static bool write_deadline(struct vp *root, u32 msr, u64 value)
{
	return msr_write_safe(msr, deadline_to_processor(value,
	                                                 root->state.tsc_offset,
	                                                 arch_tsc()));
}

void root_msr_offset_changed(u64 old, u64 now)
{
	u64 deadline;

	/* None where the timer is in another mode, or there is no such timer. */
	if (msr_read_safe(MSR_IA32_TSC_DEADLINE, &deadline) && deadline)
		msr_write_safe(
			MSR_IA32_TSC_DEADLINE,
			deadline_to_processor(deadline_to_root(deadline, old),
		                              now, arch_tsc()));
	vendor_msr_exits(arch_this_cpu(), MSR_IA32_TSC_DEADLINE, now != 0,
	                 now != 0);
}

/* ---- The table ---- */

/*
 * A row without a read function is not there for the root, one without a write
 * function refuses writes. Plain reads, and MSRs without a row, do not exit; but
 * MSRs outside both ranges of the bitmap always do, and are the processor's
 * where they are not hidden here.
 */
static const struct row {
	u32 first;
	u32 last;
	bool (*read)(struct vp *root, u32 msr, u64 *value);
	bool (*write)(struct vp *root, u32 msr, u64 value);
} rows[] = {
	{ MSR_IA32_APIC_BASE, MSR_IA32_APIC_BASE, read_plain, write_apic_base },
	{ MSR_IA32_TSC_ADJUST, MSR_IA32_TSC_ADJUST, read_tsc_adjust,
	  write_tsc_adjust },
	/* Linux writes it whatever the privileges say. Nothing of it is used. */
	{ HV_MSR_VP_ASSIST_PAGE, HV_MSR_VP_ASSIST_PAGE, read_zero,
	  write_nothing },
	/* Those that we do not have; the core has answered for the others. */
	{ MSR_SYNTHETIC_FIRST, MSR_SYNTHETIC_LAST, NULL, NULL },
	/* Written so rarely that an exit costs less than to read them at each
	 * switch. EFER the core has written. */
	{ MSR_IA32_STAR, MSR_IA32_FMASK, read_plain, write_switched },
	{ MSR_IA32_TSC_AUX, MSR_IA32_TSC_AUX, read_plain, write_switched },
};

/* Exit while the root's TSC is not the processor's. */
static const struct row deadline = { MSR_IA32_TSC_DEADLINE,
	                             MSR_IA32_TSC_DEADLINE, read_deadline,
	                             write_deadline };

/* Exits where there is more than one processor. */
static const struct row icr = { LAPIC_MSR(LAPIC_ICR), LAPIC_MSR(LAPIC_ICR),
	                        read_plain, write_icr };

/* And what the core answers (hv/run/exit.c): writes of the TSC, and of EFER. */
static const u32 core_writes[] = { MSR_IA32_TSC, MSR_IA32_EFER };

static const struct row others = { 0, ~0u, read_plain, write_plain };

/* What tells of the vendor's mode, or would switch it: one of these, or NULL. */
static const struct vendor_msr *find_hidden(u32 msr)
{
	u32 count;
	const struct vendor_msr *hidden = vendor_msrs(&count);

	for (u32 i = 0; i < count; i++)
		if (msr >= hidden[i].first && msr <= hidden[i].last)
			return &hidden[i];
	return NULL;
}

static void intercept(struct cpu *cpu, u32 first, u32 last, bool read)
{
	for (u32 m = first; m <= last && vendor_has_place(m); m++)
		vendor_msr_exits(cpu, m, read, true);
}

void root_msr_init(struct cpu *cpu, u32 processors)
{
	u32 count;
	const struct vendor_msr *hidden = vendor_msrs(&count);

	for (u32 i = 0; i < count; i++)
		intercept(cpu, hidden[i].first, hidden[i].last, true);
	for (u32 i = 0; i < ARRAY_LEN(rows); i++)
		intercept(cpu, rows[i].first, rows[i].last,
		          rows[i].read != read_plain);
	for (u32 i = 0; i < ARRAY_LEN(core_writes); i++)
		intercept(cpu, core_writes[i], core_writes[i], false);
	if (processors > 1)
		intercept(cpu, icr.first, icr.last, false);
}

static const struct row *find(u32 msr)
{
	for (u32 i = 0; i < ARRAY_LEN(rows); i++)
		if (msr >= rows[i].first && msr <= rows[i].last)
			return &rows[i];
	if (msr == icr.first)
		return &icr;
	return msr == MSR_IA32_TSC_DEADLINE ? &deadline : &others;
}

bool root_msr_read(struct vp *root, u32 msr, u64 *value)
{
	const struct vendor_msr *hidden = find_hidden(msr);
	const struct row *row = find(msr);

	if (hidden) {
		*value = hidden->value;
		return hidden->is_there;
	}
	return row->read && row->read(root, msr, value);
}

bool root_msr_write(struct vp *root, u32 msr, u64 value)
{
	const struct row *row = find(msr);

	return !find_hidden(msr) && row->write && row->write(root, msr, value);
}
