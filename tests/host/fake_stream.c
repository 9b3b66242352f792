/*
 * The parent's loops around the save and the restore call.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/host/fake_guest.h"

#define CALLS_MAX 2000000u

static void append(struct guest_stream *s, const u8 *data, u32 size)
{
	if (!s->data || s->size + size > s->room) {
		s->room = (s->size + size) * 2 + 16;
		s->data = realloc(s->data, s->room);
		assert_non_null(s->data);
	}
	memcpy(s->data + s->size, data, size);
	s->size += size;
}

enum hv_status guest_save_call(u64 id, u32 flags, struct guest_stream *s,
                               u32 *result)
{
	struct hv_input_save_partition_state in = { id, flags, 0 };
	static struct hv_output_save_partition_state out;
	enum hv_status status = guest_call(HVCALL_SAVE_PARTITION_STATE, &in,
	                                   sizeof(in), &out, sizeof(out));

	if (status != HV_STATUS_SUCCESS)
		return status;
	assert_true(out.save_data_count <= HV_SAVE_DATA_MAX);
	append(s, out.save_data, out.save_data_count);
	s->calls++;
	*result = out.save_state;
	return status;
}

enum hv_status guest_save(u64 id, u32 flags, struct guest_stream *s,
                          u32 *result)
{
	enum hv_status status;

	s->size = s->calls = 0;
	status = guest_save_call(id, flags | GUEST_START, s, result);
	while (status == HV_STATUS_SUCCESS && *result == HV_STATE_INCOMPLETE &&
	       s->calls < CALLS_MAX)
		status = guest_save_call(id, flags, s, result);
	return status;
}

enum hv_status guest_restore_call(u64 id, u32 flags, const void *data, u32 size,
                                  u32 *result, u32 *consumed)
{
	static struct hv_input_restore_partition_state in;
	struct hv_output_restore_partition_state out;
	enum hv_status status;

	in.partition_id = id;
	in.flags = flags;
	in.restore_data_count = size;
	if (size)
		memcpy(in.restore_data, data, size);
	status = guest_call(HVCALL_RESTORE_PARTITION_STATE, &in, 16 + size,
	                    &out, sizeof(out));
	if (status != HV_STATUS_SUCCESS)
		return status;
	*result = out.restore_state;
	*consumed = out.restore_data_consumed;
	assert_true(*consumed <= size);
	return status;
}

/* Ends as well when all was taken and a call more brings nothing new. */
enum hv_status guest_restore(u64 id, u32 flags, const struct guest_stream *s,
                             u32 piece, u32 *result)
{
	enum hv_status status = HV_STATUS_SUCCESS;
	u32 consumed, at = 0, calls = 0, now = flags | GUEST_START;
	bool idle = false;

	*result = HV_STATE_INCOMPLETE;
	while (status == HV_STATUS_SUCCESS && *result == HV_STATE_INCOMPLETE) {
		u32 left = s->size - at;

		if (idle)
			break;
		idle = left == 0;
		status = guest_restore_call(id, now, s->data + at,
		                            left < piece ? left : piece, result,
		                            &consumed);
		now = flags;
		if (status == HV_STATUS_SUCCESS)
			at += consumed;
		assert_true(++calls < CALLS_MAX);
	}
	return status;
}

void guest_save_whole(u64 id, struct guest_stream *s)
{
	u32 result;

	assert_int_equal(guest_save(id, 0, s, &result), HV_STATUS_SUCCESS);
	assert_int_equal(result, HV_STATE_COMPLETE);
}

void guest_restore_whole(u64 id, const struct guest_stream *s, u32 piece)
{
	u32 result;

	assert_int_equal(guest_restore(id, 0, s, piece, &result),
	                 HV_STATUS_SUCCESS);
	assert_int_equal(result, HV_STATE_COMPLETE);
}

void guest_stream_free(struct guest_stream *s)
{
	free(s->data);
	*s = (struct guest_stream){ .data = NULL };
}
