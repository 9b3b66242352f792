/* The serial port that reports go to: the user's choice, looked at. */
#ifndef STASIS_BOOT_UART_H
#define STASIS_BOOT_UART_H

#include "boot/memory.h"
#include "boot/options.h"

/*
 * Finds the port and sets its line up, unless it is COM1 by default. What the
 * user has named and is not there: a status other than EFI_SUCCESS after one
 * line.
 */
EFI_STATUS uart_find(const struct boot_serial *wanted,
                     const struct memory_map *map, struct handoff_uart *uart);

#endif
