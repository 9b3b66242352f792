/*
 * Typed wrappers of the save and restore hypercalls, and the loops over them.
 */
#include "parent/stream.h"

#include "parent/cpu.h"
#include "parent/hvcall.h"

/* Calls in a row without a byte after which we no longer believe in an end. */
#define IDLE_MAX 1000000u

enum hv_status stream_save_piece(u64 id, u32 flags, u8 *data, u32 *count,
                                 u32 *state)
{
	struct hv_input_save_partition_state *in =
		hvcall_input_zeroed(sizeof(*in));
	const struct hv_output_save_partition_state *out = hvcall_output();
	enum hv_status status;

	in->partition_id = id;
	in->flags = flags;
	status = hvcall_simple(HVCALL_SAVE_PARTITION_STATE);
	if (status != HV_STATUS_SUCCESS)
		return status;
	*state = out->save_state;
	/* More than that is not in the block, and data has no room for it. */
	*count = out->save_data_count < HV_SAVE_DATA_MAX ? out->save_data_count
	                                                 : HV_SAVE_DATA_MAX;
	cpu_copy(data, out->save_data, *count);
	return status;
}

enum hv_status stream_restore_piece(u64 id, u32 flags, const u8 *data,
                                    u32 count, u32 *consumed, u32 *state)
{
	struct hv_input_restore_partition_state *in = hvcall_input();
	const struct hv_output_restore_partition_state *out = hvcall_output();
	enum hv_status status;

	if (count > HV_SAVE_DATA_MAX)
		return HV_STATUS_INVALID_PARAMETER;
	in->partition_id = id;
	in->flags = flags;
	in->restore_data_count = count;
	/* A START without data is a call too: null may not be copied from. */
	if (count)
		cpu_copy(in->restore_data, data, count);
	status = hvcall_simple(HVCALL_RESTORE_PARTITION_STATE);
	/*
	 * Fewer bytes may be consumed than were offered, as each call has a budget: the rest is
	 * offered again.
	 */
	if (status == HV_STATUS_SUCCESS) {
		*state = out->restore_state;
		*consumed = out->restore_data_consumed;
	}
	return status;
}

bool stream_is_complete(const struct stream_outcome *o)
{
	/*
	 * A summary that was found good ends with Restorable, all else that is good with
	 * Complete (TLFS 2.0a chapter 17).
	 */
	return o->status == HV_STATUS_SUCCESS && !o->stopped &&
	       (o->state == HV_STATE_COMPLETE ||
	        o->state == HV_STATE_RESTORABLE);
}

/* True: the call failed for want of pool pages, and now there are more. */
static bool deposited(enum hv_status status, const struct stream_client *client)
{
	return status == HV_STATUS_INSUFFICIENT_MEMORY && client->deposit &&
	       client->deposit(client->context);
}

static void count_piece(struct stream_outcome *o, u32 bytes,
                        const struct stream_client *client)
{
	o->bytes += bytes;
	o->pieces++;
	if (client->progress)
		client->progress(client->context, o->bytes, o->pieces);
}

/*
 * A call that fails with INSUFFICIENT_MEMORY is made again as it was, with START
 * if it had it: the failed one has opened nothing.
 */
struct stream_outcome stream_save(u64 id, u32 flags,
                                  const struct stream_client *client)
{
	struct stream_outcome o = { .state = HV_STATE_INCOMPLETE };
	u32 start = HV_SAVE_RESTORE_STATE_START, count, idle = 0;
	static u8 data[HV_SAVE_DATA_MAX];

	while (o.state == HV_STATE_INCOMPLETE && idle < IDLE_MAX) {
		do
			o.status = stream_save_piece(id, flags | start, data,
			                             &count, &o.state);
		while (deposited(o.status, client));
		if (o.status != HV_STATUS_SUCCESS)
			return o;
		/*
		 * START once: a second one would begin the process anew, and the bytes so far would
		 * be of another stream.
		 */
		start = 0;
		idle = count ? 0 : idle + 1;
		if (count && !client->put(client->context, data, count)) {
			o.stopped = true;
			return o;
		}
		count_piece(&o, count, client);
	}
	return o;
}

/* The next bytes to offer: how many, at most piece. */
static u32 next_bytes(const struct stream_client *client, u64 offset, u32 piece,
                      const u8 **data)
{
	u64 count = 0;

	/*
	 * The client says how many bytes lie in one row, which may be the whole file; how many
	 * are offered is ours to choose. Tests offer single bytes.
	 */
	*data = client->get(client->context, offset, &count);
	if (!*data)
		return 0;
	return count < piece ? (u32)count : piece;
}

struct stream_outcome stream_restore(u64 id, u32 flags, u32 piece,
                                     const struct stream_client *client)
{
	struct stream_outcome o = { .state = HV_STATE_INCOMPLETE };
	u32 start = HV_SAVE_RESTORE_STATE_START, count, consumed, idle = 0;
	const u8 *data;

	while (o.state == HV_STATE_INCOMPLETE && idle < IDLE_MAX) {
		count = next_bytes(client, o.bytes, piece, &data);
		/*
		 * The end of the bytes, and the hypervisor wants more: state stays Incomplete. Even a
		 * file of no bytes is offered once, to get that answer.
		 */
		if (count == 0 && !start)
			break;
		do
			o.status = stream_restore_piece(id, flags | start, data,
			                                count, &consumed,
			                                &o.state);
		while (deposited(o.status, client));
		if (o.status != HV_STATUS_SUCCESS)
			return o;
		start = 0;
		idle = consumed ? 0 : idle + 1;
		count_piece(&o, consumed, client);
	}
	return o;
}
