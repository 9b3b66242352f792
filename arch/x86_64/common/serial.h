/*
 * The report port: a 16550 that firmware or boot has set up, written by
 * polling.
 */
#ifndef ARCH_SERIAL_H
#define ARCH_SERIAL_H

#include "include/handoff.h"

/* Address 0: there is none, all writes are dropped. */
void serial_init(const struct handoff_uart *uart);

void serial_write(const char *text, u32 count);

#endif
