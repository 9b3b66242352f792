/*
 * The machine's other logical processors, as the firmware has them (PI specification,
 * EFI_MP_SERVICES_PROTOCOL).
 */
#ifndef STASIS_BOOT_PROCESSORS_H
#define STASIS_BOOT_PROCESSORS_H

#include <efi.h>

#include "boot/call.h"

/*
 * How many there are, this one included, and whether all are as this one is: their
 * signature, what their firmware has locked, and who uses their virtualization. EFI_SUCCESS,
 * or a status after one line that says what is wrong.
 */
EFI_STATUS processors_find(u32 *count);

/*
 * Brings the others, count less this one, to the hypervisor that this one is under by now.
 * EFI_DEVICE_ERROR after a line for each that was not entered.
 */
EFI_STATUS processors_enter(const struct call_image *image, u32 count);

#endif
