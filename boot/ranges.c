/*
 * A sweep over the firmware's descriptors, from the lowest address up. Nothing
 * says that the firmware sorts them, or that it keeps them apart.
 */
#include "boot/ranges.h"

#define ADDRESS_END (1ull << 52) /* of physical addresses (SDM 4.1.4) */
#define ENTRY 4u                 /* bytes a page of the page database */

/* An EFI_MEMORY_DESCRIPTOR; the firmware's own may be larger. */
struct descriptor {
	u32 type;           /*  0 */
	u32 rsvd;           /*  4 */
	u64 physical_start; /*  8 */
	u64 virtual_start;  /* 16 */
	u64 pages;          /* 24 */
	u64 attribute;      /* 32 */
};

_Static_assert(sizeof(struct descriptor) == 40, "EFI_MEMORY_DESCRIPTOR");

/*
 * The types of UEFI 2.10, 7.2, that are RAM and may be used as such. Reserved
 * memory that is not ours may be anything, and memory that was not accepted yet
 * (type 15) must not be touched.
 */
static const bool type_is_ram[] = {
	[1] = true,  /* EfiLoaderCode */
	[2] = true,  /* EfiLoaderData */
	[3] = true,  /* EfiBootServicesCode */
	[4] = true,  /* EfiBootServicesData */
	[5] = true,  /* EfiRuntimeServicesCode */
	[6] = true,  /* EfiRuntimeServicesData */
	[7] = true,  /* EfiConventionalMemory */
	[9] = true,  /* EfiACPIReclaimMemory */
	[10] = true, /* EfiACPIMemoryNVS */
	[14] = true, /* EfiPersistentMemory */
};

/* From here on a loader has asked for it, and what a loader gets is RAM. */
#define TYPE_LOADERS 0x80000000u

struct firmware_map {
	const u8 *bytes;
	u64 size;
	u64 stride;
};

struct span {
	u64 base;
	u64 end;
	bool ram;
};

static bool is_ram(u32 type)
{
	return type >= TYPE_LOADERS ||
	       (type < ARRAY_LEN(type_is_ram) && type_is_ram[type]);
}

/* The span of the descriptor at *at, which moves on; false: that was the last. */
static bool next_span(const struct firmware_map *map, u64 *at, struct span *s)
{
	const struct descriptor *d;
	u64 most;

	if (map->size < sizeof(*d) || *at > map->size - sizeof(*d))
		return false;
	d = (const void *)(map->bytes + *at);
	*at += map->stride;
	s->base = d->physical_start < ADDRESS_END ? d->physical_start
	                                          : ADDRESS_END;
	most = (ADDRESS_END - s->base) / PAGE_SIZE;
	s->end = s->base + (d->pages < most ? d->pages : most) * PAGE_SIZE;
	s->ram = is_ram(d->type);
	return true;
}

/* The lowest address from `floor` on that a descriptor calls RAM. */
static u64 lowest_ram(const struct firmware_map *map, u64 floor)
{
	u64 lowest = ADDRESS_END, at = 0;
	struct span s;

	while (next_span(map, &at, &s)) {
		if (s.base < floor)
			s.base = floor;
		if (s.ram && s.base < s.end && s.base < lowest)
			lowest = s.base;
	}
	return lowest;
}

/* The highest end of the spans of that kind that cover `address`, or 0. */
static u64 highest_end(const struct firmware_map *map, u64 address, bool ram)
{
	u64 end = 0, at = 0;
	struct span s;

	while (next_span(map, &at, &s))
		if (s.ram == ram && s.base <= address && address < s.end &&
		    s.end > end)
			end = s.end;
	return end;
}

/* Where the lowest span begins above `address` that is not RAM. */
static u64 next_obstacle(const struct firmware_map *map, u64 address)
{
	u64 next = ADDRESS_END, at = 0;
	struct span s;

	while (next_span(map, &at, &s))
		if (!s.ram && s.base < s.end && s.base > address &&
		    s.base < next)
			next = s.base;
	return next;
}

/* The lowest piece of RAM from `floor` on; false: there is none. */
static bool next_piece(const struct firmware_map *map, u64 floor,
                       struct handoff_range *piece)
{
	u64 start = lowest_ram(map, floor), end, obstacle;

	while ((end = highest_end(map, start, false)))
		start = lowest_ram(map, end);
	if (start == ADDRESS_END)
		return false;
	end = highest_end(map, start, true);
	obstacle = next_obstacle(map, start);
	piece->base = start;
	piece->size = (end < obstacle ? end : obstacle) - start;
	return true;
}

enum ranges_result ranges_read(struct memory_map *map, const void *descriptors,
                               u64 size, u64 stride)
{
	const struct firmware_map from = { descriptors, size, stride };
	struct handoff_range piece;
	u64 floor = 0;

	map->range_count = 0;
	map->page_count = 0;
	if (stride < sizeof(struct descriptor))
		return RANGES_NONE;
	while (next_piece(&from, floor, &piece)) {
		ranges_add(map, piece.base, piece.size);
		if (map->range_count > RANGES_MAX)
			return RANGES_TOO_MANY;
		floor = piece.base + piece.size;
	}
	return map->range_count ? RANGES_OK : RANGES_NONE;
}

/* The ranges from `from` on get other places. */
static void move_ranges(struct memory_map *map, u32 from, u32 to)
{
	u32 count = map->range_count - from;

	for (u32 i = 0; i < count && to < from; i++)
		map->ranges[to + i] = map->ranges[from + i];
	for (u32 i = count; i > 0 && to > from; i--)
		map->ranges[to + i - 1] = map->ranges[from + i - 1];
	map->range_count = to + count;
}

bool ranges_add(struct memory_map *map, u64 base, u64 size)
{
	struct handoff_range *r = map->ranges;
	u64 end = base + size;
	u32 first = 0, behind;

	while (first < map->range_count && r[first].base + r[first].size < base)
		first++;
	/* All that it touches become one with it. */
	for (behind = first; behind < map->range_count && r[behind].base <= end;
	     behind++) {
		if (r[behind].base < base)
			base = r[behind].base;
		if (r[behind].base + r[behind].size > end)
			end = r[behind].base + r[behind].size;
		map->page_count -= r[behind].size / PAGE_SIZE;
	}
	if (first == behind && map->range_count == HANDOFF_RANGES)
		return false;
	move_ranges(map, behind, first + 1);
	r[first].base = base;
	r[first].size = end - base;
	map->page_count += r[first].size / PAGE_SIZE;
	return true;
}

u64 ranges_upkeep(const struct memory_map *map)
{
	u64 end = 0;

	for (u32 i = 0; i < map->range_count; i++)
		end = map->ranges[i].base + map->ranges[i].size;
	return (end / PAGE_SIZE + map->page_count) * ENTRY;
}
