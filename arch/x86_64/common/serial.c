/*
 * Writes to a 16550 by polling. The wait is bounded: a dead port must not hang
 * the hypervisor, and costs its time once only.
 */
#include "arch/x86_64/common/serial.h"

#include "arch/x86_64/common/regs.h"
#include "include/pc_ports.h"

#define SERIAL_POLLS 100000

static struct handoff_uart uart;

void serial_init(const struct handoff_uart *u)
{
	uart = *u;
}

/* Registers that are four bytes apart want to be reached by four bytes. */
static u8 get(u32 reg)
{
	u64 at = uart.address + (u64)reg * uart.stride;

	if (!uart.in_memory)
		return port_read((u16)at);
	return uart.stride == 4 ? (u8) * (volatile u32 *)at
	                        : *(volatile u8 *)at;
}

static void set(u32 reg, u8 value)
{
	u64 at = uart.address + (u64)reg * uart.stride;

	if (!uart.in_memory)
		port_write((u16)at, value);
	else if (uart.stride == 4)
		*(volatile u32 *)at = value;
	else
		*(volatile u8 *)at = value;
}

static bool can_send(void)
{
	for (u32 i = 0; i < SERIAL_POLLS; i++)
		if (get(UART_LINE_STATUS) & LINE_STATUS_CAN_SEND)
			return true;
	uart.address = 0;
	return false;
}

static void put(char c)
{
	if (uart.address && can_send())
		set(UART_DATA, (u8)c);
}

void serial_write(const char *text, u32 count)
{
	for (u32 i = 0; i < count; i++) {
		if (text[i] == '\n')
			put('\r');
		put(text[i]);
	}
}
