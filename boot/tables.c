/*
 * A copy of the way to a few pages in page tables, with another right.
 */
#include "boot/tables.h"

#include "include/x86.h"

static u64 *table_of(u64 entry)
{
	return (u64 *)(entry & PTE_ADDRESS);
}

static u64 *entry_of(u64 *table, u64 address, u32 level)
{
	return &table[address >> (12 + 9 * level) & 511];
}

static bool is_leaf(u64 entry, u32 level)
{
	/* In the upper levels that bit is reserved, and in the lowest it is the PAT's. */
	return !level || (level <= 2 && (entry & PTE_LARGE));
}

static bool page_executable(u64 cr3, u32 levels, u64 address)
{
	u64 entry = cr3;

	for (u32 level = levels; level--;) {
		entry = *entry_of(table_of(entry), address, level);
		/* Any level may forbid it; the strictest counts (SDM 4.6.1). */
		if (!(entry & PTE_P) || (entry & PTE_NX))
			return false;
		if (is_leaf(entry, level))
			break;
	}
	return true;
}

bool tables_executable(u64 cr3, u32 levels, u64 base, u64 size)
{
	/* Page by page, as firmware splits large ones where a protection begins. */
	for (u64 at = base; at < base + size; at += PAGE_SIZE)
		if (!page_executable(cr3, levels, at))
			return false;
	return true;
}

/* The copy of the table that an entry leads to; it may be one already. */
static u64 *own_table(struct tables_room *room, u64 *entry)
{
	u64 *table = table_of(*entry);
	u64 end = room->base + (u64)room->used * PAGE_SIZE;

	/*
	 * Neighbouring pages share the way from the top: without this each of them would have
	 * a copy of all of it.
	 */
	if ((u64)table >= room->base && (u64)table < end)
		return table;
	if (room->used == TABLES_PAGES)
		return NULL;
	room->used++;
	__builtin_memcpy((void *)end, table, PAGE_SIZE);
	/* With the rights of the old entry, which is in a copy of ours by now, or our CR3. */
	*entry = end | (*entry & ~PTE_ADDRESS);
	return (u64 *)end;
}

static bool allow_page(struct tables_room *room, u64 *top, u32 levels,
                       u64 address)
{
	u64 *entry = top;

	for (u32 level = levels; level--;) {
		u64 *table = own_table(room, entry);

		/* An image in very many places: then the caller refuses, as nothing has changed. */
		if (!table)
			return false;
		entry = entry_of(table, address, level);
		if (!(*entry & PTE_P))
			return false;
		/*
		 * A large page as a whole: what lies beside the image in it may be executed too, on
		 * tables that exist for one call.
		 */
		*entry &= ~PTE_NX;
		if (is_leaf(*entry, level))
			break;
	}
	return true;
}

u64 tables_copy_executable(struct tables_room *room, u64 cr3, u32 levels,
                           u64 base, u64 size)
{
	u64 top = cr3;

	for (u64 at = base; at < base + size; at += PAGE_SIZE)
		if (!allow_page(room, &top, levels, at))
			return 0;
	return top;
}
