/*
 * What a device may want of the run that its child is in.
 */
#ifndef STASIS_HVCTL_RUN_H
#define STASIS_HVCTL_RUN_H

#include "tools/hvctl/book.h"

struct run;

/* The child has printed a byte. */
void run_console(struct run *run, u8 byte);

/* The child has ended; the code is of the first way. */
void run_exit(struct run *run, enum book_end how, u8 code);

/* A device's interrupt line, by its pin of the I/O APIC. */
void run_line(struct run *run, u32 pin, bool asserted);

/* The I/O APIC was written: what it has to send goes to the child. */
void run_interrupts(struct run *run);

#endif
