/*
 * The restore engine: gather a header, check it, gather its payload, check it,
 * stage it; commit at the end.
 */
#include "hv/stream/restore.h"

#include "hv/arch.h"
#include "hv/base/log.h"
#include "hv/stream/beside.h"
#include "hv/stream/chunk_vp.h"
#include "hv/stream/stream.h"
#include "lib/crc32c.h"

#define HEADER ((u32)sizeof(struct stream_header))

/* ---- Order ---- */

/* None of the rows in [from, to) is missing. */
static bool none_needed(const struct context *c, const struct chunk_kind *kinds,
                        u32 from, u32 to)
{
	for (; from < to; from++) {
		if (c->restore.is_summary &&
		    !(kinds[from].flags & CHUNK_SUMMARY))
			continue;
		if (kinds[from].needed(c))
			return false;
	}
	return true;
}

static u32 row_with(const struct chunk_kind *kinds, u32 flag)
{
	u32 row = 0;

	while (!(kinds[row].flags & flag))
		row++;
	return row;
}

/*
 * May row `to` follow row c->row? Forwards, when nothing that is needed lies
 * between; again, when it repeats; back to the first row of a VP from within
 * a VP. c->sequence 0: nothing was before.
 */
static bool order_allows(const struct context *c,
                         const struct chunk_kind *kinds, u32 to)
{
	u32 from = c->row;
	u32 first, last;

	/* EXTENT, PAGE and FILL come as the memory wants them. */
	if (kinds[from].flags & kinds[to].flags & CHUNK_MEMORY)
		return true;
	if (c->sequence == 0)
		return to == 0;
	if (c->restore.is_summary && !(kinds[to].flags & CHUNK_SUMMARY))
		return false;
	first = row_with(kinds, CHUNK_VP_FIRST);
	last = row_with(kinds, CHUNK_VP_LAST);
	if (to == from)
		return kinds[to].flags & CHUNK_REPEATS;
	if (from >= first && to == first)
		return none_needed(c, kinds, from + 1, last + 1);
	if (to < from)
		return false;
	/* A group that nobody has begun has nothing that is needed. */
	if (from < first && to > last)
		return none_needed(c, kinds, from + 1, first);
	if (from < first && to > first)
		return false;
	return none_needed(c, kinds, from + 1, to);
}

/* ---- Headers ---- */

static enum chunk_verdict begin_payload(struct context *c)
{
	const struct stream_header *h = &c->header;
	u32 count, row = c->row;
	const struct chunk_kind *kinds = chunk_table(&count);

	/* Mostly it is one more of the same kind. */
	if (kinds[row].id != h->id && !chunk_find(h->id, &row)) {
		if (!(h->id >> 28 == 7 && (h->id & STREAM_OPTIONAL)))
			return chunk_ends(c, HV_STATE_UNSUPPORTED_VERSION);
		c->restore.skipped = true;
		c->payload = c->buffer;
		return CHUNK_GOOD;
	}
	if (!order_allows(c, kinds, row) || h->length < kinds[row].min ||
	    h->length > kinds[row].max)
		return chunk_corrupt(c);
	c->row = row;
	c->restore.skipped = false;
	c->payload = kinds[row].flags & CHUNK_IN_PLACE ? chunk_page_place(c)
	                                               : c->buffer;
	return c->payload ? CHUNK_GOOD : chunk_corrupt(c);
}

/* The header is whole: nothing of it is used before its check holds. */
static enum chunk_verdict check_header(struct context *c)
{
	const struct stream_header *h = &c->header;

	c->restore.seed =
		stream_seed(c->sequence == 0 ? 0 : c->stream_id, c->sequence);
	if (stream_header_crc(c->restore.seed, h) != h->header_crc)
		return chunk_corrupt(c);
	if (h->length % STREAM_ALIGN || h->length > STREAM_PAYLOAD_MAX)
		return chunk_corrupt(c);
	/* Of the end the header says it all: no payload comes. */
	if (h->id == STREAM_EPILOG && h->payload_crc != c->headers_crc)
		return chunk_corrupt(c);
	/* It brings the stream id that all seeds behind it have. */
	if (c->sequence == 0 && h->id != STREAM_PROLOG)
		return chunk_corrupt(c);
	c->headers_crc = crc32c(c->headers_crc, h, HEADER);
	return begin_payload(c);
}

/* ---- Payloads ---- */

/* A VP's last chunk was the one before: check all of it together. */
static bool vp_ended_well(struct context *c, u32 before)
{
	u32 count;
	const struct chunk_kind *kinds = chunk_table(&count);

	if (before < row_with(kinds, CHUNK_VP_FIRST))
		return true;
	context_charge(c, CONTEXT_COST_VALID);
	return chunk_vp_valid(c);
}

static enum chunk_verdict check_by_kind(struct context *c)
{
	u32 count;
	const struct chunk_kind *kinds = chunk_table(&count);

	if (c->restore.skipped)
		return CHUNK_GOOD;
	return kinds[c->row].check(c);
}

/*
 * The payload is whole. What is in the buffer is checked there: the sender may
 * write to its block meanwhile.
 */
static bool payload_holds(const struct context *c)
{
	if (c->header.id == STREAM_EPILOG)
		return true;
	if (c->payload != c->buffer)
		return c->restore.counted == c->header.payload_crc;
	return crc32c(c->restore.seed, c->payload, c->header.length) ==
	       c->header.payload_crc;
}

