/*
 * Where a report goes: reserved memory, a serial port, the screen.
 */
#ifndef ARCH_CONSOLE_H
#define ARCH_CONSOLE_H

#include "include/handoff.h"

/* arch_console_write (hv/arch.h) writes to all of them. */
void console_init(const struct handoff *h);

#endif
