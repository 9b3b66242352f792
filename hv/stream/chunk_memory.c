/*
 * The GPA map and the contents of memory.
 *
 * Saving walks the map twice: once for GPA_MAP chunks, once for EXTENT, PAGE
 * and FILL. Restoring checks the map against the target's, page by page within
 * the budget, and marks each page of it in the target's map. A page of the stream
 * goes where a mark is, and takes it away; positions ascend, so none gets two. As
 * many pages as the map has are then exactly those of the map.
 */
#include "hv/arch.h"
#include "hv/base/check.h"
#include "hv/stream/chunk.h"
#include "hv/vp/partition.h"
#include "lib/crc32c.h"

#define WORDS (PAGE_SIZE / 8)

/* Across a hole of the target's map; table entries that are looked at cost budget. */
static enum arch_next cross_hole(struct context *c, struct arch_mapping *m)
{
	struct context_memory *w = &c->memory;
	u32 entries = c->budget / CONTEXT_COST_MAP;
	u32 left = entries;
	enum arch_next r;

	do
		r = gpa_next(&c->target->space, &w->gpn, m, &left);
	while (r == ARCH_NEXT_AGAIN && left > 0);
	c->budget -= (entries - left) * CONTEXT_COST_MAP;
	return r;
}

/* Walks the target's map: mostly the next page is mapped too. */
static enum arch_next next_page(struct context *c, struct arch_mapping *m)
{
	struct context_memory *w = &c->memory;

	if (c->budget < CONTEXT_COST_MAP)
		return ARCH_NEXT_AGAIN;
	if (!gpa_lookup_near(&c->target->space, &w->near, w->gpn, m))
		return cross_hole(c, m);
	c->budget -= CONTEXT_COST_MAP;
	return ARCH_NEXT_FOUND;
}

/* The same for pages with the rights of the first, as many as the budget allows. */
static enum arch_next next_run(struct context *c, struct arch_mapping *m,
                               u32 *count)
{
	struct context_memory *w = &c->memory;
	u32 most = c->budget / CONTEXT_COST_MAP;

	if (most == 0)
		return ARCH_NEXT_AGAIN;
	*count = gpa_run_near(&c->target->space, &w->near, w->gpn, most, m);
	if (*count == 0) {
		*count = 1;
		return cross_hole(c, m);
	}
	c->budget -= *count * CONTEXT_COST_MAP;
	return ARCH_NEXT_FOUND;
}

/* ---- GPA_MAP ---- */

/* Adds pages to the extents of the chunk. False: they are full. */
static bool map_add(struct context *c, u64 gpn, u32 count, u32 rights)
{
	struct stream_extent *extents = (struct stream_extent *)c->buffer;
	struct stream_extent *last = &extents[c->save.extents];

	/* A reader takes two that touch as well: the count has but 32 bits. */
	if (c->save.extents > 0 && last[-1].gpn + last[-1].count == gpn &&
	    last[-1].rights == rights && last[-1].count <= UINT32_MAX - count) {
		last[-1].count += count;
		return true;
	}
	if (c->save.extents == STREAM_EXTENTS_MAX)
		return false;
	*last = (struct stream_extent){ gpn, count, rights };
	c->save.extents++;
	return true;
}

static enum chunk_saved map_emit(struct context *c, enum chunk_saved next)
{
	c->header.length =
		(u32)(c->save.extents * sizeof(struct stream_extent));
	c->save.extents = 0;
	if (next == CHUNK_ONE)
		c->memory.gpn = c->memory.done = 0;
	return next;
}

enum chunk_saved chunk_map_save(struct context *c)
{
	struct context_memory *w = &c->memory;
	struct arch_mapping m;
	u32 count;

	if (w->pages == 0)
		return CHUNK_NONE;
	while (w->done < w->pages) {
		enum arch_next r = next_run(c, &m, &count);

		if (r == ARCH_NEXT_AGAIN)
			return CHUNK_LATER;
		/* The map is as it was at START, or the process would have
		 * ended (D10). */
		CHECK(r == ARCH_NEXT_FOUND);
		/* Those that found no room are the first of the next chunk. */
		if (!map_add(c, w->gpn, count, m.rights))
			return map_emit(c, CHUNK_MORE);
		w->gpn += count;
		w->done += count;
	}
	return map_emit(c, CHUNK_ONE);
}

static bool extent_valid(const struct context *c, const struct stream_extent *e)
{
	const struct context_restore *r = &c->restore;
	u32 known = ARCH_READ | ARCH_WRITE | ARCH_EXECUTE;

	if (e->count == 0 || e->gpn < r->map_end || e->gpn >= gpa_limit() ||
	    e->count > gpa_limit() - e->gpn)
		return false;
	if ((e->rights & ~known) || (e->rights && !(e->rights & ARCH_READ)))
		return false;
	return e->count <= c->memory.pages - r->mapped;
}

/*
 * A restore that ended early leaves the marks of pages that did not come. They
 * go before the next one sets its own. False: the budget is used up.
 */
