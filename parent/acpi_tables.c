/*
 * ACPI tables: RSDP, XSDT, FADT, MADT, DSDT (ACPI 6.3, 5.2; the encoding of the last
 * is that of chapter 20).
 */
#include "parent/acpi_tables.h"

#include "include/acpi.h"
#include "include/pc_ports.h"
#include "include/x86_apic.h"
#include "parent/acpi_power.h"
#include "parent/ioapic.h"
#include "parent/rtc.h"
#include "parent/uart16550.h"

/* The table that is being written is the last one. */
struct tables {
	u8 *at;    /* of all */
	u32 used;  /* bytes of all */
	u32 begin; /* where the last one begins */
};

/* ---- Bytes ---- */

static void byte(struct tables *t, u8 value)
{
	t->at[t->used++] = value;
}

static void number(struct tables *t, u64 value, u32 bytes)
{
	for (u32 i = 0; i < bytes; i++)
		byte(t, (u8)(value >> 8 * i));
}

static void text(struct tables *t, const char *letters, u32 count)
{
	for (u32 i = 0; i < count; i++)
		byte(t, (u8)letters[i]);
}

/* Over bytes that are there. */
static void put(struct tables *t, u32 at, u64 value, u32 bytes)
{
	for (u32 i = 0; i < bytes; i++)
		t->at[at + i] = (u8)(value >> 8 * i);
}

/* All bytes of a table add up to 0. */
static void put_sum(struct tables *t, u32 at, u32 begin, u32 end)
{
	u8 sum = 0;

	put(t, at, 0, 1);
	for (u32 i = begin; i < end; i++)
		sum = (u8)(sum + t->at[i]);
	put(t, at, (u8)-sum, 1);
}

/* ---- A table's header (5.2.6) ---- */

#define HEADER_LENGTH 4u
#define HEADER_SUM 9u

static u32 begin_table(struct tables *t, const char *signature, u8 revision)
{
	while (t->used % 16)
		byte(t, 0);
	t->begin = t->used;
	text(t, signature, 4);
	number(t, 0, 4); /* the length, when it is known */
	byte(t, revision);
	byte(t, 0); /* and the sum */
	text(t, "STASIS", 6);
	text(t, "CHILD   ", 8);
	number(t, 1, 4);
	text(t, "STAS", 4);
	number(t, 1, 4);
	return t->begin;
}

static void end_table(struct tables *t)
{
	put(t, t->begin + HEADER_LENGTH, t->used - t->begin, 4);
	put_sum(t, t->begin + HEADER_SUM, t->begin, t->used);
}

/* ---- FADT (5.2.9) ---- */

#define FADT_BYTES 276u
#define FADT_DSDT 40u
#define FADT_BOOT 109u
#define FADT_MINOR 131u
#define FADT_DSDT_LONG 140u
#define FADT_SLEEP_CONTROL 244u
#define FADT_SLEEP_STATUS 256u

#define BOOT_NO_VGA BIT(2)
#define FLAG_WBINVD BIT(0)
#define FLAG_NO_POWER_BUTTON BIT(4)
#define FLAG_NO_SLEEP_BUTTON BIT(5)
#define FLAG_REDUCED BIT(20)

/* A register of one byte, at a port (5.2.3.2). */
static void put_port(struct tables *t, u32 at, u32 offset)
{
	put(t, at + GAS_SPACE, 1, 1); /* system I/O */
	put(t, at + 1, 8, 1);         /* bits */
	put(t, at + 3, 1, 1);         /* accessed as a byte */
	put(t, at + GAS_ADDRESS, ACPI_POWER_PORT + offset, 8);
}

