/*
 * Walks down second-level page tables, and along them.
 */
#include "tests/fuzz/fuzz_map.h"

#include "hv/vp/partition.h"

#define TOP 3u
#define LARGE BIT(7)
#define LIMIT (1ull << 36)

FUZZ_QUICK const u64 *fuzz_map_entry(const struct partition *p, u64 gpn,
                                     u32 *level)
{
	const u64 *table = fuzz_image_look(p->space.arch.top);

	for (*level = TOP;; --*level) {
		const u64 *entry = &table[gpn >> 9 * *level & 511];

		if (*level == 0 || !fuzz_map_used(*entry) || (*entry & LARGE))
			return entry;
		table = fuzz_image_look(fuzz_map_page(*entry));
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
	entry = fuzz_map_entry(p, gpn, &level);
	*page = fuzz_map_page(*entry);
	return level == 0 && fuzz_map_used(*entry);
}

/* How many entries in a row are holes, of at most `left`. */
FUZZ_QUICK static u64 count_holes(const u64 *entry, u64 left)
{
	u64 holes = 0;

	while (left - holes >= 8) {
		u64 any = 0;

		for (u32 i = 0; i < 8; i++)
			any |= entry[holes + i];
		if (fuzz_map_used(any))
			break;
		holes += 8;
	}
	while (holes < left && !fuzz_map_used(entry[holes]))
		holes++;
	return holes;
}

FUZZ_QUICK bool fuzz_map_next(const struct partition *p, u64 *gpn, hpa_t *page)
{
	while (*gpn < LIMIT) {
		u32 level;
		const u64 *entry = fuzz_map_entry(p, *gpn, &level);
		u64 left = 512 - (*gpn >> 9 * level & 511);
		u64 holes = count_holes(entry, left);

		/* Along the holes of one table. */
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
