/*
 * Extended page tables as the SDM has them (28.2), read without the core: much
 * faster, and a second opinion.
 */
#ifndef FUZZ_MAP_H
#define FUZZ_MAP_H

#include "tests/fuzz/fuzz_image.h"

struct partition;

/* The entry for a page: a leaf of a level (0: 4 KiB, 1: 2 MiB), or a hole. */
const u64 *fuzz_map_entry(const struct partition *p, u64 gpn, u32 *level);

/* Is the entry in use, though it may give no rights? By our own mark (slat.c). */
FUZZ_QUICK static inline bool fuzz_map_used(u64 entry)
{
	return entry & BIT(52);
}

/* The page behind a leaf of level 0. */
FUZZ_QUICK static inline hpa_t fuzz_map_page(u64 entry)
{
	return hpa_of(entry & 0x000ffffffffff000ull);
}

/* The page that its parent has mapped there, overlays looked through. */
bool fuzz_map_lookup(const struct partition *p, u64 gpn, hpa_t *page);

/* Moves *gpn up to the first mapped page of a child at or above it. */
bool fuzz_map_next(const struct partition *p, u64 *gpn, hpa_t *page);

#endif
