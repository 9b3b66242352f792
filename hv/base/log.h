/*
 * The hypervisor's log: a ring of text that HVCALL_STASIS_READ_LOG reads.
 * Messages are one line each. Nothing that a child does may flood the machine:
 * the log only ever overwrites its own oldest text.
 */
#ifndef HV_LOG_H
#define HV_LOG_H

#include "include/types.h"

/*
 * A line of text with values in it: %s string, %u decimal u64, %x hexadecimal
 * u64 (both take u64), %% percent. No other conversions, no widths.
 */
void log_line(const char *format, ...);

/*
 * Copies up to size bytes from *position on; *position moves up to the oldest
 * byte still kept. Returns the count, 0: nothing there yet.
 */
u32 log_read(u64 *position, u8 *to, u32 size);

/* Formats as log_line does, without the line's end. Returns the length. */
u32 log_format(char *to, u32 size, const char *format, ...);

#endif
