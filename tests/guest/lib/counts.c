/*
 * A key that ends the wait comes by the port itself, past the firmware: its
 * terminal looks for keys in the timer's interrupt only.
 */
#include "tests/guest/lib/counts.h"

#include "tests/guest/lib/insn.h"
#include "tests/guest/lib/serial.h"

#define PATIENCE 20000000u /* reads of a port */

void counts_ask(const char *name)
{
	insn_cli();
	while (serial_key())
		;
	serial_print("COUNTS %s\r\n", name);
	for (u32 i = 0; i < PATIENCE && !serial_key(); i++)
		insn_pause();
}
