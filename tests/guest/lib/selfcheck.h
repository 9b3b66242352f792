/*
 * What a child must not touch: registers of ours, and pages beside what it has.
 */
#ifndef GUEST_SELFCHECK_H
#define GUEST_SELFCHECK_H

#include "include/types.h"

/* What fails in these functions fails the case. */

/* As it is now, it shall be; and some pages with a pattern. */
bool selfcheck_begin(void);

/* It still is. */
bool selfcheck_holds(void);

/* The registers alone, of the processor that runs this. */
void selfcheck_registers_begin(void);
bool selfcheck_registers_hold(void);

/* The pages go back, and none of those that were given away is out. */
bool selfcheck_end(void);

#endif
