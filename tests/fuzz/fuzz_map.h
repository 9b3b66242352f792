/*
 * Extended page tables as the SDM has them (28.2), read without the core: much
 * faster, and a second opinion.
 */
#ifndef FUZZ_MAP_H
#define FUZZ_MAP_H

#include "tests/fuzz/fuzz_image.h"

struct partition;

/* The page that its parent has mapped there, overlays looked through. */
bool fuzz_map_lookup(const struct partition *p, u64 gpn, hpa_t *page);

/* Moves *gpn up to the first mapped page of a child at or above it. */
bool fuzz_map_next(const struct partition *p, u64 *gpn, hpa_t *page);

#endif