static u32 write_fadt(struct tables *t, u32 dsdt)
{
	u32 begin = begin_table(t, "FACP", 6);

	while (t->used < begin + FADT_BYTES)
		byte(t, 0);
	put(t, begin + FADT_DSDT, ACPI_TABLES_GPA + dsdt, 4);
	put(t, begin + FADT_DSDT_LONG, ACPI_TABLES_GPA + dsdt, 8);
	/* No bit for a keyboard controller or for devices of the ISA bus: there are none. */
	put(t, begin + FADT_BOOT, BOOT_NO_VGA, 2);
	put(t, begin + FADT_FLAGS,
	    FLAG_WBINVD | FLAG_NO_POWER_BUTTON | FLAG_NO_SLEEP_BUTTON |
	            FADT_FLAG_RESET | FLAG_REDUCED,
	    4);
	put_port(t, begin + FADT_RESET, ACPI_POWER_RESET);
	put(t, begin + FADT_RESET_VALUE, ACPI_POWER_RESET_VALUE, 1);
	put(t, begin + FADT_MINOR, 3, 1);
	put_port(t, begin + FADT_SLEEP_CONTROL, ACPI_POWER_CONTROL);
	put_port(t, begin + FADT_SLEEP_STATUS, ACPI_POWER_STATUS);
	end_table(t);
	return begin;
}

/* ---- MADT (5.2.12) ---- */

static u32 write_madt(struct tables *t, u32 cpus)
{
	u32 begin = begin_table(t, "APIC", 5);

	number(t, LAPIC_BASE_RESET, 4);
	number(t, 0, 4); /* no 8259 beside it */
	for (u32 cpu = 0; cpu < cpus; cpu++) {
		text(t, "\0\x08", 2); /* a local APIC, 8 bytes */
		byte(t, (u8)cpu);     /* _UID of its device */
		byte(t, (u8)cpu);     /* its id */
		number(t, 1, 4);      /* usable */
	}
	text(t, "\x01\x0c\0\0", 4); /* an I/O APIC, 12 bytes, id 0 */
	number(t, IOAPIC_GPA, 4);
	number(t, 0, 4); /* the number of its first interrupt */
	end_table(t);
	return begin;
}

/* ---- DSDT: AML (20.2) ---- */

#define AML_NAME 0x08u
#define AML_BYTE 0x0au
#define AML_DWORD 0x0cu
#define AML_STRING 0x0du
#define AML_SCOPE 0x10u
#define AML_BUFFER 0x11u
#define AML_PACKAGE 0x12u
#define AML_EXTENDED 0x5bu
#define AML_DEVICE 0x82u /* behind the one before */

/*
 * What has a length in front of it: that has two bytes here, which are enough for 4095
 * bytes with themselves (20.2.4).
 */
static u32 begin_package(struct tables *t)
{
	number(t, 0, 2);
	return t->used - 2;
}

static void end_package(struct tables *t, u32 begin)
{
	u32 length = t->used - begin;

	put(t, begin, 0x40 | (length & 0xf), 1);
	put(t, begin + 1, length >> 4, 1);
}

static u32 begin_device(struct tables *t, const char *name)
{
	u32 begin;

	byte(t, AML_EXTENDED);
	byte(t, AML_DEVICE);
	begin = begin_package(t);
	text(t, name, 4);
	return begin;
}

static void begin_name(struct tables *t, const char *name)
{
	byte(t, AML_NAME);
	text(t, name, 4);
}

static void small(struct tables *t, u8 value)
{
	if (value > 1)
		byte(t, AML_BYTE);
	/* Zero and one are operators of their own, of these numbers. */
	byte(t, value);
}

/* Device (Cnn) { Name (_HID, "ACPI0007") Name (_UID, n) } */
static void write_cpu(struct tables *t, u32 cpu)
{
	static const char digits[] = "0123456789ABCDEF";
	const char name[4] = { 'C', '0', digits[cpu / 16], digits[cpu % 16] };
	u32 begin = begin_device(t, name);

	begin_name(t, "_HID");
	byte(t, AML_STRING);
	text(t, "ACPI0007", 9);
	begin_name(t, "_UID");
	small(t, (u8)cpu);
	end_package(t, begin);
}

/* IO (Decode16, port, port, 1, count) (6.4.2.5) */
static void write_ports(struct tables *t, u32 first, u32 count)
{
	text(t, "\x47\x01", 2);
	number(t, first, 2);
	number(t, first, 2);
	byte(t, 1); /* alignment */
	byte(t, (u8)count);
}

