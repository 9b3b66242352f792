/*
 * Numbers in order, few of them.
 */
#ifndef GUEST_SORT_H
#define GUEST_SORT_H

#include "include/types.h"

static inline void sort(u64 *list, u32 count)
{
	for (u32 i = 1; i < count; i++) {
		u64 value = list[i];
		u32 at = i;

		for (; at > 0 && list[at - 1] > value; at--)
			list[at] = list[at - 1];
		list[at] = value;
	}
}

#endif
