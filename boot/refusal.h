/* Why a launch was refused, in words and as an EFI status. */
#ifndef STASIS_BOOT_REFUSAL_H
#define STASIS_BOOT_REFUSAL_H

#include <efi.h>

#include "include/handoff.h"

/* Prints one line for the result, which is not HANDOFF_OK. */
EFI_STATUS refusal_print(enum handoff_result result, u64 detail);

#endif
