/*
 * arch/x86_64/svm/path.c: what is remembered of a walk is never other than what a walk would
 * find, and it is remembered.
 */
#include "arch/x86_64/svm/path.h"
#include "include/x86.h"
#include "tests/host/fixture/guest_vp.h"
#include "tests/host/fixture/test.h"

#define TABLES \
	0x10000ull /* GPA of four pages, and of four others behind them */
#define OTHERS 0x14000ull
#define TABLE(n) (TABLES + (n) * (u64)PAGE_SIZE)
#define LINEAR 0xffff812345678abcull
#define CODE 0x3000ull /* GPA of the page that it leads to */
#define ELSEWHERE 0x5000ull
#define HOLE 0x700000ull

static struct vp *vp;
static struct gpa_space *space;
static struct paths paths;
static struct vmcb v;
static u64 changes;

static void put(u64 table, u64 index, u64 entry, u32 bytes)
{
	guest_store(vp, table + index * bytes, entry, bytes);
}

static u64 index_at(u64 linear, u32 level)
{
	return linear >> (PAGE_SHIFT + 9 * level) & 511;
}

/* Four levels, from LINEAR to CODE. */
static void fill(void)
{
	memset(&paths, 0, sizeof(paths));
	memset(&v, 0, sizeof(v));
	changes = 1;
	v.cr0 = CR0_PG | CR0_PE;
	v.cr4 = CR4_PAE;
	v.efer = EFER_LME | EFER_LMA;
	v.cr3 = TABLES;
	for (u32 i = 0; i < 3; i++)
		put(TABLE(i), index_at(LINEAR, 3 - i), TABLE(i + 1) | PTE_RW,
		    8);
	put(TABLE(3), index_at(LINEAR, 0), CODE | PTE_RW, 8);
}

static void make(void)
{
	vp = guest_partition(guest_child_of_zeros(32))->vps[0];
	space = &vp->partition->space;
	fill();
}

static const u8 *follow(u64 linear)
{
	return path_follow(&paths, space, &v, linear, changes);
}

static void assert_at(u64 linear, u64 gpa)
{
	assert_ptr_equal(follow(linear), guest_memory(vp, gpa));
}

/* The nested tables lead from one page to another's memory; `changes` stays as it is. */
static void map(u64 gpa, u64 other, u32 rights)
{
	hpa_t page = arch_page_hpa(guest_memory(vp, other));

	assert_ok(gpa_map(space, gpa >> PAGE_SHIFT, page, rights));
	arch_space_flush(&space->arch);
}

static void lead_to(u64 gpa, u64 other)
{
	map(gpa, other, ARCH_READ | ARCH_WRITE | ARCH_EXECUTE);
}

/* With the old answer where it may be given, that is, and nowhere else. */
static void test_it_is_remembered(void **state)
{
	const u8 *was;

	(void)state;
	make();
	assert_at(LINEAR, CODE + 0xabc);
	assert_at(LINEAR + 1, CODE + 0xabd);
	was = follow(LINEAR);
	lead_to(CODE, ELSEWHERE);
	assert_ptr_equal(follow(LINEAR), was);
	changes++;
	assert_at(LINEAR, ELSEWHERE + 0xabc);
	assert_ptr_not_equal(follow(LINEAR), was);
}

static void test_nothing_at_first(void **state)
{
	(void)state;
	make();
	v.cr3 = 0;
	v.cr0 = v.cr4 = v.efer = 0;
	assert_at(0x123, 0x123);
}

