/*
 * Second-level page tables, of guest-physical addresses: four levels, level 3 the top and
 * level 0 the table of 4-KiB pages. How an entry is written the vendor knows (vendor.h).
 *
 * One is in use exactly when SLAT_USED is set: a mapping without any rights is not present
 * for the processor but still a mapping. Accessed and dirty flags are not used.
 */
#include "arch/x86_64/common/vendor.h"

#include "arch/x86_64/common/tally.h"
#include "hv/base/check.h"
#include "hv/memory/pool.h"

#define ALL_RIGHTS (ARCH_READ | ARCH_WRITE | ARCH_EXECUTE)

#define SLAT_ENTRIES 512u
#define SLAT_TOP_LEVEL 3u
#define SLAT_LIMIT (1ull << 48)

/* Bytes that an entry of a level covers. */
static u64 level_size(u32 level)
{
	return 1ull << (PAGE_SHIFT + 9 * level);
}

static u64 *table_of(u64 entry)
{
	return arch_page(hpa_of(entry & SLAT_ADDRESS));
}

static bool is_leaf(u64 entry, u32 level)
{
	return level == 0 || (entry & SLAT_LARGE);
}

static u64 make_leaf(u64 page, u32 rights, u32 type, u32 level)
{
	return page | vendor_leaf(rights, type) | SLAT_USED |
	       (level ? SLAT_LARGE : 0);
}

static u64 make_table(const void *table)
{
	return arch_page_hpa(table).v | vendor_table() | SLAT_USED;
}

/* The entries that lead to an address, from the top down to `level`. */
struct walk {
	u32 level;       /* of the last entry */
	u64 *entries[4]; /* by level */
};

static u64 *walk_entry(const struct walk *w)
{
	return w->entries[w->level];
}

/* Down to `level`, or to the leaf or hole above it. */
static struct walk walk_down(const struct arch_space *space, u64 address,
                             u32 level)
{
	struct walk w = { .level = SLAT_TOP_LEVEL };
	u64 *table = arch_page(space->top);

	for (;; w.level--) {
		u64 index = address >> (PAGE_SHIFT + 9 * w.level);
		u64 *entry = &table[index % SLAT_ENTRIES];

		w.entries[w.level] = entry;
		if (w.level == level || !(*entry & SLAT_USED) ||
		    is_leaf(*entry, w.level))
			return w;
		table = table_of(*entry);
	}
}

/*
 * The processor caches nothing of an entry that is not present (SDM 28.3.2), so
 * what takes its place is seen at once.
 */
static void set_entry(struct arch_space *space, u64 *entry, u64 value)
{
	if (vendor_rights(*entry) && *entry != value) {
		tally_space_changed(space);
		vendor_space_changed(space, hpa_of(*entry & SLAT_ADDRESS));
	}
	*entry = value;
}

/* A table in the place of a large leaf maps the same. */
static void fill_split(u64 *table, u64 leaf, u32 level)
{
	if (level == 1)
		leaf &= ~SLAT_LARGE;
	for (u32 i = 0; i < SLAT_ENTRIES; i++)
		table[i] = leaf + i * level_size(level - 1);
}

/*
 * Down to `level`, with the tables made on the way. False: the pool has not
 * enough of them, nothing changed.
 */
static bool walk_make(struct arch_space *space, u64 address, u32 level,
                      struct walk *w)
{
	*w = walk_down(space, address, level);
	if (w->level - level > space->pool->available)
		return false;
	while (w->level > level) {
		u64 *entry = walk_entry(w);
		u64 *table = pool_alloc(space->pool);

		CHECK(table);
		if (*entry & SLAT_USED)
			fill_split(table, *entry, w->level);
		set_entry(space, entry, make_table(table));
		*w = walk_down(space, address, level);
	}
	return true;
}

static u64 *table_start(const u64 *entry)
{
	return (u64 *)((uintptr_t)entry & ~(uintptr_t)(PAGE_SIZE - 1));
}

