/*
 * Walks down second-level page tables, and along them.
 */
#include "tests/fuzz/fuzz_map.h"

#include "hv/vp/partition.h"

#define TOP 3u
#define LARGE BIT(7)
#define LIMIT (1ull << 36)

/* Is the entry in use, though it may give no rights? By our own mark (slat.c). */
FUZZ_QUICK static bool is_used(u64 entry)
{
	return entry & BIT(52);
}

/* The page behind a leaf of level 0. */
FUZZ_QUICK static hpa_t page_of(u64 entry)
{
	return hpa_of(entry & 0x000ffffffffff000ull);
}

/* The entry for a page: a leaf of a level (0: 4 KiB, 1: 2 MiB), or a hole. */
FUZZ_QUICK static const u64 *entry_of(const struct partition *p, u64 gpn,
                                      u32 *level)
{
	const u64 *table = fuzz_image_look(p->space.arch.top);

	for (*level = TOP;; --*level) {
		const u64 *entry = &table[gpn >> 9 * *level & 511];

		if (*level == 0 || !is_used(*entry) || (*entry & LARGE))
			return entry;
		table = fuzz_image_look(page_of(*entry));
	}
}

bool fuzz_map_lookup(const struct partition *p, u64 gpn, hpa_t *page)
{
	struct arch_mapping m;
	const u64 *entry;
	u32 level;

	if (p->space.overlay_count > 0 && gpa_has_overlay(&p->space, gpn)) {
		if (!gpa_lookup(&p->space, gpn, &m))
			return false;
		*page = m.page;
		return true;
	}
	entry = entry_of(p, gpn, &level);
	*page = page_of(*entry);
	return level == 0 && is_used(*entry);
}

FUZZ_QUICK bool fuzz_map_next(const struct partition *p, u64 *gpn, hpa_t *page)
{
	while (*gpn < LIMIT) {
		u32 level;
		const u64 *entry = entry_of(p, *gpn, &level);
		u64 left = 512 - (*gpn >> 9 * level & 511), holes = 0;

		/* Along the holes of one table. */
		while (holes < left && !is_used(entry[holes]))
			holes++;
		if (holes)
			*gpn = ((*gpn >> 9 * level) + holes) << 9 * level;
		if (holes == left)
			continue;
		entry += holes;
		FUZZ_CHECK(level == 0 || !(*entry & LARGE));
		if (level > 0)
			continue;
		if (fuzz_map_lookup(p, *gpn, page))
			return true;
		++*gpn;
	}
	return false;
}
