/*
 * A root that attacks: what its files share. All that it gives away is of one run of
 * pages, so that it knows at any time which of them are its own.
 */
#ifndef TESTS_ATTACK_H
#define TESTS_ATTACK_H

#include "tests/guest/lib/child.h"
#include "tests/guest/lib/saved.h"

#define ATTACK_PAGES 640u /* of the run */
#define ATTACK_PRIVATE \
	32u /* the last of them: these are mapped into no child */
#define ATTACK_IDS 16u
#define ATTACK_MEMORY 16u /* pages of a child that we make */
#define ATTACK_LIST (PAGE_SIZE / 8)

/* A call, and what is to be known of it when it has been made. */
struct attack_call {
	u64 control;
	u64 input;
	u64 output;
	u32 row;               /* of the table of calls, or their number */
	bool of_process;       /* the next piece of it */
	u64 list[ATTACK_LIST]; /* a deposit's */
};

struct attack {
	u64 pages; /* the run's address */
	bool gone[ATTACK_PAGES];
	u64 in;  /* two pages for blocks, which no child has; */
	u64 out; /* two more */
	u64 reserved;
	u64 reserved_pages;
	u64 limit; /* page numbers end there */

	/* Children that there are, as of the last look. */
	u64 ids[ATTACK_IDS];
	u32 id_count;
	u64 id_next;

	/* A child's stream, and a process that is under way. */
	struct saved stream;
	u64 stream_at;
	u64 process_id;
	u32 process_code;
	u32 process_left;
	bool process_begins;
};
extern struct attack attack;

/* ---- places.c ---- */

/* What the page database has at all; false: the firmware says nothing. */
bool attack_find_reserved(void);

/* A page number for a deposit (`gives`) or a map: ours, or one that is to be refused. */
u64 attack_page(bool gives);
u64 attack_child_page(void);
u64 attack_id(void);

/* Where a block may lie. `safe`: no child can write there. */
u64 attack_address(u64 usual, bool safe);

/* Is the page of this address ours to be written to now? */
bool attack_is_ours(u64 address);

/* The number of a page in the run; ATTACK_PAGES: it is none of these. */
u32 attack_number(u64 gpn);

/* ---- blocks.c ---- */

/* Anything; its block is written. */
void attack_compose(struct attack_call *c);

u32 attack_rows(void);
u32 attack_row_code(u32 row);

/* ---- outcome.c ---- */

/* What the call has done is noted, and must be what may come of it. */
bool attack_outcome(const struct attack_call *c, u64 result);

/* Pages that were given away cannot be read, all others can; some of them. */
bool attack_probe(u32 count);
bool attack_probe_all(void);

/* It has come back: its number, if it was given away and is zero. */
bool attack_page_back(u64 gpn);

void attack_outcome_print(void);

/* Calls that succeeded, of all. */
u64 attack_successes(void);

/* ---- children.c ---- */

bool attack_children_make(void);

/* A look at who is there. */
bool attack_children_look(void);

/* Some are taken down, and one is made. */
bool attack_children_renew(void);

/* Messages are read; some of who sent them go on. */
void attack_children_answer(void);

/* All of them, with all that they had; and what there is of our own. */
bool attack_children_end(void);

/* Both VPs that it may have stand still. */
void attack_child_stop(u64 id);

/* What the root's own pool has without any attack. */
bool attack_note_balance(void);

void attack_children_print(void);

#endif
