/*
 * Hands the report to each place that there is. Any of them may be broken: one
 * that is left by an exception is not tried again.
 */
#include "arch/x86_64/common/console.h"

#include "arch/x86_64/common/record.h"
#include "arch/x86_64/common/screen.h"
#include "arch/x86_64/common/serial.h"
#include "hv/arch.h"

/* The surest first. */
static struct sink {
	void (*write)(const char *text, u32 count);
	volatile bool busy;
} sinks[] = {
	{ .write = record_write },
	{ .write = serial_write },
	{ .write = screen_write },
};

void console_init(const struct handoff *h)
{
	record_init(h);
	serial_init(&h->uart);
	screen_init(&h->screen);
}

void arch_console_write(const char *text, u32 count)
{
	for (u32 i = 0; i < ARRAY_LEN(sinks); i++) {
		if (sinks[i].busy)
			continue;
		sinks[i].busy = true;
		sinks[i].write(text, count);
		sinks[i].busy = false;
	}
}
