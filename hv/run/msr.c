/*
 * MSRs as a guest sees them. The rows are those of the table of registers.
 */
#include "hv/run/msr.h"

#include "hv/run/vp_reg.h"
#include "hv/vp/partition.h"
#include "hv/vp/vp.h"

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