static bool begin_marking(struct context *c)
{
	struct context_memory *w = &c->memory;
	enum arch_next next = ARCH_NEXT_END;
	struct arch_mapping m;

	if (c->target->marked)
		while ((next = next_page(c, &m)) == ARCH_NEXT_FOUND)
			gpa_mark_near(&c->target->space, &w->near, w->gpn++,
			              false, &m);
	if (next == ARCH_NEXT_AGAIN)
		return false;
	c->restore.marking = c->target->marked = true;
	return true;
}

/* The target must hold every page, writable (D19). */
static enum chunk_verdict extent_pages(struct context *c,
                                       const struct stream_extent *e)
{
	struct context_restore *r = &c->restore;
	struct arch_cursor *near = &c->memory.near;
	struct arch_mapping m;

	for (; r->extent_at < e->count; r->extent_at++) {
		if (!context_spend(c, CONTEXT_COST_MAP))
			return CHUNK_AGAIN;
		gpa_mark_near(&c->target->space, near, e->gpn + r->extent_at,
		              true, &m);
		if (!(m.rights & ARCH_WRITE))
			return chunk_ends(
				c, HV_STATE_PROCESSOR_INSUFFICIENT_MEMORY);
	}
	return CHUNK_GOOD;
}

enum chunk_verdict chunk_map_check(struct context *c)
{
	const struct stream_extent *e = (const struct stream_extent *)c->buffer;
	struct context_restore *r = &c->restore;
	u64 count = c->header.length / sizeof(*e);
	enum chunk_verdict v;

	if (!r->marking && !begin_marking(c))
		return CHUNK_AGAIN;
	for (; r->extent < count; r->extent++) {
		const struct stream_extent *at = &e[r->extent];

		if (r->extent_at == 0 && !extent_valid(c, at))
			return chunk_corrupt(c);
		v = extent_pages(c, at);
		if (v != CHUNK_GOOD)
			return v;
		r->mapped += at->count;
		r->map_end = at->gpn + at->count;
		r->extent_at = 0;
	}
	r->extent = 0;
	return CHUNK_GOOD;
}

/* ---- Memory, out ---- */

/* Words that are looked at at once, and lines that the next ones are in. */
#define BLOCK 16u
#define LINE (64 / 8)
#define AHEAD (CHUNK_AHEAD / 8)

/* Blocks of zeroes that the page begins with, in words. */
static u32 zeroes(const u64 *page)
{
	u32 i = 0;

	for (; i < WORDS; i += BLOCK) {
		const u64 *at = page + i;

		__builtin_prefetch(at + AHEAD);
		__builtin_prefetch(at + AHEAD + LINE);
		/* Two sums: each waits for itself alone. */
		if ((at[0] | at[2] | at[4] | at[6] | at[8] | at[10] | at[12] |
		     at[14]) |
		    (at[1] | at[3] | at[5] | at[7] | at[9] | at[11] | at[13] |
		     at[15]))
			break;
	}
	return i;
}

/* Blocks of any other word. Two instructions a word. */
static u32 repeats(const u64 *page, u64 word)
{
	u32 i = 0;

	for (; i < WORDS; i += BLOCK) {
		const u64 *at = page + i;

		__builtin_prefetch(at + AHEAD);
		__builtin_prefetch(at + AHEAD + LINE);
		if (at[0] != word || at[1] != word || at[2] != word ||
		    at[3] != word || at[4] != word || at[5] != word ||
		    at[6] != word || at[7] != word || at[8] != word ||
		    at[9] != word || at[10] != word || at[11] != word ||
		    at[12] != word || at[13] != word || at[14] != word ||
		    at[15] != word)
			break;
	}
	return i;
}

/*
 * How much of the page, from its beginning and in blocks, is the word over and
 * over: WORDS, all of it. On the way the next page but one is asked for: pages of a
 * child mostly lie one behind the other in RAM, and most that are uniform are
 * zero. Where not, nothing is lost.
 */
static u32 words_of(const u64 *page, u64 word)
{
	return word == 0 ? zeroes(page) : repeats(page, word);
}

/* Is the page one word over and over? */
static bool uniform(const u64 *page, u64 *word)
{
	/* If it is uniform, then of its first word. */
	*word = page[0];
	return words_of(page, *word) == WORDS;
}

static enum chunk_saved emit_fill(struct context *c)
{
	struct stream_fill *f = (struct stream_fill *)c->buffer;

	*f = (struct stream_fill){ c->save.run_count, c->save.run_word };
	c->header.id = STREAM_FILL;
	c->header.length = sizeof(*f);
	c->save.run_count = 0;
	return CHUNK_MORE;
}

static enum chunk_saved emit_position(struct context *c)
{
	struct context_memory *w = &c->memory;
	struct stream_position *p = (struct stream_position *)c->buffer;

	*p = (struct stream_position){ .gpn = w->gpn };
	c->header.id = STREAM_EXTENT;
	c->header.length = sizeof(*p);
	/* The reader's position is there from now on. */
	w->position = w->gpn;
	w->positioned = true;
	return CHUNK_MORE;
}

