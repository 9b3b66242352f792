/*
 * Formats, into pieces of text for the console.
 */
#include "tools/hvctl/print.h"

#include <stdarg.h>

#include "tools/hvctl/front.h"

#define PIECE 128u /* bytes; a console wants them in few calls */
#define DIGITS 20u /* of the largest number */

struct text {
	char piece[PIECE];
	u32 length;
};

static void flush(struct text *t)
{
	t->piece[t->length] = 0;
	if (t->length)
		front_text(t->piece);
	t->length = 0;
}

static void put(struct text *t, char c)
{
	/*
	 * A letter of several bytes stays in one piece (UTF-8: bytes behind the
	 * first are 10xxxxxx), or the console shows neither half of it.
	 */
	if (t->length + 4 >= PIECE && ((u8)c & 0xc0) != 0x80)
		flush(t);
	if (t->length + 1 == PIECE)
		flush(t);
	t->piece[t->length++] = c;
}

struct field {
	u32 width;
	bool zeros; /* and not spaces */
	bool is_long;
};

static void put_padded(struct text *t, const char *s, u32 length,
                       const struct field *f)
{
	/* To the right of its field, as columns of numbers want it; there is no other. */
	for (u32 i = length; i < f->width; i++)
		put(t, f->zeros ? '0' : ' ');
	for (u32 i = 0; i < length; i++)
		put(t, s[i]);
}

static void put_number(struct text *t, u64 value, u32 base, const char *digits,
                       const struct field *f)
{
	char number[DIGITS];
	u32 at = DIGITS;

	do {
		number[--at] = digits[value % base];
		value /= base;
	} while (value);
	put_padded(t, number + at, DIGITS - at, f);
}

static void put_string(struct text *t, const char *s, const struct field *f)
{
	u32 length = 0;

	while (s[length])
		length++;
	put_padded(t, s, length, f);
}

static const char *take_field(const char *format, struct field *f)
{
	/* The zero is part of the width's digits, and adds nothing to it. */
	*f = (struct field){ .zeros = *format == '0' };
	for (; *format >= '0' && *format <= '9'; format++)
		f->width = 10 * f->width + (u32)(*format - '0');
	f->is_long = *format == 'l';
	return format + f->is_long;
}

/* What the compiler lets through and is not known here shows as itself. */
static void put_argument(struct text *t, char kind, const struct field *f,
                         va_list *args)
{
	u64 value;
	char c;

	switch (kind) {
	case 's':
		put_string(t, va_arg(*args, const char *), f);
		return;
	case 'c':
		c = (char)va_arg(*args, int);
		put_padded(t, &c, 1, f);
		return;
	case 'd':
	case 'u':
	case 'x':
	case 'X':
		/* An int is as wide as an unsigned one; none here is negative. */
		value = f->is_long ? va_arg(*args, u64) : va_arg(*args, u32);
		put_number(t, value, kind == 'd' || kind == 'u' ? 10 : 16,
		           kind == 'x' ? "0123456789abcdef"
		                       : "0123456789ABCDEF",
		           f);
		return;
	default:
		put(t, kind);
	}
}

void print(const char *format, ...)
{
	struct text t = { .length = 0 };
	struct field field;
	va_list args;

	va_start(args, format);
	for (; *format; format++) {
		if (*format != '%') {
			put(&t, *format);
			continue;
		}
		format = take_field(format + 1, &field);
		/* A format that ends in its sign: a mistake of ours, and no look behind it. */
		if (!*format)
			break;
		put_argument(&t, *format, &field, &args);
	}
	va_end(args);
	flush(&t);
}
