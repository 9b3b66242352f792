/*
 * Sleep control, sleep status, reset.
 */
#include "parent/acpi_power.h"

/* Sleep control: where to, and go (ACPI 6.3, table 4-24). */
#define CONTROL_TYPE 0x1cu
#define CONTROL_TYPE_SHIFT 2
#define CONTROL_GO 0x20u

const u8 acpi_power_vector[ACPI_POWER_VECTOR_BYTES] = {
	0xba, /* MOV DX, the port of reset */
	(ACPI_POWER_PORT + ACPI_POWER_RESET) & 0xff,
	(ACPI_POWER_PORT + ACPI_POWER_RESET) >> 8,
	0xb0, /* MOV AL, */
	ACPI_POWER_RESET_VALUE,
	0xee, /* OUT DX, AL */
	0xf4, /* HLT, and there again, for a parent that leaves it at that */
	0xeb,
	0xfd,
};

u8 acpi_power_read(const struct acpi_power *p, u32 offset)
{
	/* Go is for writing. The status would tell of waking up, which nothing here does. */
	return offset == ACPI_POWER_CONTROL ? p->control : 0;
}

enum acpi_power_event acpi_power_write(struct acpi_power *p, u32 offset,
                                       u8 value)
{
	if (offset == ACPI_POWER_RESET && value == ACPI_POWER_RESET_VALUE)
		return ACPI_POWER_IS_RESET;
	if (offset != ACPI_POWER_CONTROL)
		return ACPI_POWER_NONE;
	p->control = value & CONTROL_TYPE;
	/* Other states than S5 are not offered: to go there is to stay. */
	if (!(value & CONTROL_GO) ||
	    p->control >> CONTROL_TYPE_SHIFT != ACPI_POWER_OFF_TYPE)
		return ACPI_POWER_NONE;
	return ACPI_POWER_SWITCHED_OFF;
}

bool acpi_power_valid(const struct acpi_power *p)
{
	for (u32 i = 0; i < sizeof(p->rsvd_z); i++)
		if (p->rsvd_z[i])
			return false;
	return !(p->control & ~CONTROL_TYPE);
}
