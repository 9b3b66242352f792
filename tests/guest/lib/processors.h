/*
 * How many logical processors the machine has. A child's VPs go to the others first, so what
 * is about a processor that parent and child share is asked for where there is one.
 */
#ifndef GUEST_PROCESSORS_H
#define GUEST_PROCESSORS_H

#include "include/types.h"

/* As many as the root has VPs. */
u32 processors_count(void);

/* One: else the case is skipped, and says so. */
bool processors_is_one(void);

/* Two or more: likewise. */
bool processors_are_more(void);

#endif
