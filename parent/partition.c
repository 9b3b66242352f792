/*
 * Typed wrappers: hypercalls on a whole partition.
 */
#include "parent/partition.h"

#include "parent/hvcall.h"

enum hv_status partition_create(u64 *id)
{
	const struct hv_output_create_partition *out = hvcall_output();
	enum hv_status status;

	hvcall_input_zeroed(sizeof(struct hv_input_create_partition));
	status = hvcall_simple(HVCALL_CREATE_PARTITION);
	if (status == HV_STATUS_SUCCESS)
		*id = out->partition_id;
	return status;
}

static enum hv_status call_with_id(enum hvcall_code code, u64 id)
{
	struct hv_input_partition *in = hvcall_input();

	in->partition_id = id;
	return hvcall_simple(code);
}

enum hv_status partition_initialize(u64 id)
{
	return call_with_id(HVCALL_INITIALIZE_PARTITION, id);
}

enum hv_status partition_finalize(u64 id)
{
	return call_with_id(HVCALL_FINALIZE_PARTITION, id);
}

enum hv_status partition_delete(u64 id)
{
	return call_with_id(HVCALL_DELETE_PARTITION, id);
}

enum hv_status partition_get_property(u64 id, enum hv_partition_property which,
                                      u64 *value)
{
	struct hv_input_get_partition_property *in =
		hvcall_input_zeroed(sizeof(*in));
	const struct hv_output_get_partition_property *out = hvcall_output();
	enum hv_status status;

	in->partition_id = id;
	in->property = which;
	status = hvcall_simple(HVCALL_GET_PARTITION_PROPERTY);
	if (status == HV_STATUS_SUCCESS)
		*value = out->value;
	return status;
}

enum hv_status partition_set_property(u64 id, enum hv_partition_property which,
                                      u64 value)
{
	struct hv_input_set_partition_property *in =
		hvcall_input_zeroed(sizeof(*in));

	in->partition_id = id;
	in->property = which;
	in->value = value;
	return hvcall_simple(HVCALL_SET_PARTITION_PROPERTY);
}

enum hv_status partition_get_id(u64 *id)
{
	const struct hv_output_get_partition_id *out = hvcall_output();
	enum hv_status status = hvcall_simple(HVCALL_GET_PARTITION_ID);

	if (status == HV_STATUS_SUCCESS)
		*id = out->partition_id;
	return status;
}

enum hv_status partition_next_child(u64 parent, u64 previous, u64 *child)
{
	struct hv_input_get_next_child *in = hvcall_input();
	const struct hv_output_get_next_child *out = hvcall_output();
	enum hv_status status;

	in->parent_id = parent;
	in->previous_id = previous;
	status = hvcall_simple(HVCALL_GET_NEXT_CHILD_PARTITION);
	if (status == HV_STATUS_SUCCESS)
		*child = out->partition_id;
	return status;
}

enum hv_status partition_install_intercept(u64 id, enum hv_intercept_type type,
                                           u64 parameter, u32 access)
{
	struct hv_input_install_intercept *in = hvcall_input();

	in->partition_id = id;
	in->access_mask = access;
	in->type = type;
	in->parameter = parameter;
	return hvcall_simple(HVCALL_INSTALL_INTERCEPT);
}

enum hv_status partition_read_log(u64 *position, u8 *data, u32 *count)
{
	struct hv_input_read_log *in = hvcall_input();
	const struct hv_output_read_log *out = hvcall_output();
	enum hv_status status;

	in->position = *position;
	status = hvcall_simple(HVCALL_STASIS_READ_LOG);
	if (status != HV_STATUS_SUCCESS)
		return status;
	__builtin_memcpy(data, out->data, out->count);
	*position = out->position + out->count;
	*count = out->count;
	return status;
}
