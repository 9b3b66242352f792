/*
 * Hypercalls on virtual processors (TLFS 10) and intercepts (TLFS 9).
 */
#include "hv/arch.h"
#include "hv/base/cpu.h"
#include "hv/call/hypercall.h"
#include "hv/run/vp_life.h"
#include "hv/run/vp_reg.h"
#include "hv/vp/intercept.h"
#include "hv/vp/partition.h"
#include "hv/vp/ready.h"
#include "hv/vp/vp.h"

static enum hv_status find_vp(struct hypercall_frame *f, u64 id, u32 index,
                              struct vp **vp)
{
	struct partition *p;
	enum hv_status status = partition_find_active(f->from, id, &p);

	if (status != HV_STATUS_SUCCESS)
		return status;
	*vp = index < PARTITION_VPS ? p->vps[index] : NULL;
	return *vp ? HV_STATUS_SUCCESS : HV_STATUS_INVALID_VP_INDEX;
}

enum hv_status hvcall_create_vp(struct hypercall_frame *f)
{
	const struct hv_input_create_vp *in = f->in;
	struct partition *p;
	enum hv_status status =
		partition_find_active(f->from, in->partition_id, &p);

	if (status != HV_STATUS_SUCCESS)
		return status;
	if (in->vp_index >= PARTITION_VPS || p->vps[in->vp_index])
		return HV_STATUS_INVALID_VP_INDEX;
	if (in->flags || in->proximity || in->subnode_type || in->rsvd[0] ||
	    in->rsvd[1] || in->rsvd[2])
		return HV_STATUS_INVALID_PARAMETER;
	status = vp_create(p, in->vp_index, f->vp->cpu);
	if (status == HV_STATUS_SUCCESS)
		partition_changed(p);
	return status;
}

enum hv_status hvcall_delete_vp(struct hypercall_frame *f)
{
	const struct hv_input_delete_vp *in = f->in;
	struct vp *vp;
	enum hv_status status;

	status = find_vp(f, in->partition_id, in->vp_index, &vp);
	if (status != HV_STATUS_SUCCESS)
		return status;
	partition_changed(vp->partition);
	vp_delete(vp);
	return HV_STATUS_SUCCESS;
}

static enum hv_status registers_prepare(struct hypercall_frame *f,
                                        struct vp **vp)
{
	const struct hv_input_vp_registers *in = f->in;
	enum hv_status status;

	status = find_vp(f, in->partition_id, in->vp_index, vp);
	if (status != HV_STATUS_SUCCESS)
		return status;
	if (in->target_vtl || in->rsvd_z[0] || in->rsvd_z[1] || in->rsvd_z[2])
		return HV_STATUS_INVALID_PARAMETER;
	return HV_STATUS_SUCCESS;
}

enum hv_status hvcall_get_vp_registers(struct hypercall_frame *f)
{
	const u32 *name = f->in_rep;
	union hv_register_value *out = f->out_rep;
	union hv_register_value value;
	struct vp *vp;
	enum hv_status status = registers_prepare(f, &vp);

	if (status != HV_STATUS_SUCCESS)
		return status;
	/* A register of a VP that executes is read where it stands still. */
	arch_vp_kick(vp);
	status = vp_reg_get(vp, *name, &value);
	if (status == HV_STATUS_SUCCESS)
		*out = value;
	return status;
}

enum hv_status hvcall_set_vp_registers(struct hypercall_frame *f)
{
	const struct hv_register_assoc *assoc = f->in_rep;
	struct vp *vp;
	enum hv_status status = registers_prepare(f, &vp);

	if (status != HV_STATUS_SUCCESS)
		return status;
	if (assoc->rsvd_z[0] || assoc->rsvd_z[1] || assoc->rsvd_z[2])
		return HV_STATUS_INVALID_PARAMETER;
	arch_vp_kick(vp);
	f->dear = vp_reg_is_dear(assoc->name);
	status = vp_reg_set(vp, assoc->name, &assoc->value);
	if (status == HV_STATUS_SUCCESS) {
		partition_changed(vp->partition);
		ready_wake(vp);
		vp->unjudged |= vp_reg_parts(assoc->name);
		vp->pdptes_stale |= vp_reg_loads_pdptes(assoc->name);
	}
	return status;
}

enum hv_status hvcall_install_intercept(struct hypercall_frame *f)
{
	const struct hv_input_install_intercept *in = f->in;
	struct partition *p;
	enum hv_status status =
		partition_find_active(f->from, in->partition_id, &p);

	if (status != HV_STATUS_SUCCESS)
		return status;
	return intercept_install(p, in->type, in->parameter, in->access_mask);
}
