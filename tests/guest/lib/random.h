/*
 * Numbers at random, the same ones from the same seed. Each processor (mp.h) has a row of its
 * own.
 */
#ifndef GUEST_RANDOM_H
#define GUEST_RANDOM_H

#include "include/types.h"

void random_seed(u64 seed);
u64 random_next(void);
u32 random_below(u32 limit); /* 0 to limit - 1 */
bool random_one_in(u32 n);

/* One of the bits that are set in the mask; 0 if none is. */
u64 random_bit_of(u64 mask);

#endif
