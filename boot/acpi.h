/* What ACPI's tables say of the machine. */
#ifndef STASIS_BOOT_ACPI_H
#define STASIS_BOOT_ACPI_H

#include "include/handoff.h"

/* reset->space is HANDOFF_RESET_NONE when they name no reset register. */
void acpi_find_reset(struct handoff_reset *reset);

#endif
