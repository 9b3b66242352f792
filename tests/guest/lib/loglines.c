/*
 * The hypervisor's log, line by line.
 */
#include "tests/guest/lib/loglines.h"

#include "parent/partition.h"
#include "tests/guest/lib/serial.h"

#define LINE 160

static struct {
	char text[LINE];
	u32 length;
} line;

bool loglines_begins(const char *text, const char *head)
{
	while (*head)
		if (*text++ != *head++)
			return false;
	return true;
}

void loglines_print(const char *text)
{
	serial_print("LOG %s\r\n", text);
}

bool loglines_has(const char *text, const char *words)
{
	for (; *text; text++)
		if (loglines_begins(text, words))
			return true;
	return false;
}

static void take(char c, void (*each)(const char *line))
{
	if (c == '\n') {
		line.text[line.length] = 0;
		line.length = 0;
		each(line.text);
	} else if (line.length + 1 < LINE) {
		line.text[line.length++] = c;
	}
}

bool loglines_read(u64 *position, void (*each)(const char *line))
{
	static u8 data[PARTITION_LOG_PIECE];
	u64 expected = *position;
	bool whole = true;
	u32 count;

	line.length = 0;
	while (partition_read_log(position, data, &count) ==
	               HV_STATUS_SUCCESS &&
	       count > 0) {
		expected += count;
		whole &= *position == expected;
		expected = *position;
		for (u32 i = 0; i < count; i++)
			take((char)data[i], each);
	}
	return whole;
}
