/*
 * Reads the log for the costs of hypercalls, and for VPs that did not enter.
 */
#include "tests/guest/lib/worst.h"

#include "tests/guest/lib/loglines.h"
#include "tests/guest/lib/serial.h"

void worst_line(const char *line)
{
	if (loglines_begins(line, "hypercall ") ||
	    loglines_has(line, LOGLINES_FAILED))
		serial_print("LOG %s\r\n", line);
}

void worst_print(void)
{
	u64 position = 0;

	loglines_read(&position, worst_line);
}
