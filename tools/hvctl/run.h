/*
 * What a device may want of the run that its child is in.
 */
#ifndef STASIS_HVCTL_RUN_H
#define STASIS_HVCTL_RUN_H

#include "include/types.h"

struct run;

/* The child has printed a byte. */
void run_console(struct run *run, u8 byte);

/* The child has ended. */
void run_exit(struct run *run, u8 code);

#endif
