/*
 * COM1 by polling, past the firmware: what a test says must come out as it is
 * said, whatever state the firmware's console is in.
 */
#ifndef GUEST_SERIAL_H
#define GUEST_SERIAL_H

#include "include/types.h"

/* Formats: %s a string, %u decimal u64, %x hexadecimal u64 with 0x. */
void serial_print(const char *format, ...);

/* Takes in a character; false: none is there. */
bool serial_key(void);

#endif
