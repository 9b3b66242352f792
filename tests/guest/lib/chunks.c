/*
 * Streams taken apart, and given right checks again (docs/stream.md 2).
 */
#include "tests/guest/lib/chunks.h"

#include "tests/guest/lib/insn.h"

static u32 crc_add(u32 state, const void *data, u64 size)
{
	const u64 *words = data;
	u64 crc = state;

	for (; size >= 8; size -= 8)
		crc = insn_crc32(crc, *words++);
	return (u32)crc;
}

/* Every chunk begins as one of this stream and of this place in it. */
static u32 seeded(u64 stream_id, u64 sequence)
{
	u64 seed[2] = { stream_id, sequence };

	return crc_add(~0u, seed, sizeof(seed));
}

static struct stream_header *header_at(const struct saved *s, u64 at)
{
	return (struct stream_header *)(void *)(s->data + at);
}

void *chunks_find(const struct saved *s, u32 id, u32 *length)
{
	u64 at = 0;

	while (at + sizeof(struct stream_header) <= s->size) {
		const struct stream_header *h = header_at(s, at);

		*length = h->length;
		if (h->id == id)
			return s->data + at + sizeof(*h);
		at += sizeof(*h) + h->length;
	}
	return NULL;
}

static void seal_header(struct stream_header *h, u32 seed)
{
	const struct {
		u32 id, length, payload_crc;
	} words = { h->id, h->length, h->payload_crc };
	u32 crc = crc_add(seed, &words, 8);

	h->header_crc = ~insn_crc32_4(crc, words.payload_crc);
}

void chunks_seal(const struct saved *s)
{
	const struct stream_prolog *prolog =
		(const struct stream_prolog *)(header_at(s, 0) + 1);
	u32 headers = ~0u, seed;
	u64 at = 0;

	for (u64 n = 0; at < s->size; n++) {
		struct stream_header *h = header_at(s, at);

		seed = seeded(n ? prolog->stream_id : 0, n);
		h->payload_crc = h->id == STREAM_EPILOG
		                         ? ~headers
		                         : ~crc_add(seed, h + 1, h->length);
		seal_header(h, seed);
		headers = crc_add(headers, h, sizeof(*h));
		at += sizeof(*h) + h->length;
	}
}
