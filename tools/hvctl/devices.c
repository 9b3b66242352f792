/*
 * The table of devices: a new one is a row, and a function or two.
 */
#include "tools/hvctl/devices.h"

#include "tools/hvctl/run.h"

#define CONSOLE_PORT 0xe9
#define EXIT_PORT 0xf4

static void console_write(const struct device_access *access)
{
	run_console(access->parent, (u8)access->value);
}

static void exit_write(const struct device_access *access)
{
	run_exit(access->parent, (u8)access->value);
}

/*
 * Neither remembers anything: what was printed is printed, and a child that has ended
 * is restored as one that has not.
 */
static const struct device rows[] = {
	{ .name = "console",
	  .range = { { DEVICE_PORT, CONSOLE_PORT, 1 } },
	  .write = console_write },
	{ .name = "exit",
	  .range = { { DEVICE_PORT, EXIT_PORT, 1 } },
	  .write = exit_write },
};

const struct device_table devices_table = { rows, ARRAY_LEN(rows) };