static enum chunk_verdict check_payload(struct context *c)
{
	if (!c->restore.verified && !payload_holds(c))
		return chunk_corrupt(c);
	c->restore.verified = true;
	return check_by_kind(c);
}

static enum chunk_verdict finish_chunk(struct context *c)
{
	enum chunk_verdict v = check_payload(c);

	if (v != CHUNK_GOOD)
		return v;
	c->restore.verified = false;
	c->at = 0;
	c->sequence++;
	if (c->summary &&
	    (c->restore.ended ||
	     (c->header.id == STREAM_VP_INDICES && !c->restore.is_summary)))
		return chunk_ends(c, HV_STATE_RESTORABLE);
	return c->restore.ended ? chunk_apply(c) : CHUNK_GOOD;
}

/* ---- Bytes ---- */

static u32 least(u32 a, u32 b)
{
	return a < b ? a : b;
}

static enum chunk_verdict take_header(struct context *c, const u8 *data,
                                      u32 size, u32 *taken)
{
	u32 before = c->row;
	enum chunk_verdict v;

	*taken = least(size, HEADER - c->at);
	if (*taken == HEADER)
		__builtin_memcpy(&c->header, data, HEADER);
	else
		arch_copy((u8 *)&c->header + c->at, data, *taken);
	c->at += *taken;
	if (c->at < HEADER)
		return CHUNK_GOOD;
	v = check_header(c);
	if (v == CHUNK_GOOD && !c->restore.skipped && c->sequence > 0 &&
	    (c->header.id == STREAM_VP || c->header.id == STREAM_EPILOG) &&
	    !vp_ended_well(c, before))
		return chunk_corrupt(c);
	return v;
}

/*
 * The end of a page comes to its place, and all of the page is counted on the
 * way: what came earlier where it lies, which is written once more by that. The
 * next page but one is asked for: pages of a child mostly lie one behind the other
 * in RAM.
 */
static void take_page_end(struct context *c, const u8 *data, u32 at)
{
	u32 cut = (at + CRC32C_CUT - 1) & ~(CRC32C_CUT - 1);
	struct crc32c_page page = {
		.from = { c->payload, data + (cut - at) },
		.to = { c->payload, c->payload + cut },
		.cut = cut,
		.ahead = c->payload + CHUNK_AHEAD,
	};

	arch_copy(c->payload + at, data, cut - at);
	c->restore.counted = crc32c_page(c->restore.seed, &page);
}

static u32 take_payload(struct context *c, const u8 *data, u32 size)
{
	u32 at = c->at - HEADER;
	u32 taken = least(size, c->header.length - at);

	if (c->payload != c->buffer && at + taken == PAGE_SIZE)
		take_page_end(c, data, at);
	else
		arch_copy(c->payload + at, data, taken);
	c->at += taken;
	return taken;
}

/*
 * Who has given all bytes of a stream expects an end of it. So its last one is
 * given back while more is to be done, and taken, unread, by the call that ends.
 */
#define LAST_BYTE 1u

static enum chunk_verdict go_on_applying(struct context *c, u32 size,
                                         u32 *consumed)
{
	enum chunk_verdict v = size ? chunk_apply(c) : CHUNK_AGAIN;

	*consumed = v == CHUNK_ENDS ? LAST_BYTE : 0;
	return v;
}

/*
 * The next chunk of a VP may end it, or be its MSRs: not at the end of a call that
 * has done enough. What is not consumed comes again.
 */
static bool has_done_enough(const struct context *c)
{
	u32 count;
	const struct chunk_kind *kinds = chunk_table(&count);

	return c->budget < CONTEXT_COST_VALID + CONTEXT_COST_MSRS &&
	       c->at == 0 && c->row >= row_with(kinds, CHUNK_VP_FIRST);
}

/* Takes bytes up to the end of them, of the budget, or of the process. */
static enum chunk_verdict take(struct context *c, const u8 *data, u32 size,
                               u32 *consumed)
{
	enum chunk_verdict v = CHUNK_GOOD;
	u32 done = 0, taken = 0, count;
	const struct chunk_kind *kinds = chunk_table(&count);

	while (v == CHUNK_GOOD) {
		beside_set(c, kinds[c->row].flags & CHUNK_MEMORY);
		if (c->at >= HEADER && c->at == HEADER + c->header.length) {
			v = finish_chunk(c);
			continue;
		}
		if (done == size || has_done_enough(c))
			break;
		if (c->at < HEADER)
			v = take_header(c, data + done, size - done, &taken);
		else
			taken = take_payload(c, data + done, size - done);
		done += taken;
	}
	beside_set(c, false);
	*consumed = done;
	if (c->restore.applying && v != CHUNK_ENDS)
		*consumed -= LAST_BYTE;
	return v;
}

enum hv_save_restore_result restore_run(struct context *c, const u8 *data,
                                        u32 size, u32 *consumed)
{
	enum chunk_verdict v = c->restore.applying
	                               ? go_on_applying(c, size, consumed)
	                               : take(c, data, size, consumed);

	return v == CHUNK_ENDS ? c->restore.result : HV_STATE_INCOMPLETE;
}
