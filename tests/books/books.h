/*
 * The books: each page that is the hypervisor's has one use and one owner, nobody's
 * map leads to it, and what a child's map leads to is the root's and counted; whoever
 * is in a list is there once, and alive. Read from the structures and tables of hv/,
 * whoever changed them: by the image for tests in a machine (tests/tally), by the fuzz
 * targets and unit tests on the host.
 */
#ifndef BOOKS_H
#define BOOKS_H

#include "hv/base/addr.h"
#include "hv/vp/partition.h"

/* Of a function that does not return, and of a pointer to one. */
#define BOOKS_STOPS __attribute__((noreturn))

enum books_use {
	BOOKS_NOTHING,
	BOOKS_FREE, /* in a pool's list */
	BOOKS_PARTITION,
	BOOKS_TABLE, /* of a GPA space */
	BOOKS_VP,
	BOOKS_VP_PAGE,
	BOOKS_PORTS,
	BOOKS_REFERENCE,
	BOOKS_INTERCEPTS,
	BOOKS_CONTEXT,
	BOOKS_USES
};

struct books {
	/* ---- What the caller brings ---- */

	u32 *words; /* one for each page of RAM, of any value */
	u64 count;
	/* The page database, a word each, whatever is in it: equal words say the same.
	 * NULL: it is asked of each page. */
	const u32 *frames;
	const u64 *(*look)(hpa_t page); /* a page, to be read */
	/* A page in a list is zero but for its first word; also if it cannot have
	 * changed since it was. */
	bool (*is_blank)(hpa_t page);
	/* Something is wrong: `what`, and where the books stand. */
	BOOKS_STOPS void (*wrong)(const struct books *b, const char *what);

	/* ---- Where they stand ---- */

	u64 page; /* an address, the root's or a child's */
	u64 partition;
	u32 cpu; /* by its index */

	/* ---- What they found ---- */

	u64 free;
	u64 used;
	u64 mapped; /* by children */
	u64 vps;
	u64 charged
		[PARTITION_MAX]; /* pages in use, by whose pool they are of */
};

/* All of them, once; bounded by what there is. */
void books_audit(struct books *b);

/* ---- Between their files ---- */

#define BOOKS_CHECK(b, cond, what)           \
	do {                                 \
		if (!(cond))                 \
			(b)->wrong(b, what); \
	} while (0)

/* A word: the use above, whether the root's map leads there, and how many of children. */
#define BOOKS_USE_SHIFT 24
#define BOOKS_ROOTS BIT(23)
#define BOOKS_COUNT (BOOKS_ROOTS - 1)

/* The page has this use, and no other. */
void books_take(struct books *b, hpa_t page, enum books_use use);

/* The same, of a page that was taken out of this partition's pool. */
void books_use(struct books *b, const struct partition *pool, const void *page,
               enum books_use use);

/* Does a page have this use? Whatever the pointer is. */
bool books_is(const struct books *b, const void *page, enum books_use use);

/* The tables of a partition's space, and where they lead (books_space.c). */
void books_space(struct books *b, const struct partition *p);

/* Whom the processors' lists hold, and the queues of messages (books_lists.c). */
void books_lists(struct books *b);

/* Whose memory is worked on without the lock of the machine (books_lists.c). */
void books_beside(struct books *b);

/* The partition behind id in order of creation, NULL: none; *id is 0 at first. */
const struct partition *books_next(struct books *b, u64 *id);

#endif
