/*
 * The log ring and the few formats that it needs.
 */
#include "hv/base/log.h"

#include <stdarg.h>

#define LOG_BYTES 16384u
#define LOG_LINE 160u

/*
 * One for the machine, so that lines stay in the order in which things happened. Its
 * lock will be the last of all: any code may log, whatever it holds.
 */
static struct {
	u64 end; /* bytes ever written */
	char ring[LOG_BYTES];
} logged;

struct text {
	char *to;
	u32 size;
	u32 length;
};

static void text_char(struct text *t, char c)
{
	/* What does not fit is left out, and the end of the text kept free: a
	 * long line is cut, and never a reason to fail. */
	if (t->length + 1 < t->size)
		t->to[t->length++] = c;
}

static void text_string(struct text *t, const char *s)
{
	for (; *s; s++)
		text_char(t, *s);
}

static void text_number(struct text *t, u64 value, u32 base)
{
	/* 2^64 has twenty digits. */
	char digits[20];
	u32 n = 0;

	/* Once at least: 0 is a digit too. */
	do {
		digits[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	while (n > 0)
		text_char(t, digits[--n]);
}

static void text_format(struct text *t, const char *format, va_list args)
{
	for (; *format; format++) {
		if (*format != '%') {
			text_char(t, *format);
			continue;
		}
		format++;
		if (*format == 's')
			text_string(t, va_arg(args, const char *));
		else if (*format == 'u')
			text_number(t, va_arg(args, u64), 10);
		else if (*format == 'x')
			text_number(t, va_arg(args, u64), 16);
		else if (*format == '%')
			text_char(t, '%');
		else
			return; /* a format of ours that is wrong */
	}
}

u32 log_format(char *to, u32 size, const char *format, ...)
{
	struct text t = { to, size, 0 };
	va_list args;

	va_start(args, format);
	text_format(&t, format, args);
	va_end(args);
	to[t.length] = 0;
	return t.length;
}

void log_line(const char *format, ...)
{
	char line[LOG_LINE];
	struct text t = { line, sizeof(line), 0 };
	va_list args;

	va_start(args, format);
	text_format(&t, format, args);
	va_end(args);
	/* The place that is kept for the terminator. */
	line[t.length++] = '\n';
	for (u32 i = 0; i < t.length; i++)
		logged.ring[logged.end++ % LOG_BYTES] = line[i];
}

u32 log_read(u64 *position, u8 *to, u32 size)
{
	u32 count = 0;

	/* What was overwritten is told by a position that is not the one asked
	 * for, so that a reader sees the gap. */
	if (logged.end > LOG_BYTES && *position < logged.end - LOG_BYTES)
		*position = logged.end - LOG_BYTES;
	while (count < size && *position + count < logged.end) {
		to[count] = (u8)logged.ring[(*position + count) % LOG_BYTES];
		count++;
	}
	return count;
}
