/* The report that the last run of the hypervisor may have left in memory. */
#ifndef STASIS_BOOT_RECORD_H
#define STASIS_BOOT_RECORD_H

#include <efi.h>

#include "include/handoff.h"

/* Makes an empty one: from now on, this run is the last. */
void record_begin(struct handoff_record *record);

/* Nothing runs after all: there is nothing to be found. */
void record_drop(struct handoff_record *record);

/* Looks for it and prints it. EFI_NOT_FOUND: there is none. */
EFI_STATUS record_print_last(void);

#endif
