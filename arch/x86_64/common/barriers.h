/*
 * Between two partitions: nothing that the one has left in the processor's caches,
 * buffers and predictors is for the other to find (docs/architecture.md, "What is
 * defended").
 */
#ifndef ARCH_BARRIERS_H
#define ARCH_BARRIERS_H

#include "include/types.h"

struct partition;

/* Which of them from now on: HANDOFF_BARRIER_..., 0: none. */
void barriers_init(u32 barriers);

/* A VP of this partition is about to be entered. */
void barriers_cross(const struct partition *to);

#endif
