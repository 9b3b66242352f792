/*
 * What hvctl wants from the system that it runs on besides parent/transport.h: a
 * console, files, a clock, memory, and a place for its book. tools/hvctl/uefi/ is
 * UEFI's side; tests/host/parent/ has one in memory. Text and paths are UTF-8.
 */
#ifndef STASIS_HVCTL_FRONT_H
#define STASIS_HVCTL_FRONT_H

#include "include/types.h"
#include "parent/rtc.h"

/* ---- Console ---- */

/* Shows text; '\n' ends a line, '\r' goes back to its beginning. */
void front_text(const char *text);

/*
 * The next key that was pressed, as a terminal (VT100) sends it: its bytes, 0: none was.
 * Slow: not in a tight loop.
 */
#define FRONT_KEY 8u
u32 front_key(u8 bytes[FRONT_KEY]);

/* ---- Clock ---- */

u64 front_ticks(void);
/* How many of them are a millisecond; takes a few. 0: nobody knows. */
u64 front_ticks_in_ms(void);

/* What time it is, as the system has it. False: it does not know. */
bool front_time(struct rtc_time *now);

/* ---- Memory, for one command ---- */

/* Null: there is none. */
void *front_allocate(u64 bytes);
void front_free(void *memory);

/* ---- Files; these say what went wrong themselves ---- */

/* All of a file; to be freed. */
bool front_read_file(const char *path, u8 **data, u64 *size);

/*
 * A file to be written from its start, one at a time; an old one of the name is
 * replaced. Each must be ended: kept, or thrown away.
 */
bool front_create_file(const char *path);
bool front_write_file(const u8 *data, u64 size);
void front_end_file(bool keep);

/* ---- The book: an address that the next hvctl finds again ---- */

/* Null: none was kept. */
void *front_find_book(void);
bool front_keep_book(void *book);

#endif
