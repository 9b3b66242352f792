/*
 * COM1 by polling.
 */
#include "tests/guest/lib/serial.h"

#include <stdarg.h>

#include "include/pc_ports.h"
#include "tests/guest/lib/insn.h"

#define PATIENCE 1000000u /* a port that is not there must not hang us */

static void put_char(char c)
{
	u32 turns = 0;

	while (!(insn_in8(PORT_COM1 + UART_LINE_STATUS) &
	         LINE_STATUS_CAN_SEND) &&
	       turns++ < PATIENCE)
		insn_pause();
	insn_out8(PORT_COM1 + UART_DATA, (u8)c);
}

static void put_string(const char *s)
{
	while (*s)
		put_char(*s++);
}

static void put_number(u64 value, u32 base)
{
	char digits[24];
	u32 count = 0;

	do {
		digits[count++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	while (count)
		put_char(digits[--count]);
}

static void put_argument(char kind, va_list *arguments)
{
	if (kind == 's') {
		put_string(va_arg(*arguments, const char *));
	} else if (kind == 'u') {
		put_number(va_arg(*arguments, u64), 10);
	} else {
		put_string("0x");
		put_number(va_arg(*arguments, u64), 16);
	}
}

void serial_print(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	for (; *format; format++) {
		if (*format == '%')
			put_argument(*++format, &arguments);
		else
			put_char(*format);
	}
	va_end(arguments);
}

bool serial_key(void)
{
	if (!(insn_in8(PORT_COM1 + UART_LINE_STATUS) & LINE_STATUS_RECEIVED))
		return false;
	insn_in8(PORT_COM1 + UART_DATA);
	return true;
}
