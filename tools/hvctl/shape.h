/*
 * The shape of a partition: its VPs and which pages it has. A stream tells it,
 * and a target must have it before it can be restored.
 */
#ifndef STASIS_HVCTL_SHAPE_H
#define STASIS_HVCTL_SHAPE_H

#include "include/stream.h"
#include "tools/hvctl/book.h"

#define SHAPE_EXTENTS 1024

struct shape {
	u32 vps[BOOK_VP_WORDS]; /* bitmap of VP indices */
	u32 extent_count;
	u64 pages; /* in all extents */
	struct stream_extent extent[SHAPE_EXTENTS];
};

/*
 * Reads the shape out of a whole stream. Nothing here checks integrity: the
 * hypervisor will. False, after a line about it, if there is no shape in it.
 */
bool shape_read(struct shape *shape, const u8 *data, u64 size);

#endif
