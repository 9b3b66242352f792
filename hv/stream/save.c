/*
 * The save engine. A chunk is made in the context's buffer and sealed with its
 * checks; then header and payload are handed out in pieces.
 */
#include "hv/stream/save.h"

#include "hv/arch.h"
#include "hv/stream/beside.h"
#include "hv/stream/chunk.h"
#include "hv/stream/stream.h"
#include "lib/crc32c.h"

#define HEADER ((u32)sizeof(struct stream_header))

/* Where the walk goes on when a row has no more chunks. */
static void next_row(struct context *c, const struct chunk_kind *kinds)
{
	u32 flags = kinds[c->row].flags;

	c->row++;
	/* Each VP walks the same rows. */
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

static u32 least(u32 a, u32 b)
{
	return a < b ? a : b;
}

/*
 * A page of the target is read once and checked on the way: as much as there is
 * room for goes to its place in the block, behind the header, the rest into the
 * buffer for the calls that follow. So a parent that writes to it meanwhile
 * cannot make a stream that contradicts itself. Pages of a child mostly lie one
 * behind the other in RAM.
 */
static u32 page_crc(struct context *c, u32 seed, u8 *out, u32 room)
{
	u32 cut = room > HEADER ? least(room - HEADER, PAGE_SIZE) : 0;
	const u8 *from = c->payload;
	struct crc32c_page page = { .ahead = from + CHUNK_AHEAD };

	cut -= cut % CRC32C_CUT;
	page.cut = cut;
	page.from[0] = from;
	page.from[1] = from + cut;
	page.to[0] = cut ? out + HEADER : NULL;
	page.to[1] = c->buffer + cut;
	/* What did not fit is in the buffer now, for the calls to come. */
	c->payload = c->buffer;
	c->save.placed = cut;
	return crc32c_page(seed, &page);
}

/* Completes the header of the chunk that was made, and will begin at `out`. */
static void seal_chunk(struct context *c, u8 *out, u32 room)
{
	/* Who reads the PROLOG does not know the stream's id yet. */
	bool prolog = c->header.id == STREAM_PROLOG;
	u32 seed = stream_seed(prolog ? 0 : c->stream_id, c->sequence);

	/* The EPILOG has no payload to check: its field covers all headers. */
	if (c->header.id == STREAM_EPILOG)
		c->header.payload_crc = c->headers_crc;
	else if (c->payload != c->buffer)
		c->header.payload_crc = page_crc(c, seed, out, room);
	else
		c->header.payload_crc =
			crc32c(seed, c->payload, c->header.length);
	c->header.header_crc = stream_header_crc(seed, &c->header);
	c->headers_crc = crc32c(c->headers_crc, &c->header, HEADER);
	/* The next chunk's seed: none can be left out, or come twice. */
	c->sequence++;
}

/* Makes the next chunk, to begin at `out`. False: the budget is used up. */
static bool make_chunk(struct context *c, u8 *out, u32 room)
{
	u32 count;
	const struct chunk_kind *kinds = chunk_table(&count);
	enum chunk_saved saved = CHUNK_NONE;

	while (saved == CHUNK_NONE) {
		const struct chunk_kind *k = &kinds[c->row];

		beside_set(c, k->flags & CHUNK_MEMORY);
		c->payload = c->buffer;
		c->header.id = k->id;
		/* PAGE and FILL have no save: EXTENT's makes all three. */
		if (k->save && (!c->summary || (k->flags & CHUNK_SUMMARY)))
			saved = k->save(c);
		if (saved == CHUNK_LATER)
			return false;
		if (saved == CHUNK_NONE)
			skip_row(c, kinds);
		else if (saved == CHUNK_ONE)
			next_row(c, kinds);
	}
	seal_chunk(c, out, room);
	c->save.open = true;
	c->at = 0;
	return true;
}

/* Hands out as much of the open chunk as there is room for. */
static u32 emit(struct context *c, u8 *out, u32 room)
{
	u32 total = HEADER + c->header.length;
	u32 done = 0;
	u32 now;

	/* Mostly the header goes out whole, and a constant size is two moves. */
	if (c->at == 0 && room >= HEADER) {
		__builtin_memcpy(out, &c->header, HEADER);
		c->at = done = HEADER;
	} else if (c->at < HEADER) {
		done = least(room, HEADER - c->at);
		arch_copy(out, (const u8 *)&c->header + c->at, done);
		c->at += done;
	}
	done += c->save.placed;
	c->at += c->save.placed;
	c->save.placed = 0;
	now = least(room - done, total - c->at);
	arch_copy(out + done, c->payload + (c->at - HEADER), now);
	c->at += now;
	c->save.open = c->at < total;
	return done + now;
}

enum hv_save_restore_result save_run(struct context *c, u8 *out, u32 size,
                                     u32 *count)
{
	bool last = false;

	*count = 0;
	/* A call may end without a byte: a page of zeroes costs a look, too. */
	while (*count < size) {
		if (!c->save.open &&
		    !make_chunk(c, out + *count, size - *count))
			break;
		*count += emit(c, out + *count, size - *count);
		last = !c->save.open && c->header.id == STREAM_EPILOG;
		if (last)
			break;
	}
	beside_set(c, false);
	return last ? HV_STATE_COMPLETE : HV_STATE_INCOMPLETE;
}
