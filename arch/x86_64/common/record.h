/*
 * The report in reserved memory, where the next boot's `stasis.efi log` finds
 * it (struct handoff_record).
 */
#ifndef ARCH_RECORD_H
#define ARCH_RECORD_H

#include "include/handoff.h"

void record_init(const struct handoff *h);

/* What finds no more room is dropped. */
void record_write(const char *text, u32 count);

/* Adds the end of the log, and sees to it that all of it survives a reset. */
void record_finish(void);

#endif
