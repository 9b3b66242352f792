/*
 * boot/tables.c: the firmware's page tables, and our copy of the way through
 * them. The tables are in this program's memory: addresses are pointers.
 */
#include "boot/tables.h"
#include "include/x86.h"
#include "tests/host/fixture/test.h"

#define FIRMWARE_PAGES 8

static _Alignas(PAGE_SIZE) u64 firmware[FIRMWARE_PAGES][512];
static _Alignas(PAGE_SIZE) u64 before[FIRMWARE_PAGES][512];
static _Alignas(PAGE_SIZE) u64 room_pages[TABLES_PAGES][512];
static struct tables_room room;
static u32 firmware_used;

static u64 new_table(void)
{
	assert_true(firmware_used < FIRMWARE_PAGES);
	return (u64)firmware[firmware_used++];
}

static void map(u64 cr3, u32 levels, u64 at, u32 leaf, u64 flags)
{
	u64 *table = (u64 *)(cr3 & PTE_ADDRESS);

	for (u32 level = levels - 1;; level--) {
		u64 *entry = &table[at >> (12 + 9 * level) & 511];

		if (level == leaf) {
			*entry = at | flags | (leaf ? PTE_LARGE : 0);
			return;
		}
		if (!(*entry & PTE_P))
			*entry = new_table() | PTE_P | PTE_W;
		table = (u64 *)(*entry & PTE_ADDRESS);
	}
}

/* The leaf for an address, with NX where any level has it; 0: none. */
static u64 leaf_of(u64 cr3, u32 levels, u64 at)
{
	u64 *table = (u64 *)(cr3 & PTE_ADDRESS), nx = 0;

	for (u32 level = levels; level--;) {
		u64 entry = table[at >> (12 + 9 * level) & 511];

		nx |= entry & PTE_NX;
		if (!(entry & PTE_P))
			return 0;
		if (!level || (level < 3 && (entry & PTE_LARGE)))
			return entry | nx;
		table = (u64 *)(entry & PTE_ADDRESS);
	}
	return 0;
}

static int begin(void **state)
{
	(void)state;
	memset(firmware, 0, sizeof(firmware));
	memset(room_pages, 0xff, sizeof(room_pages));
	firmware_used = 0;
	room = (struct tables_room){ .base = (u64)room_pages };
	return 0;
}

static u64 copy(u64 cr3, u32 levels, u64 base, u64 size)
{
	u64 made;

	memcpy(before, firmware, sizeof(before));
	made = tables_copy_executable(&room, cr3, levels, base, size);
	assert_memory_equal(before, firmware, sizeof(before));
	return made;
}

/* Large pages, as OVMF has them; the low bits of CR3 stay. */
static void test_large_pages(void **state)
{
	u64 cr3 = new_table() | 0x18, made;

	(void)state;
	for (u64 at = 0x1c000000; at < 0x1d000000; at += 0x200000)
		map(cr3, 4, at, 1, PTE_P | PTE_W | PTE_NX);
	map(cr3, 4, 0x1d000000, 1, PTE_P | PTE_W);
	assert_true(tables_executable(cr3, 4, 0x1d000000, 0x200000));
	assert_false(tables_executable(cr3, 4, 0x1cfff000, 0x2000));
	assert_false(tables_executable(cr3, 4, 0x1d1ff000, 0x2000));
	made = copy(cr3, 4, 0x1c3ff000, 0x2000);
	assert_int_not_equal(made & PTE_ADDRESS, cr3 & PTE_ADDRESS);
	assert_int_equal(made & 0xfff, 0x18);
	assert_int_equal(room.used, 3);
	assert_true(tables_executable(made, 4, 0x1c3ff000, 0x2000));
	assert_int_equal(leaf_of(made, 4, 0x1c3ff000),
	                 0x1c200000 | PTE_P | PTE_W | PTE_LARGE);
	assert_int_equal(leaf_of(made, 4, 0x1c400000),
	                 0x1c400000 | PTE_P | PTE_W | PTE_LARGE);
	/* All the rest is mapped as it was. */
	assert_int_equal(leaf_of(made, 4, 0x1c600000),
	                 leaf_of(cr3, 4, 0x1c600000));
	assert_int_equal(leaf_of(made, 4, 0x1d000000),
	                 leaf_of(cr3, 4, 0x1d000000));
	assert_int_equal(leaf_of(made, 4, 0), 0);
}

static void test_small_pages(void **state)
{
	u64 cr3 = new_table(), made;

	(void)state;
	for (u64 at = 0x1ff000; at < 0x203000; at += PAGE_SIZE)
		map(cr3, 4, at, 0, PTE_P | PTE_W | PTE_NX);
	made = copy(cr3, 4, 0x1ff000, 0x3000);
	assert_int_equal(room.used, 5); /* two tables of the lowest level */
	assert_true(tables_executable(made, 4, 0x1ff000, 0x3000));
	assert_false(tables_executable(made, 4, 0x1ff000, 0x4000));
	assert_int_equal(leaf_of(made, 4, 0x201000), 0x201000 | PTE_P | PTE_W);
	assert_int_equal(leaf_of(made, 4, 0x202000),
	                 0x202000 | PTE_P | PTE_W | PTE_NX);
}

/* NX at the top, with a page of 1 GiB, and five levels. */
static void test_other_levels(void **state)
{
	u64 cr3 = new_table(), made;

	(void)state;
	map(cr3, 5, 0x40000000, 2, PTE_P | PTE_W);
	firmware[0][0] |= PTE_NX;
	assert_false(tables_executable(cr3, 5, 0x40000000, 0x1000));
	made = copy(cr3, 5, 0x40000000, 0x400000);
	assert_int_equal(room.used, 3);
	assert_true(tables_executable(made, 5, 0x40000000, 0x40000000));
}

static void test_what_cannot_be(void **state)
{
	u64 cr3 = new_table();

	(void)state;
	map(cr3, 4, 0x400000, 1, PTE_P | PTE_W | PTE_NX);
	assert_int_equal(copy(cr3, 4, 0x5ff000, 0x2000), 0); /* not mapped */
	room.used = TABLES_PAGES - 2;
	assert_int_equal(copy(cr3, 4, 0x400000, 0x1000), 0); /* no room */
}

#define CASE(f) cmocka_unit_test_setup(f, begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_large_pages),
		CASE(test_small_pages),
		CASE(test_other_levels),
		CASE(test_what_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
