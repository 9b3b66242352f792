/*
 * Typed wrappers: hypercalls on a whole partition.
 */
#include "parent/partition.h"

#include "parent/hvcall.h"

enum hv_status partition_create(u64 *id)
{
	const struct hv_output_create_partition *out = hvcall_output();
	enum hv_status status;

	/*
	 * Flags, proximity domain and compatibility all 0: a plain child, with no special
	 * powers over its own memory, on any node.
	 */
	hvcall_input_zeroed(sizeof(struct hv_input_create_partition));
	status = hvcall_simple(HVCALL_CREATE_PARTITION);
	if (status == HV_STATUS_SUCCESS)
		*id = out->partition_id;
	return status;
}

/*
 * The input of these is an id alone. A call that comes back with
 * INSUFFICIENT_MEMORY has changed nothing: it is made again as it was, behind a
 * deposit.
 */
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
	/* The reserved words behind it are zero already: else the call is malformed. */
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

	/* The same input begins both calls, but here a value follows. */
	in->partition_id = id;
	in->property = which;
	in->value = value;
	return hvcall_simple(HVCALL_SET_PARTITION_PROPERTY);
}

enum hv_status partition_get_id(u64 *id)
{
	const struct hv_output_get_partition_id *out = hvcall_output();
	/*
	 * The output block is written by SUCCESS alone; what an earlier call left in it must
	 * not be taken for an id.
	 */
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

	/*
	 * There is no list of children: the one before is the place in it. A child that goes
	 * in between is no trouble, as ids only grow.
	 */
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
	/*
	 * All of the block is written here, so nothing of the call before is left in it. The
	 * last one installed for a port, a leaf or a vector replaces the one before.
	 */
	in->access_mask = access;
	in->type = type;
	in->parameter = parameter;
	return hvcall_simple(HVCALL_INSTALL_INTERCEPT);
}

enum hv_status partition_assert_interrupt(u64 id, enum hv_interrupt_type type,
                                          u32 flags, u32 destination, u8 vector)
{
	struct hv_input_assert_virtual_interrupt *in =
		hvcall_input_zeroed(sizeof(*in));

	in->partition_id = id;
	in->type = type;
	in->control_flags = flags;
	in->destination = destination;
	in->vector = vector;
	return hvcall_simple(HVCALL_ASSERT_VIRTUAL_INTERRUPT);
}

enum hv_status partition_get_counters(
	u32 vp_index, u32 *place, const struct hv_output_get_counters **rows)
{
	struct hv_input_get_counters *in = hvcall_input();
	const struct hv_output_get_counters *out = hvcall_output();
	enum hv_status status;

	*in = (struct hv_input_get_counters){ HV_PARTITION_ID_SELF, vp_index,
		                              *place };
	status = hvcall_simple(HVCALL_STASIS_GET_COUNTERS);
	if (status != HV_STATUS_SUCCESS)
		return status;
	*place = out->next;
	*rows = out;
	return HV_STATUS_SUCCESS;
}

enum hv_status partition_read_log(u64 *position, u8 *data, u32 *count)
{
	struct hv_input_read_log *in = hvcall_input();
	const struct hv_output_read_log *out = hvcall_output();
	enum hv_status status;

	/*
	 * Where a reader is too slow the ring has gone on: the answer says where what it
	 * returns begins, which may be behind the place that was asked for.
	 */
	in->position = *position;
	status = hvcall_simple(HVCALL_STASIS_READ_LOG);
	if (status != HV_STATUS_SUCCESS)
		return status;
	/* The caller has room for one piece, whatever the count is. */
	*count = out->count < PARTITION_LOG_PIECE ? out->count
	                                          : PARTITION_LOG_PIECE;
	__builtin_memcpy(data, out->data, *count);
	*position = out->position + *count;
	return status;
}
