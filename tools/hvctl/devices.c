/*
 * The table of devices: a new one is a row, and a function or two.
 */
#include "tools/hvctl/devices.h"

#include "include/pc_ports.h"
#include "include/x86_apic.h"
#include "parent/acpi_power.h"
#include "parent/acpi_tables.h"
#include "parent/pci_host.h"
#include "parent/rtc.h"
#include "tools/hvctl/front.h"
#include "tools/hvctl/run.h"

#define CONSOLE_PORT 0xe9
#define EXIT_PORT 0xf4

static void console_write(const struct device_access *access)
{
	u8 byte = (u8)access->value;

	/* A byte is a letter of ISO 8859-1: two bytes of UTF-8 from 80H on. */
	if (byte >= 0x80)
		run_console(access->parent, 0xc0 | byte >> 6);
	run_console(access->parent, byte < 0x80 ? byte : 0x80 | (byte & 0x3f));
}

static void exit_write(const struct device_access *access)
{
	run_exit(access->parent, BOOK_EXITED, (u8)access->value);
}

/* ---- The serial port ---- */

static void serial_line(const struct device_access *access)
{
	run_line(access->parent, ACPI_TABLES_SERIAL_PIN,
	         uart16550_asserts(access->state));
}

/* A wide access is one to each port, as the bus of a PC makes it. */
static u64 serial_read(const struct device_access *access)
{
	u64 value = 0;

	for (u32 i = 0; i < access->size; i++)
		value |= (u64)uart16550_read(access->state,
		                             (u32)access->offset + i)
		         << 8 * i;
	serial_line(access);
	return value;
}

static void serial_write(const struct device_access *access)
{
	for (u32 i = 0; i < access->size; i++) {
		u8 byte = (u8)(access->value >> 8 * i);

		if (uart16550_write(access->state, (u32)access->offset + i,
		                    byte))
			run_console(access->parent, byte);
	}
	serial_line(access);
}

static bool serial_valid(const void *state)
{
	return uart16550_valid(state);
}

/* ---- The I/O APIC ---- */

static void ioapic_row_reset(void *state)
{
	ioapic_reset(state);
}

/* Registers have 32 bits: of another width, or in the middle of one, there is none. */
static u64 ioapic_row_read(const struct device_access *access)
{
	return access->size == 4 ? ioapic_read(access->state, access->offset)
	                         : 0;
}

/* An entry that is unmasked may send at once what waits. */
static void ioapic_row_write(const struct device_access *access)
{
	if (access->size != 4)
		return;
	ioapic_write(access->state, access->offset, (u32)access->value);
	run_interrupts(access->parent);
}

static bool ioapic_row_valid(const void *state)
{
	return ioapic_valid(state);
}

/* ---- Off and reset ---- */

static u64 power_read(const struct device_access *access)
{
	u64 value = 0;

	for (u32 i = 0; i < access->size; i++)
		value |= (u64)acpi_power_read(access->state,
		                              (u32)access->offset + i)
		         << 8 * i;
	return value;
}

/* The events end the run behind the instruction that wrote: run_exit. */
static void power_write(const struct device_access *access)
{
	for (u32 i = 0; i < access->size; i++) {
		enum acpi_power_event event =
			acpi_power_write(access->state, (u32)access->offset + i,
		                         (u8)(access->value >> 8 * i));

		if (event == ACPI_POWER_SWITCHED_OFF)
			run_exit(access->parent, BOOK_OFF, 0);
		if (event == ACPI_POWER_IS_RESET)
			run_exit(access->parent, BOOK_RESET, 0);
	}
}

static bool power_valid(const void *state)
{
	return acpi_power_valid(state);
}

/* ---- The real-time clock ---- */

/* Of a system that does not know the time: the beginning of 2000, and it stands. */
static u32 now(void)
{
	struct rtc_time time;
	u32 seconds;

	return front_time(&time) && rtc_seconds(&time, &seconds) ? seconds : 0;
}

static void rtc_row_reset(void *state)
{
	rtc_reset(state);
}

static u64 rtc_row_read(const struct device_access *access)
{
	u64 value = 0;

	for (u32 i = 0; i < access->size; i++)
		value |= (u64)rtc_read(access->state, (u32)access->offset + i,
		                       now())
		         << 8 * i;
	return value;
}

