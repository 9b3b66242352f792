/*
 * What the shell gave a program: name=number.
 */
#ifndef GUEST_ARGUMENTS_H
#define GUEST_ARGUMENTS_H

#include <efi.h>

#include "include/types.h"

/* The number behind "name=", or otherwise. Also before test_run. */
u64 arguments_number(EFI_HANDLE image, EFI_SYSTEM_TABLE *table,
                     const char *name, u64 otherwise);

#endif
