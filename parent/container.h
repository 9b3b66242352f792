/*
 * The container around a stream (include/container.h), written and read in memory.
 * Whoever uses it has called crc32c_init.
 */
#ifndef STASIS_PARENT_CONTAINER_H
#define STASIS_PARENT_CONTAINER_H

#include "include/container.h"
#include "parent/device.h"

/*
 * Writes what comes in front of the stream: the states of all devices that are not as
 * after a reset. *size: its bytes, 0: there are none, and the file is a stream alone.
 * False: there is no room for it.
 */
bool container_write(const struct device_table *table, u8 *states, u8 *to,
                     u32 room, u32 *size);

/*
 * Checks what is in front of the stream in a file, all of it, and finds the stream; of
 * a file that is a stream alone, that is the file. NULL, or what is wrong with it: no
 * pointer into the file may be used then.
 */
const char *container_read(const u8 *file, u64 size, const u8 **stream,
                           u64 *stream_size);

/*
 * Fills the states of all devices from a file that container_read found good: those
 * that it has a part of, the others reset. NULL, or what is wrong, and then *kind is
 * whose state it is; the states mean nothing then.
 */
const char *container_restore(const struct device_table *table, u8 *states,
                              const u8 *file, u64 size, u32 *kind);

#endif
