/*
 * Writes to a 16550 by polling. The wait is bounded: a dead port must not hang
 * the hypervisor.
 */
#include "arch/x86_64/serial.h"

#include "arch/x86_64/regs.h"
#include "hv/arch.h"

#define SERIAL_LINE_STATUS 5
#define SERIAL_CAN_SEND 0x20
#define SERIAL_POLLS 100000

static u16 serial_port;

void serial_init(u16 port)
{
	serial_port = port;
}

static void serial_put(char c)
{
	u16 status = (u16)(serial_port + SERIAL_LINE_STATUS);

	for (u32 i = 0; i < SERIAL_POLLS; i++)
		if (port_read(status) & SERIAL_CAN_SEND)
			break;
	port_write(serial_port, (u8)c);
}

void arch_console_write(const char *text, u32 count)
{
	if (!serial_port)
		return;
	for (u32 i = 0; i < count; i++) {
		if (text[i] == '\n')
			serial_put('\r');
		serial_put(text[i]);
	}
}
