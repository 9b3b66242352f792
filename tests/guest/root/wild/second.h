/*
 * A second parent loop, on the second processor: it disturbs the child that the first one
 * answers, and looks at it, with blocks of its own.
 */
#ifndef WILD_SECOND_H
#define WILD_SECOND_H

#include "tests/guest/lib/child.h"

/* There is a second processor, and it waits. What fails fails the case. */
bool second_begin(u64 seed);
void second_end(void);
bool second_is_there(void);

/* It is at the child from here on; then it has let go of it, and taken back what it mapped. */
void second_go(const struct child *child);
bool second_stop(void);

void second_print(void);

#endif
