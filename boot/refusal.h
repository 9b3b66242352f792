/* Why a launch was refused, in words and as an EFI status. */
#ifndef STASIS_BOOT_REFUSAL_H
#define STASIS_BOOT_REFUSAL_H

#include <efi.h>

#include "include/handoff.h"

/*
 * Prints why, in one line, for the result of a start, which is not HANDOFF_OK;
 * where the processor lacks something, a line for each thing. findings: of the
 * image that was called, or NULL.
 */
EFI_STATUS refusal_print(enum handoff_result result, u64 detail,
                         const struct handoff_findings *findings);

/* A line for each reason among the findings. `what`: would not start, ... */
EFI_STATUS refusal_print_all(const char *what,
                             const struct handoff_findings *findings);

#endif
