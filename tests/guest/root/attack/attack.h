/*
 * A root that attacks: what its files share. All that it gives away is of one run of
 * pages, so that it knows at any time which of them are its own.
 *
 * Two processors that attack at once are an attacker each. A part of the run is only one's to
 * give away, to map, or to have a block in, though either may get it back; another part is
 * both's. What is asked of a page whose fate the other one may have in hand is asked when
 * both stand still.
 */
#ifndef TESTS_ATTACK_H
#define TESTS_ATTACK_H

#include "tests/guest/lib/child.h"
#include "tests/guest/lib/mp.h"
#include "tests/guest/lib/saved.h"

#define ATTACK_PAGES 640u /* of the run */
#define ATTACK_PRIVATE \
	32u             /* the last of them: these are mapped into no child */
#define ATTACK_OWN 160u /* of two attackers each one's, behind the children's */
#define ATTACK_IDS 16u
#define ATTACK_MEMORY 16u /* pages of a child that we make */
#define ATTACK_CHILDREN \
	(4 * ATTACK_MEMORY) /* the first pages: of four of these */
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

/* What a processor that attacks has to itself. */
struct attacker {
	u64 in;   /* two pages for blocks, which no child has; */
	u64 out;  /* two more, */
	u64 stop; /* and one for what is no attack */
	u64 sim;  /* of its own root VP */
	u32 codes;
	u32 bits;
	bool saves; /* mostly, and restores */

	/* A process that is under way. */
	u64 stream_at;
	u64 process_id;
	u32 process_code;
	u32 process_left;
	bool process_begins;
};

struct attack {
	u32 attackers;
	struct attacker all[MP_PROCESSORS];

	u64 pages; /* the run's address */
	/* How often each was given away, and came back. */
	u32 given[ATTACK_PAGES];
	u32 back[ATTACK_PAGES];
	u64 reserved;
	u64 reserved_pages;
	u64 limit; /* page numbers end there */

	/* Children that there are, as of the last look. */
	u64 ids[ATTACK_IDS];
	u32 id_count;
	u64 id_next;
	u64 focus; /* whom both are after, 0: nobody */

	struct saved stream; /* a child's */
};
extern struct attack attack;

/* Who runs this. */
static inline struct attacker *attack_me(void)
{
	return &attack.all[mp_here()];
}

/* As far as is known: the other one may have it in hand. */
static inline bool attack_is_gone(u32 number)
{
	return attack.given[number] != attack.back[number];
}

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

/* Nobody but this processor gives it away, or has it mapped. */
bool attack_is_own(u32 number);

/* Number `n` of the pages that no child has, of this processor's. */
u32 attack_private(u32 n);
#define ATTACK_PRIVATE_EACH (ATTACK_PRIVATE / attack.attackers)

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

/* Of two that stand still: each page was given away as often as it came back, or once more. */
bool attack_settle(void);

/* It has come back: it was given away, and is zero. */
bool attack_page_back(u64 gpn);

void attack_outcome_print(void);

/* Calls that succeeded, of all. */
u64 attack_successes(void);

/* ---- children.c ---- */

bool attack_children_make(void);

/* A look at who is there. */
bool attack_children_look(void);

/* One that has a VP, or is another one, 0: there is none. */
u64 attack_child_alive(void);

/* Some are taken down, and one is made. */
bool attack_children_renew(void);

/* Messages are read; some of who sent them go on. */
void attack_children_answer(void);

/* All of them, with all that they had; and what there is of our own. */
bool attack_children_end(void);

/* What is in the slot of that page, and comes into it. */
void attack_forget_messages(u64 sim);

/* Both VPs that it may have stand still. */
void attack_child_stop(u64 id);

/* What the root's own pool has without any attack. */
bool attack_note_balance(void);

void attack_children_print(void);

#endif
