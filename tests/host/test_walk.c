/*
 * lib/walk.c: tables in each of the three layouts, in memory that has an end.
 */
#include "lib/walk.h"

#include "include/x86.h"
#include "tests/host/fixture/test.h"

#define PAGES 8u
#define PRESENT 1ull
#define LARGE 0x80ull
#define TABLE(n) ((n) * (u64)PAGE_SIZE)

static u8 memory[PAGES * PAGE_SIZE];
static u32 reads;

static bool read(const void *context, u64 gpa, void *to, u32 bytes)
{
	const u8 *from = context;

	reads++;
	assert_true(bytes == 4 || bytes == 8);
	if (gpa + bytes > sizeof(memory))
		return false;
	memcpy(to, from + gpa, bytes);
	return true;
}

static struct walk_guest guest;

static int setup(void **state)
{
	(void)state;
	memset(memory, 0, sizeof(memory));
	guest = (struct walk_guest){ .cr0 = CR0_PG | CR0_PE,
		                     .cr3 = TABLE(1),
		                     .read = read,
		                     .context = memory };
	reads = 0;
	return 0;
}

static void put(u64 table, u64 index, u32 bytes, u64 entry)
{
	memcpy(memory + table + index * bytes, &entry, bytes);
}

static void leads_to(u64 linear, u64 wanted)
{
	u64 gpa = ~0ull;

	assert_true(walk_translate(&guest, linear, &gpa));
	assert_int_equal(gpa, wanted);
}

static void leads_nowhere(u64 linear)
{
	u64 gpa;

	assert_false(walk_translate(&guest, linear, &gpa));
}

static void test_without_paging(void **state)
{
	(void)state;
	guest.cr0 = CR0_PE;
	leads_to(0x123456789, 0x123456789);
	assert_int_equal(reads, 0);
}

static void test_32_bits(void **state)
{
	const u64 linear = 3u << 22 | 5 << 12 | 0x678;

	(void)state;
	leads_nowhere(linear);
	put(TABLE(1), 3, 4, TABLE(2) | PRESENT | LARGE);
	put(TABLE(2), 5, 4, 0xabcde000 | PRESENT);
	leads_to(linear, 0xabcde678); /* without CR4.PSE it is not large */
	leads_nowhere(linear + PAGE_SIZE);
	guest.cr4 = CR4_PSE;
	put(TABLE(1), 3, 4, 0x00c00000 | 0x1fe000 | PRESENT | LARGE);
	leads_to(linear, 0xff00c05678);
	/* The PAT bit of a large page is no address. */
	put(TABLE(1), 3, 4, 0x00c01000 | PRESENT | LARGE);
	leads_to(linear, 0xc05678);
}

static void test_pae(void **state)
{
	const u64 linear = 2ull << 30 | 7 << 21 | 9 << 12 | 0x123;
	u64 pdpte[4] = { 0 };

	(void)state;
	guest.cr4 = CR4_PAE;
	guest.cr3 = TABLE(1) + 0x20 + 0x18; /* PWT and PCD are in it */
	leads_nowhere(linear);
	put(TABLE(1) + 0x20, 2, 8, TABLE(2) | PRESENT);
	put(TABLE(2), 7, 8, TABLE(3) | PRESENT);
	put(TABLE(3), 9, 8, BIT(63) | 0x7654321000 | PRESENT);
	leads_to(linear, 0x7654321123);
	put(TABLE(2), 7, 8, 0x3ffe01000 | PRESENT | LARGE);
	leads_to(linear, 0x3ffe09123);
	/* What the processor has loaded counts, whatever memory says since. */
	guest.pdpte = pdpte;
	leads_nowhere(linear);
	pdpte[2] = TABLE(4) | PRESENT;
	put(TABLE(4), 7, 8, 0x200000 | PRESENT | LARGE);
	leads_to(linear, 0x209123);
}

static void test_64_bits(void **state)
{
	const u64 linear = 0xffff800000000000 | 1ull << 39 | 2ull << 30 |
	                   3 << 21 | 4 << 12 | 0xfff;

	(void)state;
	guest.cr4 = CR4_PAE;
	guest.efer = EFER_LME | EFER_LMA;
	guest.cr3 = TABLE(1) | 0xabc; /* a PCID */
	put(TABLE(1), 257, 8, TABLE(2) | PRESENT);
	put(TABLE(2), 2, 8, TABLE(3) | PRESENT);
	put(TABLE(3), 3, 8, TABLE(4) | PRESENT);
	put(TABLE(4), 4, 8, 0x5000 | PRESENT | LARGE); /* there: PAT */
	leads_to(linear, 0x5fff);
	assert_int_equal(reads, 4);
	put(TABLE(3), 3, 8, 0x400000 | PRESENT | LARGE);
	leads_to(linear, 0x404fff);
	put(TABLE(2), 2, 8, 0x80000000 | PRESENT | LARGE);
	leads_to(linear, 0x80604fff);
	put(TABLE(2), 2, 8, TABLE(3));
	leads_nowhere(linear);
}

/* No table outside of memory is read, at any level. */
static void test_tables_that_are_no_memory(void **state)
{
	static const u64 outside = TABLE(PAGES) | PRESENT;

	(void)state;
	guest.efer = EFER_LMA;
	for (u32 level = 1; level < 4; level++) {
		memset(memory, 0, sizeof(memory));
		for (u32 i = 1; i < level; i++)
			put(TABLE(i), 0, 8, TABLE(i + 1) | PRESENT);
		put(TABLE(level), 0, 8, outside);
		reads = 0;
		leads_nowhere(0);
		assert_int_equal(reads, level + 1);
	}
	guest.cr3 = TABLE(PAGES);
	leads_nowhere(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_without_paging, setup),
		cmocka_unit_test_setup(test_32_bits, setup),
		cmocka_unit_test_setup(test_pae, setup),
		cmocka_unit_test_setup(test_64_bits, setup),
		cmocka_unit_test_setup(test_tables_that_are_no_memory, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
