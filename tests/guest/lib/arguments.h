/*
 * What the shell gave a program: name=number, and cases that it leaves out.
 */
#ifndef GUEST_ARGUMENTS_H
#define GUEST_ARGUMENTS_H

#include <efi.h>

#include "include/types.h"

/* The number behind "name=", or otherwise. Also before test_run. */
u64 arguments_number(EFI_HANDLE image, EFI_SYSTEM_TABLE *table,
                     const char *name, u64 otherwise);

/*
 * Is this case to be left out? True when its name is on the command line, in
 * slashes, as in "share.efi without /this case/that case/".
 */
bool arguments_leave_out(EFI_HANDLE image, EFI_SYSTEM_TABLE *table,
                         const char *name);

#endif
