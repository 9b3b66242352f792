/*
 * The memory that is saved and restored, and the stream of it, for the engine
 * and for those that it is measured against.
 */
#ifndef BENCH_HOST_H
#define BENCH_HOST_H

#include "include/tlfs.h"
#include "include/types.h"

#define BENCH_PIECE HV_SAVE_DATA_MAX
#define BENCH_WINDOW 32u /* blocks that a parent has just read: in the cache */

/* Blocks of a page each; what they carry ends where the page does. */
struct bench_blocks {
	u8 *first;
	u64 count;
};

struct bench {
	u64 pages; /* of the child */
	u32 rounds;
	u64 id;
	u8 *memory;   /* its pages, as the host sees them */
	u8 *original; /* what they hold when nothing is under way */
	struct bench_blocks stream; /* as restore calls take them */
	u8 *window; /* some of them, where restore calls find them */
	u64 stream_bytes;
};
extern struct bench bench;

/* Processor time of this thread. */
double bench_seconds(void);

/* Room that is not touched for the first time while the clock runs. */
u8 *bench_room(u64 bytes);

/* Brings blocks from number `at` on into the window; how many. */
u64 bench_bring(const struct bench_blocks *blocks, u64 at);

/*
 * The limits: seconds for what must be read and what must be written, in pieces
 * of a call's size, and nothing else; in a bare loop, the CRCs of the stream too.
 */
double limit_save(void);
double limit_restore(void);
double limit_save_bare(void);
double limit_restore_bare(void);

/* Finds out which pages are one word over and over: once for each memory. */
void limit_prepare(void);

#endif
