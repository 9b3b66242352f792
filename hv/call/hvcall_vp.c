/*
 * Hypercalls on virtual processors (TLFS 10) and intercepts (TLFS 9).
 */
#include "hv/arch.h"
#include "hv/base/cpu.h"
#include "hv/base/cpus.h"
#include "hv/call/hypercall.h"
#include "hv/run/vp_life.h"
#include "hv/run/vp_reg.h"
#include "hv/vp/intercept.h"
#include "hv/vp/partition.h"
#include "hv/vp/ready.h"
#include "hv/vp/vp.h"

enum hv_status hvcall_create_vp(struct hypercall_frame *f)
{
	const struct hv_input_create_vp *in = f->in;

	/* One that is taken is as wrong as one that cannot be. */
	if (in->vp_index >= PARTITION_VPS || f->target->vps[in->vp_index])
		return HV_STATUS_INVALID_VP_INDEX;
	if (in->flags || in->proximity || in->subnode_type || in->rsvd[0] ||
	    in->rsvd[1] || in->rsvd[2])
		return HV_STATUS_INVALID_PARAMETER;
	/* It stays there: nothing moves it to another one. */
	return vp_create(f->target, in->vp_index, cpus_least());
}

enum hv_status hvcall_delete_vp(struct hypercall_frame *f)
{
	/* It was kicked by its row: no processor is in it. */
	vp_delete(f->target_vp);
	return HV_STATUS_SUCCESS;
}

/* Once an element, of the copy: a guest cannot change it between two of them. */
static bool list_is_valid(const struct hypercall_frame *f)
{
	const struct hv_input_vp_registers *in = f->in;

	return !in->target_vtl && !in->rsvd_z[0] && !in->rsvd_z[1] &&
	       !in->rsvd_z[2];
}

enum hv_status hvcall_get_vp_registers(struct hypercall_frame *f)
{
	const u32 *name = f->in_rep;
	union hv_register_value *out = f->out_rep;
	union hv_register_value value;
	enum hv_status status;

	if (!list_is_valid(f))
		return HV_STATUS_INVALID_PARAMETER;
	/* Not into the block: a register that fails must leave it as it is. */
	status = vp_reg_get(f->target_vp, *name, &value);
	if (status == HV_STATUS_SUCCESS)
		*out = value;
	return status;
}

enum hv_status hvcall_set_vp_registers(struct hypercall_frame *f)
{
	const struct hv_register_assoc *assoc = f->in_rep;
	struct vp *vp = f->target_vp;
	enum hv_status status;

	if (!list_is_valid(f) || assoc->rsvd_z[0] || assoc->rsvd_z[1] ||
	    assoc->rsvd_z[2])
		return HV_STATUS_INVALID_PARAMETER;
	/* One that moves an overlay, say: interrupts must not wait for 32 of them. */
	f->ends_turn = vp_reg_is_slow(assoc->name);
	status = vp_reg_set(vp, assoc->name, &assoc->value);
	/*
	 * Each register can hold its value; whether all together can be entered shows
	 * when the VP is to run, as a parent sets them one after the other.
	 */
	if (status == HV_STATUS_SUCCESS) {
		vp->unvalidated |= vp_reg_parts(assoc->name);
		vp->pdptes_stale |= vp_reg_loads_pdptes(assoc->name);
	}
	return status;
}

enum hv_status hvcall_install_intercept(struct hypercall_frame *f)
{
	const struct hv_input_install_intercept *in = f->in;

	return intercept_install(f->target, in->type, in->parameter,
	                         in->access_mask);
}
