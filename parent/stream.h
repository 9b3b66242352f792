/*
 * Saving a partition into a stream and restoring it: one piece at a time, and
 * the loops over all pieces.
 */
#ifndef STASIS_PARENT_STREAM_H
#define STASIS_PARENT_STREAM_H

#include "include/tlfs.h"

/*
 * One call. flags: HV_SAVE_RESTORE_STATE_*. data of a save has room for
 * HV_SAVE_DATA_MAX bytes; state is an enum hv_save_restore_result. The other
 * words are set only when the status is SUCCESS.
 */
enum hv_status stream_save_piece(u64 id, u32 flags, u8 *data, u32 *count,
                                 u32 *state);
enum hv_status stream_restore_piece(u64 id, u32 flags, const u8 *data,
                                    u32 count, u32 *consumed, u32 *state);

/* What the loops ask of their caller; context goes to every function. */
struct stream_client {
	void *context;
	/* Save: takes bytes. False ends the save. */
	bool (*put)(void *context, const u8 *data, u32 count);
	/*
	 * Restore: the bytes from offset on, *count of them in one row, at
	 * least one; null at the end of the stream.
	 */
	const u8 *(*get)(void *context, u64 offset, u64 *count);
	/* Adds pages to the caller's own pool. False: there are none left. */
	bool (*deposit)(void *context);
	/* After every piece. May be null. */
	void (*progress)(void *context, u64 bytes, u64 pieces);
};

struct stream_outcome {
	enum hv_status status; /* of the last call */
	u32 state;             /* valid if status is SUCCESS */
	bool stopped;          /* the client's put said no */
	u64 bytes;             /* put, or consumed */
	u64 pieces;            /* calls that succeeded */
};

/* flags: 0, or HV_SAVE_RESTORE_STATE_SUMMARY; START is for the loops to set. */
struct stream_outcome stream_save(u64 id, u32 flags,
                                  const struct stream_client *client);

/*
 * piece: most bytes that are offered in a call, 1 to HV_SAVE_DATA_MAX. A stream
 * that ends too early leaves state at Incomplete.
 */
struct stream_outcome stream_restore(u64 id, u32 flags, u32 piece,
                                     const struct stream_client *client);

/* True: the save or restore came to its good end. */
bool stream_is_complete(const struct stream_outcome *outcome);

#endif
