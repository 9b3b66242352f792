/*
 * The save engine. A chunk is made in the context's buffer, or its payload is
 * a page of the target; then header and payload are handed out in pieces.
 */
#include "hv/save.h"

#include "hv/arch.h"
#include "hv/chunk.h"
#include "hv/crc32c.h"
#include "hv/stream.h"

#define HEADER ((u32)sizeof(struct stream_header))

/* Where the walk goes on when a row has no more chunks. */
static void next_row(struct context *c, const struct chunk_kind *kinds)
{
	u32 flags = kinds[c->row].flags;

	c->row++;
	if (!(flags & CHUNK_VP_LAST))
		return;
	/* Back to the first row of the group, for the next VP. */
	c->vp++;
	while (!(kinds[c->row].flags & CHUNK_VP_FIRST))
		c->row--;
}

/* When the VP row finds no further VP, its whole group is done. */
static void skip_row(struct context *c, const struct chunk_kind *kinds)
{
	if (kinds[c->row].flags & CHUNK_VP_FIRST) {
		while (!(kinds[c->row].flags & CHUNK_VP_LAST))
			c->row++;
		c->row++;
	} else {
		next_row(c, kinds);
	}
}

/* Makes the next chunk. False: the budget is used up. */
static bool make_chunk(struct context *c)
{
	u32 count;
	const struct chunk_kind *kinds = chunk_table(&count);
	enum chunk_saved saved = CHUNK_NONE;

	while (saved == CHUNK_NONE) {
		const struct chunk_kind *k = &kinds[c->row];

		c->payload = c->buffer;
		c->header.id = k->id;
		if (k->save && (!c->summary || (k->flags & CHUNK_SUMMARY)))
			saved = k->save(c);
		if (saved == CHUNK_LATER)
			return false;
		if (saved == CHUNK_NONE)
			skip_row(c, kinds);
		else if (saved == CHUNK_ONE)
			next_row(c, kinds);
	}
	c->open = true;
	c->at = 0;
	return true;
}

/*
 * A page of the target is read once: what fits goes straight out, the rest is
 * kept in the buffer, and the check is over these copies. So a parent that
 * writes to the page meanwhile cannot make a stream that contradicts itself.
 */
static u32 copy_page(struct context *c, u8 *out, u32 room, u32 seed)
{
	u32 now = room < PAGE_SIZE ? room : PAGE_SIZE;
	u32 crc;

	arch_copy(out, c->payload, now);
	arch_copy(c->buffer + now, c->payload + now, PAGE_SIZE - now);
	crc = crc32c(seed, out, now);
	c->header.payload_crc = crc32c(crc, c->buffer + now, PAGE_SIZE - now);
	c->payload = c->buffer;
	return now;
}

/* Seals the chunk: its header goes out with what of the payload is ready. */
static u32 begin_chunk(struct context *c, u8 *out, u32 room)
{
	bool prolog = c->header.id == STREAM_PROLOG;
	u32 seed = stream_seed(prolog ? 0 : c->stream_id, c->sequence);
	u32 done = HEADER;

	if (c->header.id == STREAM_EPILOG)
		c->header.payload_crc = c->headers_crc;
	else if (c->payload != c->buffer)
		done += copy_page(c, out + HEADER, room - HEADER, seed);
	else
		c->header.payload_crc =
			crc32c(seed, c->payload, c->header.length);
	c->header.header_crc = stream_header_crc(seed, &c->header);
	c->headers_crc = crc32c(c->headers_crc, &c->header, HEADER);
	arch_copy(out, &c->header, HEADER);
	c->sequence++;
	return done;
}

/* Hands out as much of the open chunk as there is room for. */
static u32 emit(struct context *c, u8 *out, u32 room)
{
	u32 total = HEADER + c->header.length;
	u32 done = 0;
	u32 left;

	if (c->at == 0)
		c->at = done = begin_chunk(c, out, room);
	left = total - c->at;
	if (left > room - done)
		left = room - done;
	arch_copy(out + done, c->payload + (c->at - HEADER), left);
	c->at += left;
	c->open = c->at < total;
	return done + left;
}

enum hv_save_restore_result save_run(struct context *c, u8 *out, u32 size,
                                     u32 *count)
{
	bool last = false;

	*count = 0;
	c->budget = CONTEXT_BUDGET;
	while (*count < size) {
		if (!c->open && !make_chunk(c))
			break;
		*count += emit(c, out + *count, size - *count);
		last = !c->open && c->header.id == STREAM_EPILOG;
		if (last)
			break;
	}
	return last ? HV_STATE_COMPLETE : HV_STATE_INCOMPLETE;
}
