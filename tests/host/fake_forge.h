/*
 * Streams taken apart and put together again, with checks that hold: what a
 * hostile source can make, as against what a damaged disk does.
 */
#ifndef FAKE_FORGE_H
#define FAKE_FORGE_H

#include "include/stream.h"
#include "tests/host/fake_guest.h"

struct forge_chunk {
	u32 id;
	u32 length;
	u8 payload[STREAM_PAYLOAD_MAX];
};

#define FORGE_CHUNKS 128
struct forge {
	struct forge_chunk chunks[FORGE_CHUNKS];
	u32 count;
};

/* A stream's chunks. Fails the test where a header does not hold. */
void forge_open(struct forge *f, const struct guest_stream *s);

/* The stream of these chunks, all checks made anew. */
void forge_close(const struct forge *f, struct guest_stream *s);

/* The n-th chunk of an id, from 0; NULL: there is none. */
struct forge_chunk *forge_find(struct forge *f, u32 id, u32 n);

void forge_remove(struct forge *f, u32 at);
/* A copy of *chunk becomes number `at`. */
void forge_insert(struct forge *f, u32 at, const struct forge_chunk *chunk);

#endif
