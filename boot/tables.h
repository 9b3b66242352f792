/*
 * The firmware's page tables (SDM 4.5), where they do not let us execute what
 * we have loaded. No UEFI in here; tables are where their addresses say.
 */
#ifndef STASIS_BOOT_TABLES_H
#define STASIS_BOOT_TABLES_H

#include "include/types.h"

#define TABLES_PAGES 16 /* suffices for an image below 16 MiB */

/* Pages for copies, each at a multiple of its size. */
struct tables_room {
	u64 base;
	u32 used;
};

/* May all of [base, base + size) be executed? levels: 4 or 5. */
bool tables_executable(u64 cr3, u32 levels, u64 base, u64 size);

/*
 * Other tables that map what those of `cr3` map, but let [base, base + size) be
 * executed (and, with a large page, its neighbours). Only the way to there is
 * copied, into TABLES_PAGES pages of `room`; nothing is changed. The value for
 * CR3, or 0: something there is not mapped at all, or the room is too small.
 */
u64 tables_copy_executable(struct tables_room *room, u64 cr3, u32 levels,
                           u64 base, u64 size);

#endif
