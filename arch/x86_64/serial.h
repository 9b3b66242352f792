/*
 * The report port: a 16550 that the firmware has set up, written by polling.
 */
#ifndef ARCH_SERIAL_H
#define ARCH_SERIAL_H

#include "include/types.h"

/* 0: there is none, all writes are dropped. */
void serial_init(u16 port);

#endif
