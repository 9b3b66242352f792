/*
 * ACPI's tables as facts: offsets in those that are read in one place and made in another
 * (ACPI 6.3, 5.2).
 */
#ifndef STASIS_ACPI_H
#define STASIS_ACPI_H

#include "include/types.h"

#define RSDP_XSDT 24u /* where the pointer is */

#define FADT_FLAGS 112u
#define FADT_RESET 116u /* a register: */
#define FADT_RESET_VALUE 128u
#define FADT_FLAG_RESET BIT(10)

/* In a register's 12 bytes (5.2.3.2). */
#define GAS_SPACE 0u
#define GAS_ADDRESS 4u

#endif
