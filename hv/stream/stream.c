/*
 * Framing: what binds a chunk to its stream and to its place in it; and what the
 * payloads of several kinds are asked.
 */
#include "hv/stream/stream.h"

#include "hv/arch.h"
#include "lib/crc32c.h"

u32 stream_seed(u64 stream_id, u64 sequence)
{
	/* So no chunk checks in another place, nor in another stream. */
	u64 seed[2] = { stream_id, sequence };

	return crc32c(0, seed, sizeof(seed));
}

u32 stream_header_crc(u32 seed, const struct stream_header *h)
{
	u32 words[3] = { h->id, h->length, h->payload_crc };

	return crc32c(seed, words, sizeof(words));
}

/* Spreads every bit of its input over all of its output, one to one. */
static u64 mix(u64 x)
{
	x ^= x >> 31;
	x *= 0x9e3779b97f4a7c15ull;
	x ^= x >> 29;
	x *= 0xd6e8feb86659fd93ull;
	return x ^ x >> 32;
}

u64 stream_new_id(u64 partition_id)
{
	/* Of the machine: two streams of one tick differ by it. */
	static u64 count;

	return mix(arch_tsc() + mix(++count + mix(partition_id)));
}

bool stream_same_page(u64 a, u64 b)
{
	return (a & b & HV_MSR_PAGE_ENABLE) &&
	       a >> PAGE_SHIFT == b >> PAGE_SHIFT;
}
