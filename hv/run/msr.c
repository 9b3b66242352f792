/*
 * MSRs as a guest sees them. The rows are those of the table of registers.
 */
#include "hv/run/msr.h"

#include "hv/arch.h"
#include "hv/run/vp_reg.h"
#include "hv/vp/partition.h"
#include "hv/vp/vp.h"
#include "include/stream.h"
#include "include/x86_msr.h"

/*
 * An MSR of the TLFS is there for who holds its privilege. The others every child
 * has from us; the root has the processor's, but for those that are ours to keep:
 * with EFER its mode changes, with the TSC its clock, and ours must not.
 */
static bool is_for(const struct vp *vp, const struct vp_reg *r, u32 root)
{
	if (r->privilege)
		return vp->partition->privileges & r->privilege;
	return !vp->is_root || (r->flags & root);
}

/* No memory for a page, which its parent is told, is #GP as well (TLFS 3.13). */
static enum msr_result result_of(enum hv_status status)
{
	return status == HV_STATUS_SUCCESS ? MSR_OK : MSR_FAULT;
}

enum msr_result vp_msr_read(struct vp *vp, u32 msr, u64 *value)
{
	u32 index;
	const struct vp_reg *r = vp_reg_find_msr(msr, &index);
	union hv_register_value v;
	enum hv_status status;

	if (!r || !is_for(vp, r, 0))
		return MSR_UNKNOWN;
	if (r->read)
		return result_of(r->read(vp, msr, value));
	status = vp_reg_get_in(vp, r, index, &v);
	*value = v.reg64;
	return result_of(status);
}

enum msr_result vp_msr_write(struct vp *vp, u32 msr, u64 value)
{
	u32 index;
	const struct vp_reg *r = vp_reg_find_msr(msr, &index);
	union hv_register_value v = { .reg128 = { value, 0 } };

	if (!r || !is_for(vp, r, VP_REG_ROOT_WRITES))
		return MSR_UNKNOWN;
	return result_of(r->write ? r->write(vp, msr, value)
	                          : vp_reg_set_in(vp, r, index, &v));
}

/* ---- Without a fault, and without state ---- */

/*
 * What a processor has from its first model on, or its vendor's kernels take for
 * granted: with what the features that a child sees let it say. No microcode can be
 * loaded; a TSC that is told to be invariant counts at P0's frequency, as kernels check.
 */
static const struct {
	u32 msr;
	u32 vendor;
	u64 value;
} defaults[] = {
	{ MSR_IA32_PLATFORM_ID, STREAM_VENDOR_INTEL, 0 },
	{ MSR_IA32_BIOS_SIGN_ID, STREAM_VENDOR_INTEL, 0 },
	{ MSR_IA32_MISC_ENABLE, STREAM_VENDOR_INTEL,
	  MISC_ENABLE_FAST_STRINGS | MISC_ENABLE_NO_BTS | MISC_ENABLE_NO_PEBS },
	{ MSR_IA32_BIOS_SIGN_ID, STREAM_VENDOR_AMD, 0 },
	{ MSR_SYSCFG, STREAM_VENDOR_AMD, 0 },
	{ MSR_HWCR, STREAM_VENDOR_AMD, HWCR_TSC_FREQ_SEL },
	{ MSR_NB_CFG, STREAM_VENDOR_AMD, 0 },
	{ MSR_INT_PENDING, STREAM_VENDOR_AMD, 0 },
	{ MSR_MMIO_CONF_BASE, STREAM_VENDOR_AMD, 0 },
};

bool msr_default(u32 msr, u64 *value)
{
	for (u32 i = 0; i < ARRAY_LEN(defaults); i++) {
		if (defaults[i].msr != msr ||
		    defaults[i].vendor != arch_facts()->compat.cpu_vendor)
			continue;
		*value = defaults[i].value;
		return true;
	}
	return false;
}
