/*
 * Finds a 16550: COM1 unless the user says something else; then at an I/O
 * port, in memory, or as a function on PCI.
 */
#include "boot/uart.h"

#include <efi.h>
#include <efilib.h>

#include "boot/ports.h"

/* What we write to a 16550. */
#define FIFO_ON_AND_EMPTY 0x07
#define LCR_8N1 0x03
#define MODEM_DTR_RTS 0x03

/* Registers of a PCI function (PCI 3.0, 6.1). */
#define PCI_ID 0x00u
#define PCI_COMMAND 0x04u
#define PCI_CLASS 0x08u
#define PCI_BAR0 0x10u
#define PCI_BAR1 0x14u
#define PCI_COMMAND_IO BIT(0)
#define PCI_COMMAND_MEMORY BIT(1)
#define PCI_CLASS_SERIAL 0x0700u
#define PCI_BAR_IO BIT(0)
#define PCI_BAR_64 BIT(2)

static volatile void *uart_register(const struct handoff_uart *uart, u32 reg)
{
	return (volatile void *)(uart->address + (u64)reg * uart->stride);
}

static u8 uart_read(const struct handoff_uart *uart, u32 reg)
{
	volatile void *at = uart_register(uart, reg);

	if (!uart->in_memory)
		return port_read((u16)(u64)at);
	/* Some of these take words alone, and a read of a byte gives nonsense. */
	return uart->stride == 4 ? (u8) * (volatile u32 *)at
	                         : *(volatile u8 *)at;
}

static void uart_write(const struct handoff_uart *uart, u32 reg, u8 value)
{
	volatile void *at = uart_register(uart, reg);

	if (!uart->in_memory)
		port_write((u16)(u64)at, value);
	else if (uart->stride == 4)
		*(volatile u32 *)at = value;
	else
		*(volatile u8 *)at = value;
}

static bool uart_answers(const struct handoff_uart *uart)
{
	/*
	 * The one register without an effect. Empty space reads as ones, or as what was last on
	 * the bus: a value of our own tells them apart.
	 */
	u8 before = uart_read(uart, UART_SCRATCH);
	bool found;

	uart_write(uart, UART_SCRATCH, 0x5a);
	found = uart_read(uart, UART_SCRATCH) == 0x5a;
	uart_write(uart, UART_SCRATCH, before);
	return found;
}

/* 8 bits, no parity, no interrupts, at the clock's 1/16 by the divisor. */
static void uart_set_line(const struct handoff_uart *uart, u32 divisor)
{
	uart_write(uart, UART_LINE_CONTROL, LCR_DIVISOR | LCR_8N1);
	uart_write(uart, UART_DATA, (u8)divisor);
	uart_write(uart, UART_INTERRUPTS, (u8)(divisor >> 8));
	uart_write(uart, UART_LINE_CONTROL, LCR_8N1);
	/*
	 * Once DLAB is off: before that it is the divisor's upper half. We poll, and an
	 * interrupt would be the root's.
	 */
	uart_write(uart, UART_INTERRUPTS, 0);
	uart_write(uart, UART_FIFO, FIFO_ON_AND_EMPTY);
	uart_write(uart, UART_MODEM_CONTROL, MODEM_DTR_RTS);
}

/* Where BAR 0 says; a port on the chipset that is not of class "serial" has
 * registers of four bytes (Intel's LPSS). */
static bool uart_on_pci(u32 at, struct handoff_uart *uart)
{
	u32 bar = pci_read(at, PCI_BAR0);
	u32 decodes = PCI_COMMAND_MEMORY;

	/* All ones: there is no function. */
	if (pci_read(at, PCI_ID) == ~0u)
		return false;
	uart->stride = 1;
	uart->in_memory = !(bar & PCI_BAR_IO);
	uart->address = bar & ~(uart->in_memory ? 15u : 3u);
	/* A port behind a bridge may be placed above 4 GiB. */
	if (uart->in_memory && (bar & PCI_BAR_64))
		uart->address |= (u64)pci_read(at, PCI_BAR1) << 32;
	if (uart->in_memory &&
	    pci_read(at, PCI_CLASS) >> 16 != PCI_CLASS_SERIAL)
		uart->stride = 4;
	if (!uart->in_memory)
		decodes = PCI_COMMAND_IO;
	/* Only ones clear bits of the status in the upper half. */
	pci_write(at, PCI_COMMAND,
	          (pci_read(at, PCI_COMMAND) & 0xffff) | decodes);
	/* A function that the firmware has not placed has none. */
	return uart->address;
}

static bool uart_locate(const struct boot_serial *wanted,
                        struct handoff_uart *uart)
{
	*uart = (struct handoff_uart){
		.address = wanted->address,
		.stride = 1,
		.in_memory = wanted->address > OPTIONS_PORT_MAX,
	};
	if (wanted->kind == BOOT_SERIAL_PCI &&
	    !uart_on_pci((u32)wanted->address, uart))
		return false;
	/* The user knows the board better than its class code does. */
	if (wanted->stride)
		uart->stride = wanted->stride;
	return true;
}

EFI_STATUS uart_find(const struct boot_serial *wanted,
                     const struct memory_map *map, struct handoff_uart *uart)
{
	*uart = (struct handoff_uart){ .address = PORT_COM1, .stride = 1 };
	/*
	 * A machine without COM1 is no error; one without the port that was asked for is, below:
	 * who asks for it relies on it.
	 */
	if (wanted->kind == BOOT_SERIAL_NONE ||
	    (wanted->kind == BOOT_SERIAL_DEFAULT && !uart_answers(uart)))
		uart->address = 0;
	if (wanted->kind == BOOT_SERIAL_NONE ||
	    wanted->kind == BOOT_SERIAL_DEFAULT)
		return EFI_SUCCESS;
	/* RAM would answer as well. */
	if (!uart_locate(wanted, uart) ||
	    (uart->in_memory &&
	     memory_map_has(map, uart->address, PAGE_SIZE)) ||
	    !uart_answers(uart)) {
		Print(L"stasis: no serial port answers where serial= says "
		      L"(%a 0x%lx)\n",
		      uart->in_memory ? "address" : "I/O port", uart->address);
		return EFI_NOT_FOUND;
	}
	/* 0 leaves the line as the firmware's console may be using it. */
	if (wanted->divisor)
		uart_set_line(uart, wanted->divisor);
	return EFI_SUCCESS;
}
