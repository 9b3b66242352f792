/*
 * What a processor has kept of a child's translations is not used any more once its parent
 * has changed what they were made of: CR3, the VP, the partition. A child reads one address
 * on both sides of each.
 */
#include <efi.h>
#include <efilib.h>

#include "parent/memory.h"
#include "parent/vp.h"
#include "tests/guest/lib/child.h"
#include "tests/guest/lib/code.h"
#include "tests/guest/lib/pages.h"
#include "tests/guest/lib/test.h"

#define PAGES 12
#define PORT 0x80
#define ADDRESS 0x200000 /* of the page that is now here, now there */

/* GPAs; the first tables are at the end (child.h), but for the last one. */
#define HERE 0x2000
#define THERE 0x3000
#define TABLE 0x4000
#define OTHER_PML4 0x5000
#define OTHER_PDPT 0x6000
#define OTHER_PD 0x7000
#define OTHER_TABLE 0x8000
#define FIRST_PD 0xb000

#define IN_HERE 0x1111
#define IN_THERE 0x2222
#define ROUNDS 6

static const u8 reading[] = { LOAD_EAX(ADDRESS), OUT_EAX(PORT), JMP_BACK(9) };

static struct child child;

static void put(u64 gpa, u64 value)
{
	*(volatile u64 *)child_at(&child, gpa) = value;
}

/* ADDRESS is HERE by the first CR3, THERE by the other one. */
static bool set_up(void)
{
	if (!child_set_long(&child, CHILD_CODE, CHILD_CODE))
		return false;
	put(HERE, IN_HERE);
	put(THERE, IN_THERE);
	put(FIRST_PD + 8, TABLE | PTE_RW);
	put(TABLE, HERE | PTE_RW);
	put(OTHER_PML4, OTHER_PDPT | PTE_RW);
	put(OTHER_PDPT, OTHER_PD | PTE_RW);
	put(OTHER_PD, PTE_LARGE | PTE_RW);
	put(OTHER_PD + 8, OTHER_TABLE | PTE_RW);
	put(OTHER_TABLE, THERE | PTE_RW);
	return true;
}

static bool create(void)
{
	if (!child_create(&child, PAGES) || !child_intercept_out(&child, PORT))
		return false;
	CHILD_PUT_CODE(&child, reading);
	return set_up();
}

/* What it reads next. */
static bool reads(u64 want)
{
	u64 value = 0;

	return child_run_to_out(&child, PORT, &value) &&
	       EXPECT_EQUAL(value, want);
}

static void another_cr3(void)
{
	u64 first;

	MUST(create());
	first = child_get(&child, HV_REGISTER_CR3);
	MUST(reads(IN_HERE) && reads(IN_HERE));
	MUST(child_set(&child, HV_REGISTER_CR3, OTHER_PML4));
	MUST(reads(IN_THERE) && reads(IN_THERE));
	MUST(child_set(&child, HV_REGISTER_CR3, first));
	MUST(reads(IN_HERE));
	child_destroy(&child);
}

/* As MOV to CR3 does it (SDM 4.10.4.1). */
static void the_same_cr3(void)
{
	MUST(create() && reads(IN_HERE));
	put(TABLE, THERE | PTE_RW);
	MUST(child_set(&child, HV_REGISTER_CR3,
	               child_get(&child, HV_REGISTER_CR3)));
	MUST(reads(IN_THERE));
	child_destroy(&child);
}

static void another_vp(void)
{
	MUST(create() && reads(IN_HERE));
	for (u32 i = 0; i < ROUNDS; i++) {
		test_context("round", i);
		MUST(EXPECT_SUCCESS(vp_delete(child.id, 0)));
		MUST(EXPECT_SUCCESS(vp_create(child.id, 0)));
		MUST(set_up());
		put(TABLE, (i % 2 ? HERE : THERE) | PTE_RW);
		MUST(reads(i % 2 ? IN_HERE : IN_THERE));
	}
	child_destroy(&child);
}

/*
 * Its tables are where the last one's were (child_deposit); its memory is not. Where nothing
 * was mapped at the end, none of it was dropped then: what is kept is of tables alone.
 */
static void others(bool unmapped)
{
	u64 kept[ROUNDS] = { 0 };

	for (u32 i = 0; i < ROUNDS && !test_failed(); i++) {
		test_context("round", i);
		MUST(create());
		put(HERE, i);
		MUST(reads(i));
		if (unmapped)
			MUST(EXPECT_SUCCESS(memory_unmap(child.id, 0, PAGES)) &&
			     child_run_to(&child, HV_MESSAGE_UNMAPPED_GPA));
		child_destroy(&child);
		kept[i] = page_run(PAGES);
		MUST(EXPECT(kept[i]));
		*(volatile u64 *)(kept[i] + HERE) = i;
	}
	for (u32 i = 0; i < ROUNDS; i++)
		if (kept[i])
			page_run_free(kept[i], PAGES);
}

static void another_partition(void)
{
	others(false);
}

static void another_partition_unmapped(void)
{
	others(true);
}

static const struct test_case cases[] = {
	{ "another cr3, by registers", another_cr3 },
	{ "the same cr3, by registers", the_same_cr3 },
	{ "a vp in the place of another", another_vp },
	{ "a partition in the place of another", another_partition },
	{ "a partition in the place of one without memory",
	  another_partition_unmapped },
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	return test_run(image, table, "translations", cases, ARRAY_LEN(cases));
}
