/*
 * UTF-8, which hvctl has, and UCS-2, which UEFI has (UEFI 2.10, 2.3.1).
 */
#ifndef STASIS_HVCTL_UEFI_TEXT_H
#define STASIS_HVCTL_UEFI_TEXT_H

#include <efi.h>

#include "include/types.h"

/*
 * Both write as much as there is room for, and a zero; a letter stays whole. What is
 * no UTF-8, or has no UCS-2, becomes U+FFFD.
 */
void text_widen(const char *from, CHAR16 *to, u32 room);
void text_narrow(const CHAR16 *from, char *to, u32 room);

#endif