static void test_an_entry_is_another(void **state)
{
	(void)state;
	for (u32 level = 0; level < 4; level++) {
		make();
		assert_at(LINEAR, CODE + 0xabc);
		/* The same tables once more below it, with another page. */
		for (u32 i = 4 - level; i < 3; i++)
			put(OTHERS + i * PAGE_SIZE, index_at(LINEAR, 3 - i),
			    (OTHERS + (i + 1) * PAGE_SIZE) | PTE_RW, 8);
		put(OTHERS + 3 * PAGE_SIZE, index_at(LINEAR, 0),
		    ELSEWHERE | PTE_RW, 8);
		put(TABLE(3 - level), index_at(LINEAR, level),
		    level ? (OTHERS + (4 - level) * PAGE_SIZE) | PTE_RW
		          : ELSEWHERE | PTE_RW,
		    8);
		assert_at(LINEAR, ELSEWHERE + 0xabc);
		/* And one that is not there any more. */
		put(TABLE(3 - level), index_at(LINEAR, level), 0, 8);
		assert_null(follow(LINEAR));
	}
}

static void test_another_table(void **state)
{
	(void)state;
	make();
	assert_at(LINEAR, CODE + 0xabc);
	v.cr3 = OTHERS;
	put(OTHERS, index_at(LINEAR, 3), (OTHERS + PAGE_SIZE) | PTE_RW, 8);
	put(OTHERS + PAGE_SIZE, index_at(LINEAR, 2), PTE_RW | PTE_LARGE, 8);
	assert_null(follow(LINEAR));
	assert_at(LINEAR & ~0x3fff0000ull, LINEAR & 0xffff);
}

/* One address by five kinds of paging: each leads to another page. */
static void test_another_mode(void **state)
{
	const u64 linear = 0x5000;

	(void)state;
	make();
	v.cr3 = TABLES;
	put(TABLES, 0, TABLE(1) | PTE_RW, 8);
	put(TABLE(1), 0, TABLE(2) | PTE_RW | PTE_LARGE, 8);
	put(TABLE(1), 5, 0x8000 | PTE_RW, 8);
	put(TABLE(1), 10, 0x9000 | PTE_RW, 4);
	assert_at(linear, linear); /* a page of 1 GiB, from 0 on */
	v.efer = 0;
	put(TABLE(1), 0, TABLE(2) | PTE_RW, 8);
	put(TABLE(2), 5, 0x6000 | PTE_RW, 8);
	assert_at(linear, 0x6000);
	v.efer = EFER_LMA;
	put(TABLE(2), 0, TABLE(3) | PTE_RW, 8);
	put(TABLE(3), 5, 0x7000 | PTE_RW, 8);
	assert_at(linear, 0x7000);
	v.efer = 0;
	assert_at(linear, 0x6000);
	v.cr4 = 0;
	put(TABLE(1), 5, 0xa000 | PTE_RW, 4);
	assert_at(linear, 0xa000);
	put(TABLES, 0, TABLE(1) | PTE_RW | PTE_LARGE, 4);
	assert_at(linear, 0xa000);
	v.cr4 = CR4_PSE; /* of which 4 MiB begin at 0 */
	put(TABLES, 0, PTE_RW | PTE_LARGE, 4);
	assert_at(linear, linear);
	v.cr0 = CR0_PE;
	put(TABLES, 0, 0, 4);
	assert_at(linear, linear);
	v.cr0 |= CR0_PG;
	assert_null(follow(linear));
}

/* The mode alone is another, all the tables are as they were. */
static void test_bits_of_the_mode(void **state)
{
	const u64 linear = 0x5000;

	(void)state;
	make();
	put(TABLES, 0, PAGE_SIZE | PTE_RW | PTE_LARGE, 4);
	put(PAGE_SIZE, 5, 0xa000 | PTE_RW, 4);
	v.efer = v.cr4 = 0;
	assert_at(linear, 0xa000);
	v.cr4 = CR4_PSE;
	assert_at(linear, linear);
	v.cr0 = CR0_PE;
	lead_to(linear, 0xb000);
	assert_at(linear, 0xb000);
}

