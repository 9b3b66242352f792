/*
 * The context of an open save or restore process: a cursor of constant size,
 * two pages of the caller's pool, one for each target partition. START,
 * completion, an error that ends the process, and finalizing release it.
 */
#ifndef HV_CONTEXT_H
#define HV_CONTEXT_H

#include "hv/arch.h"
#include "hv/stream/compat.h"
#include "include/stream.h"

struct partition;
struct vp;

/* Where a save or restore stands in the memory of the partition. */
struct context_memory {
	u64 pages;    /* in the whole map */
	u64 done;     /* of them, dealt with in the walk under way */
	u64 gpn;      /* walk: look from here on */
	u64 position; /* the memory position of the stream */
	bool positioned;
	struct arch_cursor near; /* no change of the map goes unnoticed (D10) */
};

/* What a save alone keeps from call to call. */
struct context_save {
	u32 validated;   /* VPs that were asked whether they could run */
	bool open;       /* header and payload stand ready */
	u32 placed;      /* bytes of a page that are in the block already */
	u32 synic_flags; /* pages of the VP under way that follow */
	u64 extents;     /* in the chunk being gathered */
	u64 run_count;   /* uniform pages not yet written, ... */
	u64 run_word;    /* ... and what they are full of */
};

/* What a restore alone keeps: what came, and is applied at the end. */
struct context_restore {
	enum hv_save_restore_result result; /* when the process has ended */

	/* The chunk under way. */
	bool verified; /* its payload is whole, and is being checked */
	bool skipped;  /* it is of an unknown kind that may be */
	u32 seed;      /* of its CRCs */
	u32 counted;   /* CRC of a page that went to its place */

	/* The stream and the partition. */
	bool is_summary; /* the stream; context.summary is what was asked for */
	struct stream_compat compat;
	struct compat_walk compat_walk;
	struct stream_partition partition;
	u64 os_id;

	/* The map, and memory. */
	u64 mapped;    /* pages of it that were found in the target's map */
	u64 extent;    /* of the chunk, the one being checked, ... */
	u64 extent_at; /* ... and the pages of it that were checked */
	u64 map_end;   /* first page behind the last extent */
	u64 filled;    /* pages of the FILL under way that were written */
	bool marking;  /* all marks in the target's map are ours */
	bool moved;    /* by an EXTENT, and no page came since */

	/* VPs. */
	u64 vps_seen;
	bool has_message; /* the VP under way */

	/* The end. */
	bool ended;    /* the EPILOG was verified */
	bool applying; /* all is staged, and becomes the target's */
	u32 applied;   /* how far that is (chunk_apply.c) */
};

struct context {
	struct partition *target; /* NULL: the system alone (id 0) */
	struct partition *owner;  /* whose pool the pages came from */
	bool restoring;
	bool summary;
	bool beside;    /* the lock of the machine is given away (beside.h) */
	u64 generation; /* of the target, when the process was opened */
	u64 tsc;        /* TSC at START: all VPs are saved as of then */
	u32 budget;     /* work left in this call: its beginning sets it */

	/* The stream. */
	u64 stream_id;
	u64 sequence;    /* number of the chunk under way */
	u32 headers_crc; /* of all headers so far */
	u32 row;         /* place in the table of chunk kinds */

	/* The chunk under way: header, then payload, `at` bytes of both. */
	struct stream_header header;
	u32 at;
	u32 vp;      /* index of the VP under way; save: the next to look at */
	u8 *payload; /* `buffer`, or a page of the target */
	u8 *buffer;  /* the second page */

	struct context_memory memory;
	union {
		struct context_save save;
		struct context_restore restore; /* if restoring */
	};
};
_Static_assert(sizeof(struct context) <= 4096, "a context is one page");

/*
 * What one call may look at besides the bytes it moves, in units of about ten
 * instructions. Keeps a call near the TLFS's 50 microseconds (D17).
 */
#define CONTEXT_BUDGET 4096u
#define CONTEXT_COST_SCAN 128u     /* a page that is scanned or filled */
#define CONTEXT_COST_WORD 160u     /* restore: one of a word but zero */
#define CONTEXT_COST_MAP 16u       /* a step in a GPA map */
#define CONTEXT_COST_VALIDATE 128u /* the rules of a VP's state */
#define CONTEXT_COST_VALID 1536u   /* restore: all of a VP's chunks */
#define CONTEXT_COST_MSRS 768u     /* restore: its registers, found by name */
#define CONTEXT_COST_CLEAR 1200u   /* an overlay goes: three tables may too */
#define CONTEXT_COST_PUT 128u      /* an overlay is put somewhere */
#define CONTEXT_COST_VP 512u       /* its staged state becomes its own */
#define CONTEXT_COST_FINISH 8u     /* a VP's time goes on, its message waits */

/* Charges the work left in this call. False: not enough, come back later. */
static inline bool context_spend(struct context *c, u32 cost)
{
	if (c->budget < cost)
		return false;
	c->budget -= cost;
	return true;
}

/* The same for what was waited for already. */
static inline void context_charge(struct context *c, u32 cost)
{
	c->budget -= cost < c->budget ? cost : c->budget;
}

/*
 * Opens a process for target, or for the system when target is NULL, with
 * pages of owner's pool; one that is open is closed first, in either direction.
 * NULL: the pool is dry.
 */
struct context *context_open(struct partition *owner, struct partition *target);

/* The open process, NULL: none. */
struct context *context_find(struct partition *owner, struct partition *target);

/* Ends the process of a target, if there is one; the pages go back. */
void context_close(struct partition *target);

/* Ends the process of partition id 0 of this owner. */
void context_close_system(struct partition *owner);

#endif