static void take_page(struct context_memory *w)
{
	w->done++;
	w->gpn++;
	w->position++;
}

/* The page goes out as it is; save.c reads it once. */
static enum chunk_saved emit_page(struct context *c, void *page)
{
	/* No copy into the buffer: a page is the most of what a save moves. */
	c->header.id = STREAM_PAGE;
	c->header.length = PAGE_SIZE;
	c->payload = page;
	take_page(&c->memory);
	return CHUNK_MORE;
}

/* One page. CHUNK_NONE: it went into the run, go on with the next. */
static enum chunk_saved save_page(struct context *c, void *page)
{
	struct context_memory *w = &c->memory;
	u64 word;

	/* A gap in the map ends a run, and takes an EXTENT. */
	if (!w->positioned || w->gpn != w->position)
		return c->save.run_count ? emit_fill(c) : emit_position(c);
	if (!context_spend(c, CONTEXT_COST_SCAN))
		return CHUNK_LATER;
	if (!uniform(page, &word))
		return c->save.run_count ? emit_fill(c) : emit_page(c, page);
	if (c->save.run_count && word != c->save.run_word)
		return emit_fill(c);
	c->save.run_word = word;
	c->save.run_count++;
	take_page(w);
	return CHUNK_NONE;
}

enum chunk_saved chunk_memory_save(struct context *c)
{
	struct context_memory *w = &c->memory;
	enum chunk_saved saved = CHUNK_NONE;
	struct arch_mapping m;

	while (saved == CHUNK_NONE && w->done < w->pages) {
		enum arch_next r = next_page(c, &m);

		if (r == ARCH_NEXT_AGAIN)
			return CHUNK_LATER;
		CHECK(r == ARCH_NEXT_FOUND);
		saved = save_page(c, arch_page(m.page));
	}
	if (saved == CHUNK_NONE && c->save.run_count)
		return emit_fill(c);
	return saved;
}

/* ---- Memory, in ---- */

enum chunk_verdict chunk_extent_check(struct context *c)
{
	const struct stream_position *p =
		(const struct stream_position *)c->buffer;
	struct context_memory *w = &c->memory;
	struct context_restore *r = &c->restore;

	if (!chunk_reserved_zero(c, p) ||
	    (w->positioned && p->gpn <= w->position) || r->mapped != w->pages ||
	    p->gpn >= gpa_limit())
		return chunk_corrupt(c);
	/* It moves the position for a page that is still to come. */
	if (r->moved || w->done == w->pages)
		return chunk_corrupt(c);
	w->position = p->gpn;
	w->positioned = r->moved = true;
	return CHUNK_GOOD;
}

/*
 * Where the next page goes; EXTENT comes first, behind the whole map (D19). The
 * mark says that it is one of the map's, so one that may be written.
 */
static u8 *place(struct context *c)
{
	struct context_memory *w = &c->memory;
	struct arch_mapping m;

	if (!w->positioned || w->done == w->pages ||
	    !gpa_mark_near(&c->target->space, &w->near, w->position, false, &m))
		return NULL;
	/* From the first page on memory is partly old and partly new. */
	c->target->half_restored = true;
	return arch_page(m.page);
}

u8 *chunk_page_place(struct context *c)
{
	return place(c);
}

static void took_page(struct context *c)
{
	c->memory.position++;
	c->memory.done++;
	c->restore.moved = false;
}

enum chunk_verdict chunk_page_check(struct context *c)
{
	/* It lies in its place already, and its CRC has held. */
	took_page(c);
	return CHUNK_GOOD;
}

/*
 * Mostly the page holds the word already, as all of a new child hold zero: then
 * it is looked at and stays clean. A page that does not shows it in its first
 * words, mostly; and what was looked at for long is not written: so no page
 * costs both.
 */
static void fill(u64 *page, u64 word)
{
	u32 same = words_of(page, word);

	if (same < WORDS)
		arch_fill(page + same, word, WORDS - same);
}

enum chunk_verdict chunk_fill_check(struct context *c)
{
	const struct stream_fill *f = (const struct stream_fill *)c->buffer;
	struct context_restore *r = &c->restore;
	u64 *page;

	/* Beyond the map it would fail as well, but behind the last page. */
	if (f->count == 0 || f->count > c->memory.pages)
		return chunk_corrupt(c);
	for (; r->filled < f->count; r->filled++) {
		if (!context_spend(c, f->word ? CONTEXT_COST_WORD
		                              : CONTEXT_COST_SCAN))
			return CHUNK_AGAIN;
		page = (u64 *)place(c);
		if (!page)
			return chunk_corrupt(c);
		fill(page, f->word);
		took_page(c);
	}
	r->filled = 0;
	return CHUNK_GOOD;
}

bool chunk_memory_complete(struct context *c)
{
	const struct context_memory *w = &c->memory;

	if (w->done != w->pages)
		return false;
	/* Every mark that was set was taken away. */
	if (c->restore.marking)
		c->target->marked = false;
	return true;
}
