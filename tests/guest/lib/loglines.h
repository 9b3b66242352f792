/*
 * The hypervisor's log, line by line.
 */
#ifndef GUEST_LOGLINES_H
#define GUEST_LOGLINES_H

#include "include/types.h"

/* A line about a VP that the processor did not take. */
#define LOGLINES_FAILED "entry failed"

/*
 * Calls `each` with every line from *position on, and moves it to the end. False
 * when older lines were lost between two readings. The hypercall page must be
 * there.
 */
bool loglines_read(u64 *position, void (*each)(const char *line));

/* For `each`: to the console. */
void loglines_print(const char *line);

bool loglines_begins(const char *line, const char *head);
bool loglines_has(const char *line, const char *words);

#endif
