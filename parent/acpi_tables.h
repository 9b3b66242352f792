/*
 * The tables of ACPI that tell an operating system what a parent's child has: a
 * hardware-reduced machine with processors, an I/O APIC, a serial port, and ports that
 * switch it off and reset it.
 */
#ifndef STASIS_PARENT_ACPI_TABLES_H
#define STASIS_PARENT_ACPI_TABLES_H

#include "include/types.h"

#define ACPI_TABLES_GPA 0xe0000u /* where systems look for the RSDP */
#define ACPI_TABLES_MAX 4096u    /* bytes of all of them */
#define ACPI_TABLES_CPUS 64u

/* The interrupt line of the serial port at PORT_COM1: this pin of the I/O APIC. */
#define ACPI_TABLES_SERIAL_PIN 4u

/*
 * Writes them as they are to lie at ACPI_TABLES_GPA, the RSDP first. cpus: 1 to
 * ACPI_TABLES_CPUS; an APIC's id is its processor's index. The bytes, at most
 * ACPI_TABLES_MAX.
 */
u32 acpi_tables_write(u8 *to, u32 cpus);

#endif
