/*
 * Streams of saved children in memory.
 */
#ifndef GUEST_SAVED_H
#define GUEST_SAVED_H

#include "parent/stream.h"

struct saved {
	u8 *data;
	u64 size; /* bytes of the stream */
	u64 room; /* bytes of the buffer */
};

/* A buffer of so many pages. What fails here fails the case. */
bool saved_begin(struct saved *s, u64 pages);
void saved_end(struct saved *s);

/* The whole stream of a partition; it must come to its end. */
bool saved_take(struct saved *s, u64 id, u32 flags);

/* Adds one piece. */
enum hv_status saved_take_piece(struct saved *s, u64 id, u32 flags, u32 *state);

/* Offers the stream in pieces of at most so many bytes. */
struct stream_outcome saved_offer(const struct saved *s, u64 id, u32 flags,
                                  u32 piece);

/* The same, and it must end well and take all bytes. */
bool saved_restore(const struct saved *s, u64 id, u32 piece);

#endif
