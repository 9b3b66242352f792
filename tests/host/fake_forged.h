/*
 * A good stream to forge others from, and a target that it fits.
 */
#ifndef FAKE_FORGED_H
#define FAKE_FORGED_H

#include "tests/host/fake_child.h"
#include "tests/host/fake_forge.h"

/*
 * A child of VPs 0 and 2, one with a message, and six pages in two runs, saved.
 * The target, of the same shape.
 */
u64 forged_make(struct child_shape *shape, struct guest_stream *s);

/* The same, its stream in chunks. */
u64 forged_begin(struct forge *good);

/* What a restore says of a stream, and of chunks. */
u32 forged_offer(const struct guest_stream *s, u64 target);
u32 forged_restore(const struct forge *f, u64 target);

#endif
