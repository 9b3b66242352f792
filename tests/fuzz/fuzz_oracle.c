/*
 * A second opinion on streams, from the description of the format.
 */
#include "tests/fuzz/fuzz_oracle.h"

#include <string.h>

#include "hv/memory/gpa.h"
#include "tests/fuzz/fuzz_world.h"

/* Chunks of one size only; how often there may be one. */
static const struct {
	u32 id;
	u32 length;
	bool once;
	bool same; /* a VP's, that comes out as it went in */
} fixed[] = {
	{ STREAM_PROLOG, 4064, true, false },
	{ STREAM_COMPAT, 256, true, false },
	{ STREAM_VP_INDICES, 16, true, false },
	{ STREAM_OS_ID, 16, true, true },
	{ STREAM_PARTITION, 48, true, false },
	{ STREAM_EXTENT, 16, false, false },
	{ STREAM_PAGE, 4096, false, false },
	{ STREAM_FILL, 16, false, false },
	{ STREAM_VP, 16, false, true },
	{ STREAM_VP_GP, 144, false, true },
	{ STREAM_VP_FP, 416, false, false },
	{ STREAM_VP_CONTROL, 48, false, true },
	{ STREAM_VP_DEBUG, 48, false, true },
	{ STREAM_VP_SEGMENT, 144, false, true },
	{ STREAM_VP_TABLE, 32, false, true },
	{ STREAM_VP_XSAVE_CONTROL, 64, false, true },
	{ STREAM_VP_EVENTS, 96, false, true },
	{ STREAM_VP_APIC, 192, false, true },
	{ STREAM_VP_SYNIC, 288, false, false },
	{ STREAM_VP_SIM, 4096, false, false },
	{ STREAM_VP_SIEF, 4096, false, false },
	{ STREAM_VP_MESSAGE, 256, false, false },
	{ STREAM_EPILOG, 0, true, false },
};

static u32 row_of(u32 id)
{
	u32 row = 0;

	while (row < ARRAY_LEN(fixed) && fixed[row].id != id)
		row++;
	return row;
}

static bool refuses_chunk(const struct fuzz_chunk *chunk)
{
	u32 row = row_of(chunk->id);

	if (chunk->header_xor || chunk->length % STREAM_ALIGN ||
	    chunk->length > STREAM_PAYLOAD_MAX)
		return true;
	if (chunk->payload_xor)
		return true;
	return row < ARRAY_LEN(fixed) && fixed[row].length != chunk->length;
}

/* What lies behind the EPILOG is not looked at (D20). */
bool fuzz_oracle_refuses(const struct fuzz_chunks *c)
{
	u32 seen[ARRAY_LEN(fixed) + 1] = { 0 };
	bool ended = false, bad = false;

	for (u32 i = 0; i < c->count && !ended; i++) {
		bad |= refuses_chunk(c->at[i]);
		seen[row_of(c->at[i]->id)]++;
		ended = c->at[i]->id == STREAM_EPILOG;
	}
	for (u32 row = 0; row < ARRAY_LEN(fixed); row++)
		bad |= fixed[row].once && seen[row] != 1;
	return bad || !ended;
}

/* ---- Memory ---- */

struct cursor {
	u64 gpn;
	u64 count; /* pages that had their turn */
	const struct partition *p;
	const struct fuzz_chunks *c;
};

static bool extents_have(const struct fuzz_chunk *chunk, u64 gpn)
{
	struct stream_extent e;
	bool have = false;

	for (u32 at = 0; at < chunk->length; at += (u32)sizeof(e)) {
		memcpy(&e, chunk->payload + at, sizeof(e));
		have |= gpn >= e.gpn && gpn - e.gpn < e.count;
	}
	return have;
}

static bool map_has(const struct fuzz_chunks *c, u64 gpn)
{
	bool have = false;

	for (u32 i = 0; i < c->count && c->at[i]->id != STREAM_EPILOG; i++)
		if (c->at[i]->id == STREAM_GPA_MAP)
			have |= extents_have(c->at[i], gpn);
	return have;
}

static void check_page(struct cursor *at, const u8 *expected)
{
	struct arch_mapping m;

	FUZZ_CHECK(map_has(at->c, at->gpn));
	FUZZ_CHECK(gpa_lookup(&at->p->space, at->gpn, &m));
	FUZZ_CHECK(!memcmp(arch_page(m.page), expected, PAGE_SIZE));
	at->gpn++;
	at->count++;
}

static void check_fill(struct cursor *at, const struct fuzz_chunk *chunk)
{
	struct stream_fill fill;
	u64 page[PAGE_SIZE / 8];

	memcpy(&fill, chunk->payload, sizeof(fill));
	for (u32 i = 0; i < ARRAY_LEN(page); i++)
		page[i] = fill.word;
	for (u64 i = 0; i < fill.count; i++)
		check_page(at, (const u8 *)page);
}

static u64 pages_of_map(const struct fuzz_chunk *chunk)
{
	struct stream_extent extent;
	u64 pages = 0;

	for (u32 at = 0; at < chunk->length; at += (u32)sizeof(extent)) {
		memcpy(&extent, chunk->payload + at, sizeof(extent));
		pages += extent.count;
	}
	return pages;
}

static void check_memory(const struct fuzz_chunks *c, u64 id)
{
	struct cursor at = { .p = guest_partition(id), .c = c };
	u64 pages = 0;

	for (u32 i = 0; i < c->count && c->at[i]->id != STREAM_EPILOG; i++) {
		const struct fuzz_chunk *chunk = c->at[i];

		if (chunk->id == STREAM_GPA_MAP)
			pages += pages_of_map(chunk);
		else if (chunk->id == STREAM_EXTENT)
			memcpy(&at.gpn, chunk->payload, sizeof(at.gpn));
		else if (chunk->id == STREAM_PAGE)
			check_page(&at, chunk->payload);
		else if (chunk->id == STREAM_FILL)
			check_fill(&at, chunk);
	}
	FUZZ_CHECK(at.count == pages);
}

/* ---- VPs ---- */

/* The next chunk of a kind that comes out as it went in. */
static const struct fuzz_chunk *next_same(const struct fuzz_chunks *c, u32 *at)
{
	for (; *at < c->count && c->at[*at]->id != STREAM_EPILOG; (*at)++) {
		u32 row = row_of(c->at[*at]->id);

		if (row < ARRAY_LEN(fixed) && fixed[row].same)
			return c->at[(*at)++];
	}
	return NULL;
}

static void check_vps(const struct fuzz_chunks *c,
                      const struct fuzz_chunks *out)
{
	const struct fuzz_chunk *a, *b;
	u32 i = 0, j = 0;

	do {
		a = next_same(c, &i);
		b = next_same(out, &j);
		FUZZ_CHECK(!a == !b);
		FUZZ_CHECK(!a || (a->id == b->id && a->length == b->length));
		FUZZ_CHECK(!a || !memcmp(a->payload, b->payload, a->length));
	} while (a);
}

void fuzz_oracle_check(const struct fuzz_chunks *c, u64 id)
{
	static struct fuzz_chunk room[FUZZ_CHUNKS];
	static struct fuzz_chunks out;
	static struct guest_stream s; /* its room stays */
	u32 result;

	fuzz_chunks_empty(&out, room);
	check_memory(c, id);
	FUZZ_CHECK(!guest_save(id, 0, &s, &result));
	FUZZ_CHECK(result == HV_STATE_COMPLETE);
	FUZZ_CHECK(fuzz_chunks_split(&out, s.data, s.size));
	check_vps(c, &out);
}
