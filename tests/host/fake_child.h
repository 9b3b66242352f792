/*
 * Children with contents: made at random, compared with one another.
 */
#ifndef FAKE_CHILD_H
#define FAKE_CHILD_H

#include "tests/host/fake_guest.h"

/* Where the pages of a child are; the same for source and target. */
struct child_shape {
	u32 vps;
	u64 vp_set;
	u32 page_count;
	u64 gpns[512];
	u32 rights[512];
};

/* Holes, runs, far away places. */
void child_shape_random(struct child_shape *shape, u64 seed);
/* `pages` pages from 0 up and one VP. */
void child_shape_small(struct child_shape *shape, u32 pages);

/* A child of that shape, in reset state with pages of garbage. */
u64 child_make(const struct child_shape *shape);

/* The same pages, read-only ones writable: what a restore needs. */
u64 child_make_target(const struct child_shape *shape);

/* Fills registers, MSRs, extended state, events, and memory. */
void child_fill(u64 id, const struct child_shape *shape, u64 seed);

/* Fails the test where memory, registers or events differ. */
void child_compare(u64 a, u64 b, const struct child_shape *shape);

/* Such a child, filled, and the stream of it. */
void child_save(const struct child_shape *shape, u64 seed, u64 *id,
                struct guest_stream *s);

#endif