static bool is_unused(const u64 *from, const u64 *to)
{
	while (from < to && !(*from & SLAT_USED))
		from++;
	return from == to;
}

/* From the entry's own place on: its neighbours are the likely ones. */
static bool table_is_empty(u64 *entry)
{
	const u64 *table = table_start(entry);

	return is_unused(entry, table + SLAT_ENTRIES) &&
	       is_unused(table, entry);
}

/*
 * Into the list of those that go with the next flush, by its first entry: a page's
 * address is an entry that is not present.
 */
static void retire(struct arch_space *space, u64 *table)
{
	*table = space->retired.v;
	space->retired = arch_page_hpa(table);
}

/*
 * Empty tables above a hole go. Not in the root's space: it must be able to take
 * back what it gave away, whatever its pool has then.
 */
static void prune(struct arch_space *space, u64 address)
{
	struct walk w = walk_down(space, address, 0);

	if (space->identity)
		return;
	while (w.level < SLAT_TOP_LEVEL && table_is_empty(walk_entry(&w))) {
		u64 *table = table_start(walk_entry(&w));

		w.level++;
		set_entry(space, walk_entry(&w), 0);
		retire(space, table);
	}
}

/* All entries of a table continue the first: one large leaf can say it. */
static bool table_is_uniform(const u64 *table, u32 level)
{
	u64 first = table[0], next = first;

	if (!(first & SLAT_USED) || !is_leaf(first, level) ||
	    vendor_rights(first) != ALL_RIGHTS ||
	    (first & SLAT_ADDRESS) % level_size(level + 1) != 0)
		return false;
#pragma GCC unroll 7
	for (u32 i = 1; i < SLAT_ENTRIES; i++)
		if (table[i] != (next += level_size(level)))
			return false;
	return true;
}

static u32 largest_level(void)
{
	return vendor_has_gigabyte_pages() ? 2 : 1;
}

/*
 * The root's space: a table that has become uniform again goes, so that giving
 * a page away and getting it back leaves nothing behind. It still maps what a
 * processor looks for in it, so it is not touched before the flush.
 */
static void collapse(struct arch_space *space, struct walk w)
{
	u64 *gone[SLAT_TOP_LEVEL];
	u32 count = 0;

	while (w.level < largest_level()) {
		u64 *table = table_start(walk_entry(&w));

		if (!table_is_uniform(table, w.level))
			break;
		w.level++;
		set_entry(space, walk_entry(&w), table[0] | SLAT_LARGE);
		gone[count++] = table;
	}
	if (count > 0)
		vendor_space_flush(space);
	while (count > 0) {
		tally_table_freed(space);
		pool_free(space->pool, gone[--count]);
	}
}

bool arch_space_init(struct arch_space *space, struct pool *pool, bool identity)
{
	void *top = pool_alloc(pool);

	if (!top)
		return false;
	space->top = arch_page_hpa(top);
	space->pool = pool;
	space->identity = identity;
	space->retired = hpa_of(0);
	/* The page may have been the top of a space that is gone. */
	tally_space_new(space);
	vendor_space_flush(space);
	return true;
}

bool arch_space_map(struct arch_space *space, gpa_t gpa, hpa_t page, u32 rights)
{
	bool identity = space->identity && gpa.v == page.v &&
	                rights == ALL_RIGHTS;
	u32 type = MEMORY_WB;
	struct walk w;

	CHECK(gpa.v < SLAT_LIMIT);
	if (identity)
		CHECK(vendor_memory_type(page.v, PAGE_SIZE, &type));
	if (!walk_make(space, gpa.v, 0, &w))
		return false;
	set_entry(space, walk_entry(&w), make_leaf(page.v, rights, type, 0));
	if (identity)
		collapse(space, w);
	return true;
}

/* The largest leaf that may begin at an address and has one memory type. */
static u32 identity_level(u64 base, u64 size, u32 *type)
{
	u32 level = largest_level();

	while (level > 0 &&
	       (base % level_size(level) || size < level_size(level) ||
	        !vendor_memory_type(base, level_size(level), type)))
		level--;
	if (level == 0)
		CHECK(vendor_memory_type(base, PAGE_SIZE, type));
	return level;
}

