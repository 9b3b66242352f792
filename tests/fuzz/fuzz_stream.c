/*
 * Streams in pieces, and the way back, written from the format's description.
 */
#include "tests/fuzz/fuzz_stream.h"

#include <string.h>

/* CRC-32C by the processor's instruction. */
static u32 crc(u32 state, const void *data, size_t size)
{
	const u8 *at = data;
	u64 word, sum = ~state;

	for (; size >= sizeof(word); size -= sizeof(word), at += sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		sum = __builtin_ia32_crc32di(sum, word);
	}
	state = (u32)sum;
	for (; size > 0; size--, at++)
		state = __builtin_ia32_crc32qi(state, *at);
	return ~state;
}

static u32 seed_of(u64 stream_id, u64 sequence)
{
	u64 words[2] = { sequence ? stream_id : 0, sequence };

	return crc(0, words, sizeof(words));
}

void fuzz_chunks_empty(struct fuzz_chunks *c, struct fuzz_chunk *room)
{
	c->count = 0;
	for (u32 i = 0; i < FUZZ_CHUNKS; i++)
		c->at[i] = &room[i];
}

bool fuzz_chunks_split(struct fuzz_chunks *c, const u8 *data, u32 size)
{
	struct stream_header h;
	u32 at = 0;

	for (c->count = 0; at + sizeof(h) <= size; c->count++) {
		struct fuzz_chunk *chunk;

		memcpy(&h, data + at, sizeof(h));
		at += (u32)sizeof(h);
		if (c->count == FUZZ_CHUNKS || h.length > STREAM_PAYLOAD_MAX ||
		    h.length > size - at)
			return false;
		chunk = c->at[c->count];
		chunk->id = h.id;
		chunk->length = h.length;
		chunk->header_xor = chunk->payload_xor = 0;
		memcpy(chunk->payload, data + at, h.length);
		at += h.length;
	}
	return at == size;
}

/* The stream's id is the PROLOG's, wherever that has come to lie. */
static u64 id_of(const struct fuzz_chunks *c)
{
	u64 id = 0;

	if (c->count)
		memcpy(&id,
		       c->at[0]->payload +
		               offsetof(struct stream_prolog, stream_id),
		       sizeof(id));
	return id;
}

static struct stream_header seal(const struct fuzz_chunk *chunk, u32 seed,
                                 u32 headers)
{
	struct stream_header h = { .id = chunk->id, .length = chunk->length };
	u32 words[3] = { h.id, h.length, 0 };

	h.payload_crc = h.id == STREAM_EPILOG
	                        ? headers
	                        : crc(seed, chunk->payload, h.length);
	h.payload_crc ^= chunk->payload_xor;
	words[2] = h.payload_crc;
	h.header_crc = crc(seed, words, sizeof(words)) ^ chunk->header_xor;
	return h;
}

const u8 *fuzz_chunks_join(const struct fuzz_chunks *c, u32 *size)
{
	u64 id = id_of(c);
	u32 headers = 0;
	static u8 data[FUZZ_CHUNKS * (sizeof(struct stream_header) +
	                              STREAM_PAYLOAD_MAX + 16)];

	*size = 0;
	for (u32 i = 0; i < c->count; i++) {
		struct stream_header h =
			seal(c->at[i], seed_of(id, i), headers);

		headers = crc(headers, &h, sizeof(h));
		memcpy(data + *size, &h, sizeof(h));
		*size += (u32)sizeof(h);
		memcpy(data + *size, c->at[i]->payload, c->at[i]->length);
		*size += c->at[i]->length;
	}
	return data;
}

void fuzz_chunk_remove(struct fuzz_chunks *c, u32 at)
{
	struct fuzz_chunk *gone;

	if (at >= c->count)
		return;
	gone = c->at[at];
	c->count--;
	memmove(&c->at[at], &c->at[at + 1], (c->count - at) * sizeof(c->at[0]));
	c->at[c->count] = gone;
}

void fuzz_chunk_insert(struct fuzz_chunks *c, u32 at,
                       const struct fuzz_chunk *chunk)
{
	struct fuzz_chunk *added;

	if (c->count == FUZZ_CHUNKS || at > c->count)
		return;
	added = c->at[c->count];
	*added = *chunk;
	memmove(&c->at[at + 1], &c->at[at], (c->count - at) * sizeof(c->at[0]));
	c->at[at] = added;
	c->count++;
}
