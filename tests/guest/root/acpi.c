/*
 * ACPI tables of Bochs' machine, which its firmware has not: OVMF takes them from a device of
 * QEMU's. Not a scenario: linux_root.py runs it before an operating system, which finds all
 * processors, the I/O APIC, and the way to switch the machine off by them.
 */
#include <efi.h>
#include <efilib.h>

#include "include/x86_apic.h"
#include "tests/guest/lib/arguments.h"

#define MOST_CPUS 8
#define IOAPIC_ADDRESS 0xfec00000u

/* Its power management, where OVMF has put it, and the command that hands it over. */
#define PM_EVENTS 0xb000
#define PM_CONTROL 0xb004
#define PM_TIMER 0xb008
#define SMI_COMMAND 0xb2
#define SMI_ACPI_ON 0xf1
#define SMI_ACPI_OFF 0xf0
#define SCI 9

#define BOOT_LEGACY 1u   /* devices of the ISA bus */
#define BOOT_KEYBOARD 2u /* a keyboard controller */
#define FLAG_WBINVD 1u
#define FLAG_C1 4u

/* The protocol of UEFI 2.10, 20.2; the library's headers do not have it. */
typedef struct acpi_table_protocol acpi_table_protocol;
struct acpi_table_protocol {
	EFI_STATUS(EFIAPI *install)
	(acpi_table_protocol *self, VOID *table, UINTN size, UINTN *key);
};
static const EFI_GUID acpi_guid = { 0xffe06bdd,
	                            0x6107,
	                            0x46a6,
	                            { 0x7b, 0xb2, 0x5a, 0x9c, 0x7e, 0xc5, 0x27,
	                              0x5c } };

/* What begins each table (ACPI 6.3, 5.2.6); the firmware makes the sum right. */
struct header {
	char signature[4];
	UINT32 length;
	UINT8 revision, sum;
	char oem[6], oem_table[8];
	UINT32 oem_revision;
	char creator[4];
	UINT32 creator_revision;
} __attribute__((packed));

#define HEADER(letters, version, type)                        \
	{                                                     \
		.signature = letters, .length = sizeof(type), \
		.revision = (version), .oem = "STASIS",       \
		.oem_table = "BOCHS   ", .creator = "STAS",   \
	}

/* 5.2.9, as far as version 3 goes. */
struct fadt {
	struct header header;
	UINT32 facs, dsdt;
	UINT8 rsvd0, profile;
	UINT16 sci;
	UINT32 smi_command;
	UINT8 acpi_on, acpi_off, s4, pstate;
	UINT32 events_a, events_b, control_a, control_b, control_2, timer, gpe0,
		gpe1;
	UINT8 events_bytes, control_bytes, control_2_bytes, timer_bytes,
		gpe0_bytes, gpe1_bytes, gpe1_base, cstate;
	UINT16 c2_latency, c3_latency, flush_size, flush_stride;
	UINT8 duty_offset, duty_width, day, month, century;
	UINT16 boot;
	UINT8 rsvd1;
	UINT32 flags;
	UINT8 reset[12], reset_value, rsvd2[3];
	UINT8 longs[112];
} __attribute__((packed));
_Static_assert(sizeof(struct fadt) == 244, "ACPI 3.0, 5.2.9");

static struct fadt fadt = {
	.header = HEADER("FACP", 3, struct fadt),
	.sci = SCI,
	.smi_command = SMI_COMMAND,
	.acpi_on = SMI_ACPI_ON,
	.acpi_off = SMI_ACPI_OFF,
	.events_a = PM_EVENTS,
	.control_a = PM_CONTROL,
	.timer = PM_TIMER,
	.events_bytes = 4,
	.control_bytes = 2,
	.timer_bytes = 4,
	.c2_latency = 0xffff, /* there are no such states */
	.c3_latency = 0xffff,
	.boot = BOOT_LEGACY | BOOT_KEYBOARD,
	.flags = FLAG_WBINVD | FLAG_C1,
};

/* 5.2.12. */
struct madt {
	struct header header;
	UINT32 lapic, flags;
	struct {
		UINT8 type, length, id, rsvd;
		UINT32 address, first;
	} __attribute__((packed)) ioapic;
	struct {
		UINT8 type, length, bus, source;
		UINT32 pin;
		UINT16 flags;
	} __attribute__((packed)) moved[2];
	struct {
		UINT8 type, length, uid, id;
		UINT32 flags;
	} __attribute__((packed)) cpus[MOST_CPUS];
} __attribute__((packed));

static struct madt madt = {
	.header = HEADER("APIC", 1, struct madt),
	.lapic = LAPIC_BASE_RESET,
	.flags = 1, /* there is an 8259 pair */
	.ioapic = { 1, 12, 0, 0, IOAPIC_ADDRESS, 0 },
	/* The PIT's pin; the SCI is level-triggered, and active when high. */
	.moved = { { 2, 10, 0, 0, 2, 0 }, { 2, 10, 0, SCI, SCI, 0xd } },
};

/* Name (_S5, Package (4) { 0, 0, 0, 0 }): type 0 switches Bochs off. */
static struct {
	struct header header;
	UINT8 aml[12];
} __attribute__((packed)) dsdt = {
	.header = HEADER("DSDT", 2, dsdt),
	.aml = { 0x08, '_', 'S', '5', '_', 0x12, 0x06, 4, 0, 0, 0, 0 },
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	struct header *const tables[] = { &fadt.header, &madt.header,
		                          &dsdt.header };
	EFI_GUID guid = acpi_guid;
	acpi_table_protocol *acpi;
	EFI_STATUS status;
	UINT8 cpus;
	UINTN key;

	InitializeLib(image, table);
	cpus = (UINT8)arguments_number(image, table, "cpus", 1);
	if (cpus == 0 || cpus > MOST_CPUS)
		return EFI_INVALID_PARAMETER;
	for (UINT8 i = 0; i < cpus; i++) {
		madt.cpus[i].length = sizeof(madt.cpus[i]);
		madt.cpus[i].uid = madt.cpus[i].id = i;
		madt.cpus[i].flags = 1; /* usable */
	}
	madt.header.length -=
		(UINT32)((UINTN)(MOST_CPUS - cpus) * sizeof(madt.cpus[0]));
	/* Bochs gives it the number behind those of the processors. */
	madt.ioapic.id = cpus;
	status = BS->LocateProtocol(&guid, NULL, (VOID **)&acpi);
	for (UINTN i = 0; !EFI_ERROR(status) && i < ARRAY_LEN(tables); i++)
		status =
			acpi->install(acpi, tables[i], tables[i]->length, &key);
	Print(L"acpi: %r\r\n", status);
	return status;
}
