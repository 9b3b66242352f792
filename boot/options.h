/* The words behind `stasis.efi` on the shell's command line. */
#ifndef STASIS_BOOT_OPTIONS_H
#define STASIS_BOOT_OPTIONS_H

#include <efi.h>

#include "include/handoff.h"

#define OPTIONS_MEMORY_MIN 8u    /* MiB */
#define OPTIONS_MEMORY_MAX 4096u /* MiB; keeps every sum within 64 bits */

struct boot_options {
	u64 memory_mib; /* 0: let boot choose */
	enum handoff_fault fault;
	bool help;
	bool check; /* look at the machine, start nothing */
};

/* EFI_SUCCESS, or EFI_INVALID_PARAMETER after one line that says why. */
EFI_STATUS options_parse(const CHAR16 *text, UINTN size,
                         struct boot_options *options);

void options_print_help(void);

#endif
