/*
 * The machine's reset.
 */
#ifndef ARCH_RESET_H
#define ARCH_RESET_H

#include "include/handoff.h"

void reset_init(const struct handoff *h);

/* How long reset_later waits, HANDOFF_RESET_NEVER: for ever. */
u32 reset_seconds(void);

/* After the time that the user has chosen. */
_Noreturn void reset_later(void);

/* At once, by whatever way this machine has. */
_Noreturn void reset_now(void);

#endif
