/*
 * Whole files, by the shell's rules for paths: FS1:\dir\file, \dir\file, or
 * relative to the shell's current directory. Without a shell, paths count from
 * the root of the volume that hvctl came from. All print what went wrong.
 */
#ifndef STASIS_HVCTL_FILES_H
#define STASIS_HVCTL_FILES_H

#include <efi.h>

#include "include/types.h"

/* Called once, with the handle of this program. */
void files_init(EFI_HANDLE image);

/* All of a file; free data with FreePool. */
EFI_STATUS files_read(const CHAR16 *path, u8 **data, u64 *size);

/* A file to be written from its start; an old one of the name is replaced. */
EFI_STATUS files_create(const CHAR16 *path, EFI_FILE_HANDLE *file);

#endif