bool arch_space_map_identity(struct arch_space *space, u64 base, u64 size)
{
	u64 end = base + size;

	CHECK(end <= SLAT_LIMIT);
	while (base < end) {
		u32 type;
		u32 level = identity_level(base, end - base, &type);
		/* Where a table is already, large leaves would lose it. */
		struct walk w = walk_down(space, base, level);

		if (w.level == level && level > 0 &&
		    (*walk_entry(&w) & SLAT_USED) &&
		    !is_leaf(*walk_entry(&w), level))
			level = 0;
		if (!walk_make(space, base, level, &w))
			return false;
		set_entry(space, walk_entry(&w),
		          make_leaf(base, ALL_RIGHTS, type, level));
		if (level == 0)
			collapse(space, w);
		base += level_size(level);
	}
	return true;
}

bool arch_space_unmap(struct arch_space *space, gpa_t gpa)
{
	struct walk w = walk_down(space, gpa.v, 0);

	CHECK(gpa.v < SLAT_LIMIT);
	if (!(*walk_entry(&w) & SLAT_USED))
		return true;
	if (!walk_make(space, gpa.v, 0, &w))
		return false;
	set_entry(space, walk_entry(&w), 0);
	prune(space, gpa.v);
	return true;
}

/* What a leaf at `level` maps an address to. */
static struct arch_mapping mapping_of(u64 entry, u32 level, u64 address)
{
	u64 offset = address & (level_size(level) - 1) & SLAT_ADDRESS;
	u64 base = entry & SLAT_ADDRESS & ~(level_size(level) - 1);

	return (struct arch_mapping){ hpa_of(base + offset),
		                      vendor_rights(entry) };
}

/*
 * The entry that maps an address, or the hole above it: what walk_down finds,
 * for those who only read. On the way of every hypercall.
 */
static u64 *find(const struct arch_space *space, u64 address, u32 *level)
{
	u64 *table = arch_page(space->top);
	u32 shift = PAGE_SHIFT + 9 * SLAT_TOP_LEVEL;

	for (*level = SLAT_TOP_LEVEL;; --*level, shift -= 9) {
		u64 *entry = &table[(address >> shift) % SLAT_ENTRIES];

		if (!(*entry & SLAT_USED) || is_leaf(*entry, *level))
			return entry;
		table = table_of(*entry);
	}
}

bool arch_space_lookup(const struct arch_space *space, gpa_t gpa,
                       struct arch_mapping *mapping)
{
	struct arch_cursor cursor = { .table = NULL };

	return arch_space_lookup_near(space, &cursor, gpa, mapping);
}

u32 arch_space_missing(const struct arch_space *space, gpa_t gpa)
{
	u32 level;

	CHECK(gpa.v < SLAT_LIMIT);
	find(space, gpa.v, &level);
	return level;
}

/*
 * What find finds; a cursor is the last table of 4-KiB pages, and the region that it
 * maps. NULL: no space is so large.
 */
static inline u64 *find_near(const struct arch_space *space,
                             struct arch_cursor *cursor, u64 address,
                             u32 *level)
{
	u64 index = address >> PAGE_SHIFT;
	u64 *entry;

	*level = 0;
	if (cursor->table && cursor->region == index / SLAT_ENTRIES)
		return &cursor->table[index % SLAT_ENTRIES];
	if (address >= SLAT_LIMIT)
		return NULL;
	entry = find(space, address, level);
	if (*level == 0) {
		cursor->table = table_start(entry);
		cursor->region = index / SLAT_ENTRIES;
	}
	return entry;
}

bool arch_space_lookup_near(const struct arch_space *space,
                            struct arch_cursor *cursor, gpa_t gpa,
                            struct arch_mapping *mapping)
{
	u32 level;
	const u64 *entry = find_near(space, cursor, gpa.v, &level);

