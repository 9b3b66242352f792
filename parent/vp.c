/*
 * Typed wrappers: virtual processors and their registers.
 */
#include "parent/vp.h"

#include "parent/hvcall.h"

enum hv_status vp_create(u64 id, u32 vp)
{
	struct hv_input_create_vp *in = hvcall_input_zeroed(sizeof(*in));

	in->partition_id = id;
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

	__builtin_memcpy(register_header(id, vp), names, count * sizeof(u32));
	status = hvcall_rep(HVCALL_GET_VP_REGISTERS, count, &moved);
	__builtin_memcpy(values, hvcall_output(), moved * sizeof(*values));
	if (done)
		*done = moved;
	return status;
}

enum hv_status vp_set_registers(u64 id, u32 vp,
                                const struct hv_register_assoc *list, u32 count,
                                u32 *done)
{
	__builtin_memcpy(register_header(id, vp), list, count * sizeof(*list));
	return hvcall_rep(HVCALL_SET_VP_REGISTERS, count, done);
}

enum hv_status vp_get_register(u64 id, u32 vp, enum hv_register_name name,
                               u64 *value)
{
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

	one.value.reg64 = value;
	return vp_set_registers(id, vp, &one, 1, NULL);
}
