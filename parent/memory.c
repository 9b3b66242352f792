/*
 * Typed wrappers: pools, GPA maps, and reads and writes of child memory.
 */
#include "parent/memory.h"

#include "parent/hvcall.h"

#define MAP_MAX \
	((PAGE_SIZE - sizeof(struct hv_input_map_gpa_pages)) / sizeof(u64))
/* An unmapping has no list: only the count in the control word bounds it (12 bits). */
#define UNMAP_MAX HV_CONTROL_REP_MASK
/* HvReadGpa and HvWriteGpa move at most 16 bytes. */
#define ACCESS_MAX 16u

/* A call with more elements than fit into a block is not made. */
static enum hv_status refuse(u32 *done)
{
	if (done)
		*done = 0;
	return HV_STATUS_INVALID_PARAMETER;
}

enum hv_status memory_deposit(u64 id, const u64 *pages, u32 count, u32 *done)
{
	struct hv_input_deposit_memory *in = hvcall_input();

	/* The list and its header fill one page: a longer one would go on behind it. */
	if (count > MEMORY_DEPOSIT_MAX)
		return refuse(done);
	in->partition_id = id;
	__builtin_memcpy(in + 1, pages, count * sizeof(u64));
	return hvcall_rep(HVCALL_DEPOSIT_MEMORY, count, done);
}

enum hv_status memory_withdraw(u64 id, u64 *pages, u32 count, u32 *done)
{
	struct hv_input_withdraw_memory *in = hvcall_input_zeroed(sizeof(*in));
	enum hv_status status;
	u32 moved;

	/* Of output: each page that leaves the pool is a number of 8 bytes there. */
	if (count > MEMORY_WITHDRAW_MAX)
		return refuse(done);
	in->partition_id = id;
	status = hvcall_rep(HVCALL_WITHDRAW_MEMORY, count, &moved);
	/*
	 * Also when the call has failed: the pages that were taken out before that are
	 * the caller's, and nobody else knows their numbers.
	 */
	__builtin_memcpy(pages, hvcall_output(), moved * sizeof(u64));
	if (done)
		*done = moved;
	return status;
}

enum hv_status memory_get_balance(u64 id, u64 *available, u64 *in_use)
{
	struct hv_input_get_memory_balance *in =
		hvcall_input_zeroed(sizeof(*in));
	const struct hv_output_get_memory_balance *out = hvcall_output();
	enum hv_status status;

	in->partition_id = id;
	status = hvcall_simple(HVCALL_GET_MEMORY_BALANCE);
	if (status == HV_STATUS_SUCCESS) {
		*available = out->pages_available;
		*in_use = out->pages_in_use;
	}
	return status;
}

/* One call's worth of a mapping. */
static enum hv_status map_piece(u64 id, u64 gpn, u64 source, u32 count,
                                u32 flags, u32 *done)
{
	struct hv_input_map_gpa_pages *in = hvcall_input_zeroed(sizeof(*in));
	u64 *list = (u64 *)(in + 1);

	in->partition_id = id;
	in->target_gpa_base = gpn;
	in->map_flags = flags;
	for (u32 i = 0; i < count; i++)
		list[i] = source + i;
	return hvcall_rep(HVCALL_MAP_GPA_PAGES, count, done);
}

enum hv_status memory_map(u64 id, u64 gpn, u64 source, u64 count, u32 flags,
                          u64 *done)
{
	enum hv_status status = HV_STATUS_SUCCESS;
	u64 mapped = 0;
	u32 piece, moved = 1;

	/*
	 * A block takes 511 pages at most. A call that succeeds and moves nothing would be made
	 * for ever: it ends the loop, and the caller sees it in *done.
	 */
	while (mapped < count && status == HV_STATUS_SUCCESS && moved) {
		piece = count - mapped < MAP_MAX ? (u32)(count - mapped)
		                                 : (u32)MAP_MAX;
		status = map_piece(id, gpn + mapped, source + mapped, piece,
		                   flags, &moved);
		mapped += moved;
	}
	if (done)
		*done = mapped;
	return status;
}

enum hv_status memory_unmap(u64 id, u64 gpn, u64 count)
{
	struct hv_input_unmap_gpa_pages *in = hvcall_input_zeroed(sizeof(*in));
	enum hv_status status = HV_STATUS_SUCCESS;
	u32 piece, done = 1;

	in->partition_id = id;
	/*
	 * Pages that are not mapped count as done, so this goes over holes; the input
	 * stays as it is but for the place, as the hypervisor does not write to it.
	 */
	while (count && status == HV_STATUS_SUCCESS && done) {
		piece = count < UNMAP_MAX ? (u32)count : (u32)UNMAP_MAX;
		in->target_gpa_base = gpn;
		status = hvcall_rep(HVCALL_UNMAP_GPA_PAGES, piece, &done);
		gpn += done;
		count -= done;
	}
	return status;
}

/* Bytes of the next access: at most 16, and not over the end of a page. */
static u32 access_size(u64 gpa, u64 left)
{
	u64 size = PAGE_SIZE - (gpa & (PAGE_SIZE - 1));

	if (size > left)
		size = left;
	return size < ACCESS_MAX ? (u32)size : ACCESS_MAX;
}

enum hv_status memory_read(u64 id, u32 vp, u64 gpa, void *data, u64 size,
                           enum hv_access_gpa_result *access)
{
	struct hv_input_read_gpa *in = hvcall_input_zeroed(sizeof(*in));
	const struct hv_output_read_gpa *out = hvcall_output();
	u32 result = HV_ACCESS_GPA_SUCCESS;
	enum hv_status status;
	u8 *to = data;

	in->partition_id = id;
	in->vp_index = vp;
	/*
	 * As the VP would see it, overlay pages included. The status is about the call, the
	 * result about these bytes: an address without memory is a result.
	 */
	for (; size && result == HV_ACCESS_GPA_SUCCESS;
	     size -= in->byte_count, gpa += in->byte_count) {
		in->gpa = gpa;
		in->byte_count = access_size(gpa, size);
		status = hvcall_simple(HVCALL_READ_GPA);
		if (status != HV_STATUS_SUCCESS)
			return status;
		result = out->result;
		if (result == HV_ACCESS_GPA_SUCCESS)
			__builtin_memcpy(to, out->data, in->byte_count);
		to += in->byte_count;
	}
	if (access)
		*access = (enum hv_access_gpa_result)result;
	return HV_STATUS_SUCCESS;
}

enum hv_status memory_write(u64 id, u32 vp, u64 gpa, const void *data, u64 size,
                            enum hv_access_gpa_result *access)
{
	struct hv_input_write_gpa *in = hvcall_input_zeroed(sizeof(*in));
	const struct hv_output_write_gpa *out = hvcall_output();
	u32 result = HV_ACCESS_GPA_SUCCESS;
	enum hv_status status;
	const u8 *from = data;

	in->partition_id = id;
	in->vp_index = vp;
	/*
	 * What was written before an address without memory stays written: a caller that needs
	 * all or nothing asks memory_read first.
	 */
	for (; size && result == HV_ACCESS_GPA_SUCCESS;
	     size -= in->byte_count, gpa += in->byte_count) {
		in->gpa = gpa;
		in->byte_count = access_size(gpa, size);
		__builtin_memcpy(in->data, from, in->byte_count);
		status = hvcall_simple(HVCALL_WRITE_GPA);
		if (status != HV_STATUS_SUCCESS)
			return status;
		result = out->result;
		from += in->byte_count;
	}
	if (access)
		*access = (enum hv_access_gpa_result)result;
	return HV_STATUS_SUCCESS;
}
