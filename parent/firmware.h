/*
 * Pages of the firmware that leave its hands: to be deposited, mapped into a
 * child, or kept when the program that took them has ended.
 *
 * Their memory type is of the range that is the OS loaders': the firmware has no
 * pages set apart for it, and an operating system that is started later takes
 * them for memory that is not its own (docs/architecture.md).
 */
#ifndef STASIS_PARENT_FIRMWARE_H
#define STASIS_PARENT_FIRMWARE_H

#include "include/types.h"

#define FIRMWARE_MEMORY_TYPE 0x80000000u
#define FIRMWARE_ANYWHERE (~0ull)

/*
 * Pages in one piece, zeroed, whose last byte is not above `last`. The address,
 * 0: the firmware has none.
 */
u64 firmware_take(u64 pages, u64 last);
void firmware_give(u64 address, u64 pages);

#endif
