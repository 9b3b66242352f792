/*
 * The files of front.h, by the shell's paths.
 */
#ifndef STASIS_HVCTL_UEFI_FILES_H
#define STASIS_HVCTL_UEFI_FILES_H

#include <efi.h>

/* Called once, with the handle of this program. */
void files_init(EFI_HANDLE image);

/* Why the last file that could not be used could not. */
EFI_STATUS files_status(void);

#endif