static void rtc_row_write(const struct device_access *access)
{
	for (u32 i = 0; i < access->size; i++)
		rtc_write(access->state, (u32)access->offset + i,
		          (u8)(access->value >> 8 * i), now());
}

static bool rtc_row_valid(const void *state)
{
	return rtc_valid(state);
}

/* ---- PCI ---- */

/* Its first range is the address, the second the data. */
static u64 pci_read(const struct device_access *access)
{
	u32 at = (u32)access->offset;

	return access->range
	               ? pci_host_read_data(access->state, at, access->size)
	               : pci_host_read_address(access->state, at, access->size);
}

static void pci_write(const struct device_access *access)
{
	if (access->range == 0)
		pci_host_write_address(access->state, (u32)access->offset,
		                       access->size, access->value);
}

static bool pci_valid(const void *state)
{
	return pci_host_valid(state);
}

/*
 * Where a PC has its chipset and its firmware: systems look there for parts of the
 * processor's maker (Linux 6.16 at FED803C0H), and find that nothing answers. The page of
 * local APICs in between is the hypervisor's.
 */
#define CHIPSET 0xfed00000ull
#define FIRMWARE 0xfef00000ull

/*
 * The first two remember nothing: what was printed is printed, and a child that has
 * ended is restored as one that has not.
 */
static const struct device rows[] = {
	{ .name = "console",
	  .range = { { DEVICE_PORT, CONSOLE_PORT, 1 } },
	  .write = console_write },
	{ .name = "exit",
	  .range = { { DEVICE_PORT, EXIT_PORT, 1 } },
	  .write = exit_write },
	{ .name = "serial port",
	  .range = { { DEVICE_PORT, PORT_COM1, UART16550_PORTS } },
	  .read = serial_read,
	  .write = serial_write,
	  .state_size = sizeof(struct uart16550),
	  .kind = DEVICES_SERIAL,
	  .valid = serial_valid },
	{ .name = "I/O APIC",
	  .range = { { DEVICE_MEMORY, IOAPIC_GPA, IOAPIC_BYTES } },
	  .read = ioapic_row_read,
	  .write = ioapic_row_write,
	  .state_size = sizeof(struct ioapic),
	  .reset = ioapic_row_reset,
	  .kind = DEVICES_IOAPIC,
	  .valid = ioapic_row_valid },
	{ .name = "power",
	  .range = { { DEVICE_PORT, ACPI_POWER_PORT, ACPI_POWER_PORTS } },
	  .read = power_read,
	  .write = power_write,
	  .state_size = sizeof(struct acpi_power),
	  .kind = DEVICES_POWER,
	  .valid = power_valid },
	{ .name = "real-time clock",
	  .range = { { DEVICE_PORT, RTC_PORT, RTC_PORTS } },
	  .read = rtc_row_read,
	  .write = rtc_row_write,
	  .state_size = sizeof(struct rtc),
	  .reset = rtc_row_reset,
	  .kind = DEVICES_RTC,
	  .valid = rtc_row_valid },
	{ .name = "PCI",
	  .range = { { DEVICE_PORT, PORT_PCI_ADDRESS, PCI_HOST_ADDRESS_PORTS },
	             { DEVICE_PORT, PORT_PCI_DATA, PCI_HOST_DATA_PORTS } },
	  .read = pci_read,
	  .write = pci_write,
	  .state_size = sizeof(struct pci_host),
	  .kind = DEVICES_PCI,
	  .valid = pci_valid },
	{ .name = "chipset",
	  .range = { { DEVICE_MEMORY, CHIPSET, LAPIC_BASE_RESET - CHIPSET },
	             { DEVICE_MEMORY, FIRMWARE, BIT(32) - FIRMWARE } } },
};

const struct device_table devices_table = { rows, ARRAY_LEN(rows) };

/* ---- Found by others ---- */

static void *state_of(u8 *states, u32 kind)
{
	return device_state(&devices_table,
	                    device_of_kind(&devices_table, kind), states);
}

/* Each kind has a row, so there is a state. */
struct uart16550 *devices_serial(u8 *states)
{
	return state_of(states, DEVICES_SERIAL);
}

struct ioapic *devices_ioapic(u8 *states)
{
	return state_of(states, DEVICES_IOAPIC);
}

bool devices_serial_used(u8 *states)
{
	/* Not the scratch register, by which one only looks whether a port is there. */
	const struct uart16550 *u = devices_serial(states);

	return u->enable || u->line || u->modem || u->fifo || u->sent;
}
