/*
 * The terminal that hvctl run is: text in pieces, since each costs calls of the
 * firmware's; a file; keys.
 */
#include "tools/hvctl/terminal.h"

#include "tools/hvctl/book.h"
#include "tools/hvctl/front.h"

#define SHOW_MS 20 /* a character is seen after so long at the latest */
#define LETTER 4u  /* most bytes of one (UTF-8) */
#define CTRL_C 3
#define ESC 27

/* ---- Out ---- */

static void show(struct terminal *t)
{
	char text[TERMINAL_TEXT + 1];

	/* The front wants an end of it. */
	__builtin_memcpy(text, t->text, t->text_count);
	text[t->text_count] = 0;
	t->text_count = 0;
	front_text(text);
}

static void write_log(struct terminal *t)
{
	/* Said once, by the front; the child goes on, and its end says it again. */
	if (t->log_count && !t->failed)
		t->failed = !front_write_file(t->log, t->log_count);
	t->log_count = 0;
}

bool terminal_open(struct terminal *t, const char *log)
{
	t->logs = log && front_create_file(log);
	return t->logs || !log;
}

void terminal_put(struct terminal *t, u8 byte)
{
	/*
	 * Counted also when it is quiet: for= is about what the child does. Of a letter's
	 * bytes the first: the others are 10xxxxxx.
	 */
	t->printed += (byte & 0xc0) != 0x80;
	if (t->logs) {
		t->log[t->log_count++] = byte;
		if (t->log_count == TERMINAL_LOG)
			write_log(t);
	}
	/* A zero moves no cursor, and would end the text. */
	if (t->quiet || byte == 0)
		return;
	if (t->text_count > TERMINAL_TEXT - LETTER && (byte & 0xc0) != 0x80)
		show(t);
	if (t->text_count == 0)
		t->since = front_ticks();
	if (t->text_count < TERMINAL_TEXT)
		t->text[t->text_count++] = byte;
	t->in_line = byte != '\n';
	if (byte == '\n')
		show(t);
}

void terminal_idle(struct terminal *t)
{
	if (t->text_count &&
	    front_ticks() - t->since > SHOW_MS * book_get()->ticks_in_ms)
		show(t);
}

void terminal_break(struct terminal *t)
{
	if (t->text_count)
		show(t);
	if (t->in_line)
		front_text("\n");
	t->in_line = false;
}

void terminal_close(struct terminal *t)
{
	if (!t->logs)
		return;
	write_log(t);
	/* What was written is kept even where there was no room for more. */
	front_end_file(true);
	t->logs = false;
}

/* ---- In ---- */

/* A child that reads no keys has no use for them: these are for us, as before. */
static bool ends(const u8 *key, u32 count, bool serial)
{
	if (count != 1)
		return false;
	if (serial)
		return key[0] == TERMINAL_ESCAPE;
	return key[0] == TERMINAL_ESCAPE || key[0] == CTRL_C || key[0] == ESC ||
	       key[0] == 'q';
}

bool terminal_wants_end(struct terminal *t, bool serial)
{
	u8 key[FRONT_KEY];
	u32 count;

	while ((count = front_key(key)) != 0) {
		if (ends(key, count, serial))
			return true;
		/*
		 * A child that takes none for long loses keys, all of one: the escape key must be
		 * found behind them.
		 */
		if (!serial || t->key_count + count > TERMINAL_KEYS)
			continue;
		__builtin_memcpy(t->keys + t->key_count, key, count);
		t->key_count += count;
	}
	return false;
}

bool terminal_take_key(struct terminal *t, u8 *byte)
{
	if (t->key_count == 0)
		return false;
	/* So few that to move them is cheaper than a ring to read. */
	*byte = t->keys[0];
	t->key_count--;
	for (u32 i = 0; i < t->key_count; i++)
		t->keys[i] = t->keys[i + 1];
	return true;
}
