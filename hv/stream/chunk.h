/*
 * The table of chunk kinds: one row each, in the order of the stream. Save,
 * check and apply of everything that is saved hang on these rows.
 */
#ifndef HV_CHUNK_H
#define HV_CHUNK_H

#include "hv/base/field.h"
#include "hv/stream/context.h"

/* What a row's save function did. */
enum chunk_saved {
	CHUNK_NONE,  /* nothing (any more): go on to the next row */
	CHUNK_ONE,   /* a chunk; then the next row */
	CHUNK_MORE,  /* a chunk; then this row again */
	CHUNK_LATER, /* the budget of this call is used up */
};

/* What a check makes of a chunk. */
enum chunk_verdict {
	CHUNK_GOOD,  /* go on */
	CHUNK_AGAIN, /* the budget of this call is used up: ask it again */
	CHUNK_ENDS,  /* the process is over, and c->restore.result says how */
};

/*
 * Pages are asked for so early: a save looks at a page in less time than memory takes
 * to answer, so the next one would be too late.
 */
#define CHUNK_AHEAD (2 * PAGE_SIZE)

#define CHUNK_REPEATS 1u  /* may follow itself */
#define CHUNK_SUMMARY 2u  /* is in summary streams too */
#define CHUNK_MEMORY 4u   /* one of the kinds that mix */
#define CHUNK_VP_FIRST 8u /* begins the group of rows that each VP has */
#define CHUNK_VP 16u
#define CHUNK_VP_LAST 32u
#define CHUNK_IN_PLACE 64u /* the payload goes straight to a target page */

struct chunk_kind {
	u32 id;
	const char *name;
	u32 flags;
	u32 min; /* payload bytes; of entries: one */
	u32 max;
	const struct field *fields; /* of it, or of an entry; NULL: a page */
	/* Fills c->buffer and c->header.length (and .id, if not the row's). */
	enum chunk_saved (*save)(struct context *c);
	/*
	 * Checks a payload whose CRC holds, and stages it; changes nothing of
	 * the target but memory.
	 */
	enum chunk_verdict (*check)(struct context *c);
	/* Must it be in this stream, when its turn has come? */
	bool (*needed)(const struct context *c);
};

/* The process ends with this result, of enum hv_save_restore_result. */
static inline enum chunk_verdict chunk_ends(struct context *c, u32 result)
{
	c->restore.result = (enum hv_save_restore_result)result;
	return CHUNK_ENDS;
}

static inline enum chunk_verdict chunk_corrupt(struct context *c)
{
	return chunk_ends(c, HV_STATE_CORRUPT_DATA);
}

/* An empty payload of this size in the context's buffer, to fill in. */
static inline void *chunk_payload(struct context *c, u64 size)
{
	c->header.length = (u32)size;
	__builtin_memset(c->buffer, 0, size);
	return c->buffer;
}

const struct chunk_kind *chunk_table(u32 *count);

/* The row of the chunk under way. */
const struct chunk_kind *chunk_kind(const struct context *c);

/*
 * Is all zero that the fields of this kind leave out or reserve, in the payload or
 * the entry of it that is given?
 */
bool chunk_reserved_zero(const struct context *c, const void *entry);

/* Row number of a chunk id; false: unknown. */
bool chunk_find(u32 id, u32 *row);

/*
 * Makes the staged state of a verified stream the target's, as far as the
 * budget goes: the only place where a restore changes a VP. AGAIN: there is more
 * to do; the partition is half restored until it ENDS, COMPLETE or with
 * PROCESSOR_INSUFFICIENT_MEMORY: the pool cannot hold the tables of the overlay
 * pages; nothing has changed, unless the pool was emptied between two turns.
 */
enum chunk_verdict chunk_apply(struct context *c);

/* chunk_memory.c */
enum chunk_saved chunk_map_save(struct context *c);
enum chunk_verdict chunk_map_check(struct context *c);
enum chunk_saved chunk_memory_save(struct context *c);
enum chunk_verdict chunk_extent_check(struct context *c);
enum chunk_verdict chunk_page_check(struct context *c);
enum chunk_verdict chunk_fill_check(struct context *c);
/* Where the payload of a PAGE goes; NULL: there is no such page. */
u8 *chunk_page_place(struct context *c);
/* Every page of the map had its turn, in the places that the map said. */
bool chunk_memory_complete(struct context *c);

#endif