/* Interrupt (ResourceConsumer, Edge, ActiveHigh) { pin } (6.4.3.6) */
static void write_pin(struct tables *t, u32 pin)
{
	text(t, "\x89\x06\0\x03\x01", 5);
	number(t, pin, 4);
}

/* A device of the ISA bus: by its EISA id, in the bytes of that encoding (19.3.4). */
struct isa_device {
	const char *name, *id;
	u32 port, ports, pin; /* pin 0: none */
};

static const struct isa_device isa_devices[] = {
	{ "COM1", "\x41\xd0\x05\x01", PORT_COM1, UART16550_PORTS,
	  ACPI_TABLES_SERIAL_PIN },                           /* PNP0501 */
	{ "RTC_", "\x41\xd0\x0b\0", RTC_PORT, RTC_PORTS, 0 }, /* PNP0B00 */
};

/* Device (name) { Name (_HID, EisaId (id)) _UID, _CRS } */
static void write_isa_device(struct tables *t, const struct isa_device *isa)
{
	u32 begin = begin_device(t, isa->name), buffer, size;

	begin_name(t, "_HID");
	byte(t, AML_DWORD);
	text(t, isa->id, 4);
	begin_name(t, "_UID");
	small(t, 1);
	begin_name(t, "_CRS");
	byte(t, AML_BUFFER);
	buffer = begin_package(t);
	byte(t, AML_BYTE);
	size = t->used;
	byte(t, 0);
	write_ports(t, isa->port, isa->ports);
	if (isa->pin)
		write_pin(t, isa->pin);
	text(t, "\x79\0", 2); /* the end; a sum of 0 is none */
	put(t, size, t->used - size - 1, 1);
	end_package(t, buffer);
	end_package(t, begin);
}

/* Name (_S5, Package (2) { type, type }) */
static void write_off(struct tables *t)
{
	u32 begin;

	begin_name(t, "_S5_");
	byte(t, AML_PACKAGE);
	begin = begin_package(t);
	byte(t, 2);
	small(t, ACPI_POWER_OFF_TYPE);
	small(t, 0);
	end_package(t, begin);
}

static u32 write_dsdt(struct tables *t, u32 cpus)
{
	u32 begin = begin_table(t, "DSDT", 2), scope;

	byte(t, AML_SCOPE);
	scope = begin_package(t);
	text(t, "\\_SB_", 5);
	for (u32 cpu = 0; cpu < cpus; cpu++)
		write_cpu(t, cpu);
	for (u32 i = 0; i < ARRAY_LEN(isa_devices); i++)
		write_isa_device(t, &isa_devices[i]);
	end_package(t, scope);
	write_off(t);
	end_table(t);
	return begin;
}

/* ---- All of them ---- */

/* RSDP (5.2.5.3). */
#define RSDP_BYTES 36u
#define RSDP_SUM 8u
#define RSDP_OLD_BYTES 20u /* that its first sum is of */
#define RSDP_LONG_SUM 32u

static void write_rsdp(struct tables *t)
{
	text(t, "RSD PTR \0STASIS\x02", 16);
	number(t, 0, 4);          /* no table of 32-bit pointers */
	number(t, RSDP_BYTES, 4); /* of this one */
	number(t, 0, 8);          /* the XSDT, when it is there */
	number(t, 0, 4);
}

u32 acpi_tables_write(u8 *to, u32 cpus)
{
	struct tables t = { .at = to };
	u32 fadt, madt, xsdt;

	write_rsdp(&t);
	fadt = write_fadt(&t, write_dsdt(&t, cpus));
	madt = write_madt(&t, cpus);
	xsdt = begin_table(&t, "XSDT", 1);
	number(&t, ACPI_TABLES_GPA + fadt, 8);
	number(&t, ACPI_TABLES_GPA + madt, 8);
	end_table(&t);
	put(&t, RSDP_XSDT, ACPI_TABLES_GPA + xsdt, 8);
	put_sum(&t, RSDP_SUM, 0, RSDP_OLD_BYTES);
	put_sum(&t, RSDP_LONG_SUM, 0, RSDP_BYTES);
	return t.used;
}