static void test_pages_of_one_place(void **state)
{
	const u64 other = LINEAR + PATHS * PAGE_SIZE;

	(void)state;
	make();
	put(TABLE(3), index_at(other, 0), ELSEWHERE | PTE_RW, 8);
	for (u32 i = 0; i < 2; i++) {
		assert_at(LINEAR, CODE + 0xabc);
		assert_at(other, ELSEWHERE + 0xabc);
	}
	/* Of others both are remembered. */
	put(TABLE(3), index_at(LINEAR + PAGE_SIZE, 0), ELSEWHERE | PTE_RW, 8);
	assert_at(LINEAR, CODE + 0xabc);
	assert_at(LINEAR + PAGE_SIZE, ELSEWHERE + 0xabc);
	lead_to(CODE, 0xb000);
	assert_ptr_not_equal(follow(LINEAR), guest_memory(vp, CODE + 0xabc));
}

/* Of the longer way that was there before no step is left. */
static void test_a_shorter_way(void **state)
{
	const u64 large = 2ull << 20;
	const u8 *was;

	(void)state;
	vp = guest_partition(guest_child_of_zeros(1024))->vps[0];
	space = &vp->partition->space;
	fill();
	assert_at(LINEAR, CODE + 0xabc);
	put(TABLE(2), index_at(LINEAR, 1), large | PTE_RW | PTE_LARGE, 8);
	assert_at(LINEAR, large + LINEAR % large);
	was = follow(LINEAR);
	put(TABLE(3), index_at(LINEAR, 0), 0, 8);
	lead_to(large + LINEAR % large, ELSEWHERE);
	assert_ptr_equal(follow(LINEAR), was);
}

/* Entries of four bytes: the second one of a word, too. */
static void test_short_entries(void **state)
{
	(void)state;
	for (u64 linear = 0x402000; linear < 0x404000; linear += PAGE_SIZE) {
		make();
		v.cr4 = v.efer = 0;
		put(TABLES, 1, TABLE(1) | PTE_RW, 4);
		put(TABLE(1), 2, 0x6000 | PTE_RW, 4);
		put(TABLE(1), 3, 0x7000 | PTE_RW, 4);
		assert_at(linear + 5, linear - 0x402000 + 0x6005);
		put(TABLE(1), linear >> PAGE_SHIFT & 3, 0x8000 | PTE_RW, 4);
		assert_at(linear + 5, 0x8005);
	}
}

/* Of an overlay nobody reads, but the code in it is executed. */
static void test_a_page_of_ours(void **state)
{
	static const u8 ours[PAGE_SIZE] __attribute__((aligned(4096))) = { 0 };
	static struct gpa_overlay record;

	(void)state;
	make();
	record = (struct gpa_overlay){ 0 };
	assert_ok(gpa_overlay_set(space, &record, CODE >> PAGE_SHIFT, ours,
	                          ARCH_READ | ARCH_EXECUTE));
	assert_null(follow(LINEAR));
	gpa_overlay_clear(space, &record);
	assert_null(follow(LINEAR));
	changes++;
	assert_at(LINEAR, CODE + 0xabc);
}

/* What comes to be where nothing was changes no nested table: nobody is told. */
static void test_nothing_is_not_remembered(void **state)
{
	(void)state;
	make();
	put(TABLE(3), index_at(LINEAR, 0), HOLE | PTE_RW, 8);
	assert_null(follow(LINEAR));
	lead_to(HOLE, ELSEWHERE);
	assert_at(LINEAR, HOLE + 0xabc);

	make();
	map(CODE, CODE, 0);
	assert_null(follow(LINEAR));
	lead_to(CODE, ELSEWHERE);
	assert_at(LINEAR, ELSEWHERE + 0xabc);

	make();
	put(TABLE(2), index_at(LINEAR, 1), HOLE | PTE_RW, 8);
	assert_null(follow(LINEAR));
	lead_to(HOLE, TABLE(3));
	assert_at(LINEAR, CODE + 0xabc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_it_is_remembered),
		TEST(test_nothing_at_first),
		TEST(test_an_entry_is_another),
		TEST(test_another_table),
		TEST(test_another_mode),
		TEST(test_bits_of_the_mode),
		TEST(test_pages_of_one_place),
		TEST(test_a_shorter_way),
		TEST(test_short_entries),
		TEST(test_a_page_of_ours),
		TEST(test_nothing_is_not_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
