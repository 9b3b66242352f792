/*
 * Names for code addresses, from the symbol table of the unloaded ELF file.
 */
#ifndef ARCH_SYMBOLS_H
#define ARCH_SYMBOLS_H

#include "include/handoff.h"

void symbols_init(const struct handoff *h);

/* The function that an address is in, and how far; NULL: none. */
const char *symbols_find(u64 address, u64 *offset);

/* Is the address in our code? */
bool symbols_is_code(u64 address);

#endif
