/*
 * Golden streams: committed in tests/golden, what made them is said there. Their
 * chunks as a row that can be put together in other ways, targets for them, and
 * a second opinion on what a reader answers.
 */
#ifndef FAKE_GOLDEN_H
#define FAKE_GOLDEN_H

#include "hv/interrupt/lapic.h"
#include "include/stream.h"
#include "tests/host/fake_guest.h"

#define GOLDEN_FOLDER "tests/golden/" /* from the project's root */
#define GOLDEN_MAX 24                 /* streams */
#define GOLDEN_CHUNKS 64              /* of a stream */
#define GOLDEN_PAGES 64               /* of a target */
#define GOLDEN_VPS 4

struct golden {
	const char *name;          /* of the file, without ".stream" */
	enum fake_machine machine; /* the least that it restores on */
	/* Makes the partition to save (0: the system); NULL: hvstate made it. */
	u64 (*make)(void);
	u32 flags; /* GUEST_SUMMARY */
};
extern const struct golden goldens[];
extern const u32 golden_count;

/* A chunk where it lies: the header, then the payload. */
struct golden_chunk {
	const u8 *bytes;
	u32 id;
	u32 length; /* of the payload */
	u32 at;     /* offset in its own stream */
};

static inline const u8 *golden_payload(const struct golden_chunk *c)
{
	return c->bytes + sizeof(struct stream_header);
}

struct golden_row {
	u32 count;
	struct golden_chunk at[2 * GOLDEN_CHUNKS + 1];
};

/* ---- Files ---- */

/* Reads a golden stream. Fails the test where there is none. */
void golden_read(const struct golden *g, struct guest_stream *s);

/* The chunks of a stream whose lengths are right; they point into it. */
void golden_open(struct golden_row *row, const struct guest_stream *s);

/* The first chunk of an id in a row, from number `from` on; NULL: none. */
const struct golden_chunk *golden_find(const struct golden_row *row, u32 id,
                                       u32 from);

/*
 * From this offset in its stream on the memory of a target may have been
 * written; no stream is as long where there is no memory in it.
 */
u32 golden_written_from(const struct golden_row *row);

/* The bytes of a row, as they are. */
void golden_join(const struct golden_row *row, struct guest_stream *s);

/*
 * Makes all CRCs anew, for the places where the chunks are. epilog_xor: wrong
 * bits of the EPILOG's CRC over all headers; its own header is right all the same.
 */
void golden_seal(struct guest_stream *s, u32 epilog_xor);

/* Saves what the golden's maker makes, in a world of its own. */
void golden_make(const struct golden *g, struct guest_stream *s);

/* ---- Targets ---- */

/* What a VP has besides its registers. */
struct golden_devices {
	u8 apic[LAPIC_PAGE_BYTES];
	struct lapic lapic;
	struct synic synic;
	struct stimer timers[HV_STIMERS];
	u64 runtime;
};

struct golden_target {
	u64 id;    /* of the child */
	u64 asked; /* id in the calls: the child's, or 0 for the system */
	u32 flags; /* of the calls */
	struct partition *p;
	u64 vp_set;
	u32 vp_count;
	struct {
		struct vp *vp;
		struct vp_state state; /* before a restore */
		struct vp_xsave xsave;
		struct golden_devices devices;
	} vps[GOLDEN_VPS];
	u32 page_count;
	u64 gpns[GOLDEN_PAGES];
	u64 sources[GOLDEN_PAGES];
	u32 rights[GOLDEN_PAGES]; /* that the stream names */
	u32 named;                /* so many of them are in the stream's map */
};

/*
 * A child that the stream fits: VPs and, all writable, pages. Behind the extents
 * of the map there are others, so that a page may go astray; and where the stream
 * has no memory by SaveMemory there is one nevertheless.
 */
void golden_target_make(struct golden_target *t, const struct golden *g,
                        const struct golden_row *row);

/* As it was when it was made, so that a restore can be seen again. */
void golden_target_reset(struct golden_target *t);

/*
 * Fails the test where anything but memory has changed, or memory has and a VP
 * can be unsuspended.
 */
void golden_target_untouched(const struct golden_target *t);

/* Gives the pages the rights that the stream names; unmaps the others. */
void golden_target_rights(const struct golden_target *t);

/* All that a restore can change of the target, in one number. */
u32 golden_target_digest(const struct golden_target *t);

/* ---- Offering: the pieces lie ready in the root's memory ---- */

/*
 * Puts bytes [from, to) of a stream into blocks from number `block` on, of at
 * most 4080 bytes each. `first`: the first one has START. The count of blocks,
 * at least one.
 */
u32 golden_lay(const struct golden_target *t, const u8 *data, u32 from, u32 to,
               u32 block, bool first);

/* Where a byte of a stream that was laid from 0 on at block 0 is. */
u8 *golden_laid(u32 at);

/* Offers blocks until something else than Incomplete is said. */
u32 golden_offer(u32 block, u32 count, u32 *taken);

/* Lays and offers a whole stream. */
u32 golden_restore(const struct golden_target *t, const struct guest_stream *s,
                   u32 *taken);

/* ---- Second opinions, from docs/stream.md alone ---- */

/* Any of the results of a machine that does not fit: 5, 6, 11 to 51. */
#define GOLDEN_MISFIT 0x100u

/*
 * What a reader answers to these chunks, all checks being right, when the
 * target is this one and the processor is the fake machine as it is.
 */
u32 golden_expected(const struct golden_row *row,
                    const struct golden_target *t);

/* Is an answer the expected one? */
bool golden_is(u32 expected, u32 result);

/*
 * Fails the test where two full streams differ in content: not in ids, CRCs,
 * facts of the machine, the form that memory has, nor in what the first leaves
 * to reset (`fresh`: a stream of that). Not exact: nor in what is the target's
 * own, rights, SaveMemory, and pages that the first has not.
 */
void golden_same(const struct golden_row *was, const struct golden_row *now,
                 const struct golden_row *fresh, bool exact);

#endif
