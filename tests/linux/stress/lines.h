/*
 * What a text was, in few characters: for whoever has to know that none was lost on its
 * way over a console.
 */
#ifndef TESTS_LINUX_LINES_H
#define TESTS_LINUX_LINES_H

#include "include/types.h"

/* Print the FNV-1a hash (32 bits) of each line of the standard input, several in a row,
 * each row begins with LINES. Whether all could be read. */
bool lines_hash(void);

#endif
