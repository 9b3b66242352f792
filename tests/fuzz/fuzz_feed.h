/*
 * Offering a stream to a target in arbitrary cuts, with everything checked that
 * must hold after each call.
 */
#ifndef FUZZ_FEED_H
#define FUZZ_FEED_H

#include "tests/fuzz/fuzz_world.h"

struct fuzz_feed {
	u64 id;     /* the target, 0: the system */
	u32 flags;  /* of every call */
	u8 cuts[8]; /* how much each call offers, in turn; 0: all there is room
	             * for */
};

/* Takes 10 bytes. */
void fuzz_feed_read(struct fuzz_in *in, struct fuzz_feed *feed);

/*
 * Feeds until something final is said or all is consumed. The last result;
 * *at: how far it came.
 */
u32 fuzz_feed_run(const struct fuzz_feed *feed, const u8 *data, u32 size,
                  u32 *at);

#endif