	if (!entry)
		return false;
	*mapping = level == 0 ? mapping_of(*entry, 0, gpa.v)
	                      : mapping_of(*entry, level, gpa.v);
	return *entry & SLAT_USED;
}

bool arch_space_mark_near(struct arch_space *space, struct arch_cursor *cursor,
                          gpa_t gpa, bool marked, struct arch_mapping *mapping)
{
	u32 level;
	u64 *entry = find_near(space, cursor, gpa.v, &level);
	u64 old;

	if (!entry || !(*entry & SLAT_USED)) {
		mapping->rights = 0;
		return false;
	}
	CHECK(level == 0);
	old = *entry;
	*mapping = mapping_of(old, 0, gpa.v);
	*entry = marked ? old | SLAT_MARK : old & ~SLAT_MARK;
	return old & SLAT_MARK;
}

u32 arch_space_run_near(const struct arch_space *space,
                        struct arch_cursor *cursor, gpa_t gpa, u32 most,
                        struct arch_mapping *mapping)
{
	u32 level, count = 1;
	const u64 *entry = find_near(space, cursor, gpa.v, &level), *end;
	u64 first;

	if (!entry || !(*entry & SLAT_USED))
		return 0;
	first = *entry++;
	*mapping = mapping_of(first, level, gpa.v);
	if (level > 0)
		return count;
	end = cursor->table + SLAT_ENTRIES;
	/* Alike but for page and mark: used, and with the same rights. */
	for (; entry < end && count < most; entry++, count++)
		if ((*entry ^ first) & ~(SLAT_ADDRESS | SLAT_MARK))
			break;
	return count;
}

/* Each entry that is looked at costs one of the budget; holes of a table need no walk. */
enum arch_next arch_space_next(const struct arch_space *space, gpa_t *gpa,
                               struct arch_mapping *mapping, u32 *budget)
{
	gpa->v &= ~(u64)(PAGE_SIZE - 1);
	while (*budget) {
		const u64 *entry, *end;
		u32 level;

		if (gpa->v >= SLAT_LIMIT)
			return ARCH_NEXT_END;
		entry = find(space, gpa->v, &level);
		if (*entry & SLAT_USED) {
			*mapping = mapping_of(*entry, level, gpa->v);
			--*budget;
			return ARCH_NEXT_FOUND;
		}
		end = table_start(entry) + SLAT_ENTRIES;
		for (; entry < end && !(*entry & SLAT_USED) && *budget;
		     entry++) {
			/* Nothing in the whole of what the entry covers. */
			gpa->v = (gpa->v | (level_size(level) - 1)) + 1;
			--*budget;
		}
	}
	return ARCH_NEXT_AGAIN;
}

static u64 *first_table(u64 *table, u32 level)
{
	for (u32 i = 0; level > 0 && i < SLAT_ENTRIES; i++)
		if ((table[i] & SLAT_USED) && !is_leaf(table[i], level))
			return &table[i];
	return NULL;
}

/* One table a step, lowest first. The space was flushed, and nobody runs in it. */
bool arch_space_free(struct arch_space *space, u32 *budget)
{
	for (; space->top.v && *budget; --*budget) {
		u64 *table = arch_page(space->top);
		u64 *above = NULL, *entry;

		for (u32 level = SLAT_TOP_LEVEL;
		     (entry = first_table(table, level)) != NULL; level--) {
			above = entry;
			table = table_of(*entry);
		}
		tally_table_freed(space);
		if (above)
			*above = 0;
		else
			space->top = hpa_of(0);
		pool_free(space->pool, table);
	}
	return !space->top.v;
}

void arch_space_flush(struct arch_space *space)
{
	if (space->stale)
		vendor_space_flush(space);
	while (space->retired.v) {
		u64 *table = arch_page(space->retired);

		space->retired = hpa_of(*table);
		tally_table_freed(space);
		pool_free(space->pool, table);
	}
}
