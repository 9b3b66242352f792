/*
 * Written from include/stream.h alone, with CRCs a bit at a time: it does not
 * share a mistake with hv/.
 */
#include "tests/host/fake_forge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static u32 crc(u32 state, const void *data, u32 bytes)
{
	static u32 table[256];
	const u8 *at = data;

	for (u32 i = 1; table[255] == 0 && i < 256; i++) {
		table[i] = i;
		for (u32 k = 0; k < 8; k++)
			table[i] = table[i] >> 1 ^
			           (table[i] & 1 ? 0x82f63b78u : 0);
	}
	for (state = ~state; bytes > 0; bytes--)
		state = state >> 8 ^ table[(state ^ *at++) & 0xff];
	return ~state;
}

static u32 seed_of(u64 stream_id, u64 number)
{
	u64 words[2] = { number ? stream_id : 0, number };

	return crc(0, words, sizeof(words));
}

static u32 header_crc(u32 seed, const struct stream_header *h)
{
	u32 words[3] = { h->id, h->length, h->payload_crc };

	return crc(seed, words, sizeof(words));
}

void forge_open(struct forge *f, const struct guest_stream *s)
{
	u32 at = 0, headers = 0;
	u64 stream_id = 0;

	for (f->count = 0; at < s->size; f->count++) {
		struct forge_chunk *c = &f->chunks[f->count];
		struct stream_header h;
		u32 seed = seed_of(stream_id, f->count);

		assert_true(f->count < FORGE_CHUNKS && at + 16 <= s->size);
		memcpy(&h, s->data + at, 16);
		assert_true(h.length <= s->size - at - 16);
		assert_int_equal(h.length % STREAM_ALIGN, 0);
		c->id = h.id;
		c->length = h.length;
		memcpy(c->payload, s->data + at + 16, h.length);
		assert_int_equal(h.header_crc, header_crc(seed, &h));
		assert_int_equal(h.payload_crc,
		                 h.id == STREAM_EPILOG
		                         ? headers
		                         : crc(seed, c->payload, h.length));
		headers = crc(headers, &h, 16);
		if (h.id == STREAM_PROLOG)
			memcpy(&stream_id, c->payload + 32, 8);
		at += 16 + h.length;
	}
}

void forge_close(const struct forge *f, struct guest_stream *s)
{
	u32 headers = 0;
	u64 stream_id;

	memcpy(&stream_id, f->chunks[0].payload + 32, 8);
	free(s->data);
	s->room = f->count * (16 + STREAM_PAYLOAD_MAX);
	s->data = malloc(s->room);
	s->size = 0;
	for (u32 i = 0; i < f->count; i++) {
		const struct forge_chunk *c = &f->chunks[i];
		struct stream_header h = { c->id, c->length, 0, headers };
		u32 seed = seed_of(stream_id, i);

		if (c->id != STREAM_EPILOG)
			h.payload_crc = crc(seed, c->payload, c->length);
		h.header_crc = header_crc(seed, &h);
		headers = crc(headers, &h, 16);
		memcpy(s->data + s->size, &h, 16);
		memcpy(s->data + s->size + 16, c->payload, c->length);
		s->size += 16 + c->length;
	}
}

struct forge_chunk *forge_find(struct forge *f, u32 id, u32 n)
{
	for (u32 i = 0; i < f->count; i++)
		if (f->chunks[i].id == id && n-- == 0)
			return &f->chunks[i];
	return NULL;
}

void forge_remove(struct forge *f, u32 at)
{
	f->count--;
	memmove(&f->chunks[at], &f->chunks[at + 1],
	        (f->count - at) * sizeof(f->chunks[0]));
}

void forge_insert(struct forge *f, u32 at, const struct forge_chunk *chunk)
{
	struct forge_chunk copy = *chunk;

	assert_true(f->count < FORGE_CHUNKS);
	memmove(&f->chunks[at + 1], &f->chunks[at],
	        (f->count - at) * sizeof(f->chunks[0]));
	f->chunks[at] = copy;
	f->count++;
}
