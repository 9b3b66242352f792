/*
 * What chunks share: their framing, and questions about their payloads.
 */
#ifndef HV_STREAM_H
#define HV_STREAM_H

#include "include/stream.h"

/* CRC-32C state that a chunk's header and payload checks begin with. */
u32 stream_seed(u64 stream_id, u64 sequence);

/* The check over a header's id, length and payload check. */
u32 stream_header_crc(u32 seed, const struct stream_header *h);

/* An id for a new stream, different from any other's. */
u64 stream_new_id(u64 partition_id);

/* Do two values of page MSRs, both enabled, mean the same page? */
bool stream_same_page(u64 a, u64 b);

#endif
