/*
 * What a child prints, on the console and into a file; and the keys that are for it.
 */
#ifndef STASIS_HVCTL_TERMINAL_H
#define STASIS_HVCTL_TERMINAL_H

#include "include/types.h"

#define TERMINAL_TEXT 128u /* bytes that wait to be shown in one go */
#define TERMINAL_LOG 4096u /* and to be written */
#define TERMINAL_KEYS 64u  /* bytes that wait for the child */
#define TERMINAL_ESCAPE \
	29u /* Ctrl-], whatever the child does with other keys */

struct terminal {
	bool quiet;   /* nothing is shown */
	bool logs;    /* a file is open */
	bool failed;  /* and could not be written */
	bool in_line; /* the cursor is behind a character of the child */
	u64 printed;  /* characters */
	u64 since;    /* front_ticks of the first that waits */
	u32 text_count, log_count, key_count;
	u8 text[TERMINAL_TEXT];
	u8 log[TERMINAL_LOG];
	u8 keys[TERMINAL_KEYS];
};

/* Opens the file, if there is a path. False, after a line about it: it cannot be had. */
bool terminal_open(struct terminal *t, const char *log);

/* A character of the child's: UTF-8, a byte at a time. */
void terminal_put(struct terminal *t, u8 byte);

/* Shows what has waited long enough: to be called again and again. */
void terminal_idle(struct terminal *t);

/* Shows all, and ends the line: something else is to be printed. */
void terminal_break(struct terminal *t);

/* The file is whole. */
void terminal_close(struct terminal *t);

/*
 * Takes in keys. serial: they are for the child, but for the escape key; else it
 * reads none. True: somebody wants the end.
 */
bool terminal_wants_end(struct terminal *t, bool serial);

/* The next byte for the child. False: there is none. */
bool terminal_take_key(struct terminal *t, u8 *byte);

#endif
