/*
 * The firmware's memory map, reduced to where RAM is. No UEFI call here, so that
 * unit tests can have any firmware they like.
 */
#ifndef STASIS_BOOT_RANGES_H
#define STASIS_BOOT_RANGES_H

#include "include/handoff.h"

/* All RAM, ascending and merged. */
struct memory_map {
	u32 range_count;
	u64 page_count;
	struct handoff_range ranges[HANDOFF_RANGES];
};

/* Pieces that a firmware's map may have: ranges_add must find room for one. */
#define RANGES_MAX (HANDOFF_RANGES - 1)

enum ranges_result {
	RANGES_OK,
	RANGES_NONE,     /* these are no descriptors, or none is of RAM */
	RANGES_TOO_MANY, /* RAM is in more than RANGES_MAX pieces */
};

/*
 * From the descriptors of GetMemoryMap: `size` bytes of them, in any order,
 * `stride` bytes from one to the next. What two of them speak of is RAM only if
 * both say so.
 */
enum ranges_result ranges_read(struct memory_map *map, const void *descriptors,
                               u64 size, u64 stride);

/* Makes [base, base + size) RAM, whole pages. False: it would be a piece too many. */
bool ranges_add(struct memory_map *map, u64 base, u64 size);

/*
 * Bytes that the hypervisor needs for a map: the page database, which goes up to
 * the end of RAM over all holes, and as much as that for page tables of the RAM.
 */
u64 ranges_upkeep(const struct memory_map *map);

#endif
