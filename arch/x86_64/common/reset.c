/*
 * Resets the machine: the way that ACPI names, then those that PCs have had for
 * long, then a shutdown of the processor, which chipsets answer with a reset.
 */
#include "arch/x86_64/common/reset.h"

#include "arch/x86_64/common/paging.h"
#include "arch/x86_64/common/regs.h"
#include "arch/x86_64/common/vendor.h"
#include "hv/arch.h"
#include "include/pc_ports.h"

#define SETTLE_US 100000ull /* for each way to show that it works */

#define RESET_SYSTEM 0x02 /* what: all of it, but the power stays on */
#define RESET_GO 0x04

#define KEYBOARD_FULL 0x02
#define KEYBOARD_PULSE_RESET 0xfe
#define KEYBOARD_POLLS 100000

static struct handoff_reset by;
static u64 tsc_hz;
static u32 seconds;

void reset_init(const struct handoff *h)
{
	by = h->reset;
	tsc_hz = h->tsc_hz;
	seconds = h->reset_seconds;
}

u32 reset_seconds(void)
{
	return seconds;
}

static void wait(u64 ticks)
{
	u64 start = arch_tsc();

	while (arch_tsc() - start < ticks)
		__asm__ volatile("pause");
}

/* Of bus 0: ACPI's address is device, function and register, 16 bits each. */
static void write_pci(u64 address, u8 value)
{
	u32 device = address >> 32 & 31, function = address >> 16 & 7;
	u32 reg = address & 0xff;

	port_write_32(PORT_PCI_ADDRESS, (u32)PCI_ENABLE | device << 11 |
	                                        function << 8 | (reg & 0xfc));
	port_write((u16)(PORT_PCI_DATA + (reg & 3)), value);
}

/* Else there is no window for devices yet. */
static bool on_our_tables(void)
{
	return cr3_read() == paging_root();
}

static void by_acpi(void)
{
	hpa_t page = hpa_of(by.address & ~(PAGE_SIZE - 1));

	if (by.space == HANDOFF_RESET_IO)
		port_write((u16)by.address, by.value);
	else if (by.space == HANDOFF_RESET_PCI)
		write_pci(by.address, by.value);
	else if (by.space == HANDOFF_RESET_MEMORY && on_our_tables())
		*((volatile u8 *)paging_device(page) + by.address % PAGE_SIZE) =
			by.value;
}

static void by_reset_control(void)
{
	port_write(PORT_RESET_CONTROL, RESET_SYSTEM);
	port_write(PORT_RESET_CONTROL, RESET_SYSTEM | RESET_GO);
}

static void by_keyboard_controller(void)
{
	for (u32 i = 0; i < KEYBOARD_POLLS; i++)
		if (!(port_read(PORT_KEYBOARD) & KEYBOARD_FULL))
			break;
	port_write(PORT_KEYBOARD, KEYBOARD_PULSE_RESET);
}

/* Without a single gate no exception can be delivered. */
static void by_shutdown(void)
{
	idt_write((struct descriptor_table){ 0, 0 });
	__asm__ volatile("int3");
}

_Noreturn void reset_now(void)
{
	/* First of all: INIT, which some ways come to, is blocked in VMX operation. */
	static void (*const ways[])(void) = {
		vendor_end,  by_acpi, by_reset_control, by_keyboard_controller,
		by_shutdown,
	};
	static volatile u32
		next; /* one that ends in an exception is not tried again */

	while (next < ARRAY_LEN(ways)) {
		ways[next++]();
		wait(tsc_hz / (1000000 / SETTLE_US));
	}
	halt_forever();
}

_Noreturn void reset_later(void)
{
	if (seconds == HANDOFF_RESET_NEVER)
		halt_forever();
	wait(tsc_hz * seconds);
	reset_now();
}
