/*
 * How a machine of ACPI is switched off and reset where there is no other hardware for
 * it: three ports (ACPI 6.3, 4.8.3.6 and 4.8.3.7).
 */
#ifndef STASIS_PARENT_ACPI_POWER_H
#define STASIS_PARENT_ACPI_POWER_H

#include "include/types.h"

#define ACPI_POWER_PORT 0x604u
#define ACPI_POWER_PORTS 3u
enum acpi_power_offset {
	ACPI_POWER_CONTROL,
	ACPI_POWER_STATUS,
	ACPI_POWER_RESET
};

#define ACPI_POWER_OFF_TYPE 5u    /* SLP_TYP of \_S5 */
#define ACPI_POWER_RESET_VALUE 1u /* to the last port */

/* What it remembers, and the bytes of it in a file. */
struct acpi_power {
	u8 control; /* SLP_TYP, as the register has it */
	u8 rsvd_z[7];
};
_Static_assert(sizeof(struct acpi_power) == 8, "docs/stream.md");

enum acpi_power_event {
	ACPI_POWER_NONE,
	ACPI_POWER_SWITCHED_OFF,
	ACPI_POWER_IS_RESET
};

/*
 * All the firmware there is: code of real mode for the reset vector, which resets the
 * machine. A hardware-reduced Linux that was not started by UEFI jumps there.
 */
#define ACPI_POWER_VECTOR_GPA 0xffff0u
#define ACPI_POWER_VECTOR_BYTES 9u
extern const u8 acpi_power_vector[ACPI_POWER_VECTOR_BYTES];

u8 acpi_power_read(const struct acpi_power *p, u32 offset);
enum acpi_power_event acpi_power_write(struct acpi_power *p, u32 offset,
                                       u8 value);

/* Can it be in that state? */
bool acpi_power_valid(const struct acpi_power *p);

#endif
