/* RAM as the firmware tells it, and the part that we reserve. */
#ifndef STASIS_BOOT_MEMORY_H
#define STASIS_BOOT_MEMORY_H

#include <efi.h>

#include "boot/ranges.h"

#define MEMORY_LARGE_PAGE (2ull << 20)

/*
 * Reads the map before anything is reserved, so that the hypervisor's own
 * memory is in it. EFI_SUCCESS, or another status after one line.
 */
EFI_STATUS memory_read_map(struct memory_map *map);

/* Is any of [base, base + size) RAM? */
bool memory_map_has(const struct memory_map *map, u64 base, u64 size);

/* Reserves `size` bytes (a multiple of 2 MiB) at a multiple of 2 MiB. */
EFI_STATUS memory_reserve(struct memory_map *map, u64 size, u64 *base);
void memory_release(u64 base, u64 size);

#endif
