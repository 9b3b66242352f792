/*
 * Typed wrappers: virtual processors and their registers.
 */
#include "parent/vp.h"

#include "parent/hvcall.h"

enum hv_status vp_create(u64 id, u32 vp)
{
	struct hv_input_create_vp *in = hvcall_input_zeroed(sizeof(*in));

	in->partition_id = id;
	/*
	 * Subnode and flags stay 0: any node, no special kind. The pages that this takes are
	 * of the child's own pool.
	 */
	in->vp_index = vp;
	return hvcall_simple(HVCALL_CREATE_VP);
}

enum hv_status vp_delete(u64 id, u32 vp)
{
	struct hv_input_delete_vp *in = hvcall_input_zeroed(sizeof(*in));

	in->partition_id = id;
	in->vp_index = vp;
	return hvcall_simple(HVCALL_DELETE_VP);
}

/*
 * Both directions begin alike, and what follows is an array behind the header: of
 * names, or of names with values. The input VTL is 0, the only one.
 */
static void *register_header(u64 id, u32 vp)
{
	struct hv_input_vp_registers *in = hvcall_input_zeroed(sizeof(*in));

	in->partition_id = id;
	in->vp_index = vp;
	return in + 1;
}

enum hv_status vp_get_registers(u64 id, u32 vp, const u32 *names, u32 count,
                                union hv_register_value *values, u32 *done)
{
	enum hv_status status;
	u32 moved;

	/* Output has 16 bytes for each of them, and is one page. */
	if (count > VP_GET_MAX) {
		if (done)
			*done = 0;
		return HV_STATUS_INVALID_PARAMETER;
	}
	__builtin_memcpy(register_header(id, vp), names, count * sizeof(u32));
	status = hvcall_rep(HVCALL_GET_VP_REGISTERS, count, &moved);
	/*
	 * What was read before a name that failed is good: hvctl regs goes on behind that
	 * name (INVALID_PARAMETER: this processor has no such register).
	 */
	__builtin_memcpy(values, hvcall_output(), moved * sizeof(*values));
	if (done)
		*done = moved;
	return status;
}

enum hv_status vp_set_registers(u64 id, u32 vp,
                                const struct hv_register_assoc *list, u32 count,
                                u32 *done)
{
	/* Input has 32 bytes for each behind its header. */
	if (count > VP_SET_MAX) {
		if (done)
			*done = 0;
		return HV_STATUS_INVALID_PARAMETER;
	}
	__builtin_memcpy(register_header(id, vp), list, count * sizeof(*list));
	return hvcall_rep(HVCALL_SET_VP_REGISTERS, count, done);
}

enum hv_status vp_get_register(u64 id, u32 vp, enum hv_register_name name,
                               u64 *value)
{
	/*
	 * A register of fewer bits comes zero-extended to 128: the low half is all of it. Those
	 * with more, such as XMM and segments, are for vp_get_registers.
	 */
	union hv_register_value result;
	enum hv_status status;
	u32 wire_name = name;

	status = vp_get_registers(id, vp, &wire_name, 1, &result, NULL);
	if (status == HV_STATUS_SUCCESS)
		*value = result.reg64;
	return status;
}

enum hv_status vp_set_register(u64 id, u32 vp, enum hv_register_name name,
                               u64 value)
{
	struct hv_register_assoc one = { .name = name };

	/* The other half stays 0: such a register has nothing there. */
	one.value.reg64 = value;
	return vp_set_registers(id, vp, &one, 1, NULL);
}
