/*
 * Reads the log for the costs of hypercalls.
 */
#include "tests/guest/lib/worst.h"

#include "parent/partition.h"
#include "tests/guest/lib/serial.h"

#define LINE 160

static struct {
	char text[LINE];
	u32 length;
} line;

static bool begins_with(const char *text, const char *head)
{
	while (*head)
		if (*text++ != *head++)
			return false;
	return true;
}

static void end_line(void)
{
	line.text[line.length] = 0;
	if (begins_with(line.text, "hypercall "))
		serial_print("LOG %s\r\n", line.text);
	line.length = 0;
}

void worst_print(void)
{
	static u8 data[PARTITION_LOG_PIECE];
	u64 position = 0;
	u32 count;

	while (partition_read_log(&position, data, &count) ==
	               HV_STATUS_SUCCESS &&
	       count > 0) {
		for (u32 i = 0; i < count; i++) {
			if (data[i] == '\n')
				end_line();
			else if (line.length + 1 < LINE)
				line.text[line.length++] = (char)data[i];
		}
	}
}
