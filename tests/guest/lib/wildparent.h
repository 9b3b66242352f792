/*
 * What a parent does with a wild child that runs: it answers its messages, one way or
 * another, and disturbs it. Every call is answered as documented.
 */
#ifndef GUEST_WILDPARENT_H
#define GUEST_WILDPARENT_H

#include "tests/guest/lib/child.h"

/* This is the child, also when it is made anew. False: no memory. */
bool wildparent_begin(struct child *c);
void wildparent_end(void);

/* Its next message, into the child's; false: there is none. */
bool wildparent_take(void);

/* False: it cannot go on, or a check has failed. */
bool wildparent_answer(void);
bool wildparent_disturb(void);

/* Whatever was mapped for it goes away again; others may have unmapped it before. */
bool wildparent_unmap(bool others);

/* The status is SUCCESS or one of these bits; else the case has failed. */
#define WILD_MAY(status) BIT(status)
bool wildparent_answered(enum hv_status status, u64 may);

void wildparent_print(void);

#endif
