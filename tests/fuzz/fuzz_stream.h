/*
 * A stream as a list of chunks that can be changed, and put together again with
 * checks that hold. Shares nothing with the core but the layout.
 */
#ifndef FUZZ_STREAM_H
#define FUZZ_STREAM_H

#include "include/stream.h"
#include "tests/fuzz/fuzz_input.h"

#define FUZZ_CHUNKS 256u

struct fuzz_chunk {
	u32 id;
	u32 length;
	u32 header_xor; /* spoils the checks, when not 0 */
	u32 payload_xor;
	u8 payload[STREAM_PAYLOAD_MAX + 16]; /* behind its end: anything */
};

/* Chunks keep where they lie, and only their order changes: they are large. */
struct fuzz_chunks {
	u32 count;
	struct fuzz_chunk *at[FUZZ_CHUNKS]; /* behind `count`: room */
};

/* None yet; `room` has FUZZ_CHUNKS. */
void fuzz_chunks_empty(struct fuzz_chunks *c, struct fuzz_chunk *room);

/* False: not a stream, or more chunks than there is room for. */
bool fuzz_chunks_split(struct fuzz_chunks *c, const u8 *data, u32 size);

/* All chunks, all checks repaired; good until the next one is joined. */
const u8 *fuzz_chunks_join(const struct fuzz_chunks *c, u32 *size);

void fuzz_chunk_remove(struct fuzz_chunks *c, u32 at);
void fuzz_chunk_insert(struct fuzz_chunks *c, u32 at,
                       const struct fuzz_chunk *chunk);

#endif
