/*
 * Pools and maps: pages that leave the root and come back, mappings and their
 * rights, ReadGpa and WriteGpa.
 */
#include "parent/memory.h"

#include "include/x86_apic.h"
#include "parent/cpu.h"
#include "parent/partition.h"
#include "parent/vp.h"
#include "tests/guest/lib/child.h"
#include "tests/guest/lib/code.h"
#include "tests/guest/lib/pages.h"
#include "tests/guest/lib/test.h"
#include "tests/guest/lib/trap.h"

#define PAGES 8
#define MANY 300   /* more than the hypervisor does in one go */
#define HOLE 0x100 /* a page number where nothing is mapped */
#define PATTERN 0x5aa5c33c12345678ull
#define APIC_GPN (LAPIC_BASE_RESET >> PAGE_SHIFT)

static struct child child;

static bool balance_is(u64 id, u64 available, u64 in_use)
{
	u64 a = 0, u = 0;

	return EXPECT_SUCCESS(memory_get_balance(id, &a, &u)) &&
	       EXPECT_EQUAL(a, available) && EXPECT_EQUAL(u, in_use);
}

/* ---- Pools ---- */

static void deposited_pages_vanish(void)
{
	u64 page = page_run(1), list[1] = { page >> PAGE_SHIFT }, value;

	MUST(EXPECT(page) && child_create_bare(&child));
	*(u64 *)page = PATTERN;
	MUST(balance_is(child.id, 0, 0));
	MUST(EXPECT_SUCCESS(memory_deposit(child.id, list, 1, NULL)));
	MUST(balance_is(child.id, 1, 0));
	EXPECT_EQUAL(trap_read(page, &value), VECTOR_MC);
	EXPECT_EQUAL(trap_write(page, 0), VECTOR_MC);
	/* The neighbours are untouched. */
	EXPECT_EQUAL(trap_read(page - 8, &value), TRAP_NONE);
	EXPECT_EQUAL(trap_read(page + PAGE_SIZE, &value), TRAP_NONE);
	list[0] = 0;
	MUST(EXPECT_SUCCESS(memory_withdraw(child.id, list, 1, NULL)));
	EXPECT_EQUAL(list[0], page >> PAGE_SHIFT);
	EXPECT_EQUAL(trap_read(page, &value), TRAP_NONE);
	EXPECT(page_is_zero(page));
	EXPECT_EQUAL(trap_write(page, 1), TRAP_NONE);
	MUST(balance_is(child.id, 0, 0));
	page_run_free(page, 1);
	EXPECT_SUCCESS(partition_delete(child.id));
}

/* The page lists of 300 pages in one call each. */
static void many_pages_at_once(void)
{
	static u64 list[MANY];
	u64 run = page_run(MANY), seen = 0;
	u32 done;

	MUST(EXPECT(run) && child_create_bare(&child));
	for (u32 i = 0; i < MANY; i++)
		list[i] = (run >> PAGE_SHIFT) + i;
	MUST(EXPECT_SUCCESS(memory_deposit(child.id, list, MANY, &done)));
	EXPECT_EQUAL(done, MANY);
	MUST(balance_is(child.id, MANY, 0));
	/* One more than there are: those that there are come back. */
	EXPECT_STATUS(memory_withdraw(child.id, list, MANY + 1, &done),
	              HV_STATUS_NO_RESOURCES);
	EXPECT_EQUAL(done, MANY);
	for (u32 i = 0; i < MANY; i++)
		seen += list[i] - (run >> PAGE_SHIFT);
	EXPECT_EQUAL(seen, MANY * (MANY - 1) / 2);
	MUST(balance_is(child.id, 0, 0));
	EXPECT_SUCCESS(partition_delete(child.id));
	page_run_free(run, MANY);
}

static void pool_of_the_root(void)
{
	u64 id = STASIS_ROOT_ID, available, in_use, more, used;
	u64 list[2] = { page_take(), page_take() };
	u32 done;

	/* The first deposit may take a page for a table of our own map. */
	MUST(EXPECT_SUCCESS(memory_deposit(id, list, 2, &done)));
	MUST(EXPECT_SUCCESS(memory_withdraw(id, list, 2, &done)));
	MUST(EXPECT_SUCCESS(memory_get_balance(id, &available, &in_use)));
	EXPECT(available > 0 && in_use > 0);
	MUST(EXPECT_SUCCESS(
		memory_deposit(HV_PARTITION_ID_SELF, list, 2, &done)));
	/* Again it may. */
	MUST(EXPECT_SUCCESS(
		memory_get_balance(HV_PARTITION_ID_SELF, &more, &used)));
	EXPECT_EQUAL(more + used, available + in_use + 2);
	MUST(EXPECT_SUCCESS(memory_withdraw(id, list, 2, &done)));
	MUST(balance_is(id, available, in_use));
	/* What was reserved at boot is not the firmware's: it stays. */
	EXPECT_STATUS(memory_withdraw(id, list, 1, &done),
	              HV_STATUS_NO_RESOURCES);
	page_put(list[0]);
	page_put(list[1]);
}

static bool refused(u64 gpn, enum hv_status want)
{
	u32 done = 1;

	return EXPECT_STATUS(memory_deposit(child.id, &gpn, 1, &done), want) &&
	       EXPECT_EQUAL(done, 0);
}

static void pages_that_are_not_ours(void)
{
	u64 gpn, value;

	MUST(child_create(&child, PAGES));
	gpn = page_take();
	MUST(refused(0, HV_STATUS_OPERATION_DENIED));
	MUST(refused(APIC_GPN, HV_STATUS_OPERATION_DENIED));
	MUST(refused(1ull << 40, HV_STATUS_OPERATION_DENIED));
	MUST(refused(~0ull, HV_STATUS_OPERATION_DENIED));
	MUST(refused(test_hypercall_page() >> PAGE_SHIFT,
	             HV_STATUS_OBJECT_IN_USE));
	MUST(refused(test_sim_page() >> PAGE_SHIFT, HV_STATUS_OBJECT_IN_USE));
	MUST(refused(child.memory >> PAGE_SHIFT, HV_STATUS_OBJECT_IN_USE));
	/* Twice the same page. */
	MUST(EXPECT_SUCCESS(memory_deposit(child.id, &gpn, 1, NULL)));
	child.deposited++;
	MUST(refused(gpn, HV_STATUS_OPERATION_DENIED));
	/* Nor can it be mapped, or hold a hypercall's input. */
	EXPECT_STATUS(memory_map(child.id, HOLE, gpn, 1, CHILD_RWX, NULL),
	              HV_STATUS_OPERATION_DENIED);
	EXPECT_EQUAL(trap_read(gpn << PAGE_SHIFT, &value), VECTOR_MC);
	child_destroy(&child);
}

/* With too few pages a call does nothing; with more it does all. */
static void small_pool(void)
{
	u64 available, in_use;
	u32 turns = 0;

	MUST(child_create_bare(&child));
	MUST(EXPECT_STATUS(partition_initialize(child.id),
	                   HV_STATUS_INSUFFICIENT_MEMORY));
	MUST(child_deposit(&child, 1));
	MUST(EXPECT_SUCCESS(partition_initialize(child.id)));
	MUST(balance_is(child.id, 0, 1));
	while (vp_create(child.id, 0) == HV_STATUS_INSUFFICIENT_MEMORY &&
	       turns++ < 20) {
		MUST(balance_is(child.id, turns - 1, 1));
		MUST(child_deposit(&child, 1));
	}
	EXPECT(turns > 1 && turns < 20);
	MUST(balance_is(child.id, 0, turns + 1));
	/* Tables of the map, then the page of intercepted ports. */
	child.memory = page_run(1);
	child.pages = 1;
	while (memory_map(child.id, 0, child.memory >> PAGE_SHIFT, 1, CHILD_RWX,
	                  NULL) == HV_STATUS_INSUFFICIENT_MEMORY &&
	       turns++ < 20)
		MUST(child_deposit(&child, 1));
	EXPECT(turns < 20);
	EXPECT_STATUS(partition_install_intercept(child.id,
	                                          HV_INTERCEPT_TYPE_IO_PORT, 0,
	                                          HV_INTERCEPT_ACCESS_READ),
	              HV_STATUS_INSUFFICIENT_MEMORY);
	MUST(child_deposit(&child, 1));
	MUST(child_intercept(&child, HV_INTERCEPT_TYPE_IO_PORT, 0,
	                     HV_INTERCEPT_ACCESS_READ));
	MUST(EXPECT_SUCCESS(memory_get_balance(child.id, &available, &in_use)));
	EXPECT_EQUAL(available + in_use, child.deposited);
	child_destroy(&child);
}

/* ---- Maps ---- */

static const u8 adder[] = { LOAD_EAX(0x3000), INC_EAX_64, STORE_EAX(0x3000),
	                    HLT };

/* It runs to its HLT, and has no message for us. */
static bool run_to_halt(struct child *c)
{
	struct hv_message m;

	return child_go(c) &&
	       child_run_until(c, HV_REGISTER_INTERNAL_ACTIVITY_STATE,
	                       HV_ACTIVITY_HALT_SUSPEND) &&
	       EXPECT(!child_next_message(&m, 1000)) && child_stop(c);
}

/* The child adds one to its word at 3000H. */
static bool add_one(struct child *c)
{
	child_put(c, CHILD_CODE, adder, sizeof(adder));
	return child_set(c, HV_REGISTER_RIP, CHILD_CODE) &&
	       child_set(c, HV_REGISTER_INTERNAL_ACTIVITY_STATE, 0) &&
	       run_to_halt(c);
}

static void one_page_mapped_twice(void)
{
	struct child other;
	u64 page, value = 0;

	MUST(child_create(&child, PAGES) && child_create(&other, PAGES));
	MUST(child_set_long(&child, CHILD_CODE, CHILD_CODE));
	MUST(child_set_long(&other, CHILD_CODE, CHILD_CODE));
	page = child.memory + 4 * PAGE_SIZE;
	MUST(EXPECT_SUCCESS(memory_map(child.id, 3, page >> PAGE_SHIFT, 1,
	                               CHILD_RWX, NULL)));
	MUST(EXPECT_SUCCESS(memory_map(child.id, HOLE, page >> PAGE_SHIFT, 1,
	                               CHILD_RWX, NULL)));
	MUST(EXPECT_SUCCESS(memory_map(other.id, 3, page >> PAGE_SHIFT, 1,
	                               CHILD_RWX, NULL)));
	*(u64 *)page = 41;
	MUST(add_one(&child));
	EXPECT_EQUAL(*(u64 *)page, 42);
	MUST(add_one(&other));
	EXPECT_EQUAL(*(u64 *)page, 43);
	MUST(EXPECT_SUCCESS(memory_read(child.id, 0, (u64)HOLE << PAGE_SHIFT,
	                                &value, 8, NULL)));
	EXPECT_EQUAL(value, 43);
	MUST(child_destroy(&other));
	child_destroy(&child);
}

static void replaced_mapping(void)
{
	u64 gpn = page_take();

	MUST(child_create(&child, PAGES));
	MUST(child_set_long(&child, CHILD_CODE, CHILD_CODE));
	*(u64 *)(gpn << PAGE_SHIFT) = 7;
	MUST(add_one(&child));
	EXPECT_EQUAL(*(u64 *)child_at(&child, 0x3000), 1);
	MUST(EXPECT_SUCCESS(memory_map(child.id, 3, gpn, 1, CHILD_RWX, NULL)));
	MUST(add_one(&child));
	EXPECT_EQUAL(*(u64 *)child_at(&child, 0x3000), 1);
	EXPECT_EQUAL(*(u64 *)(gpn << PAGE_SHIFT), 8);
	MUST(refused(gpn, HV_STATUS_OBJECT_IN_USE));
	/* Back again: the page is free of mappings and may be deposited. */
	MUST(EXPECT_SUCCESS(memory_map(child.id, 3,
	                               (child.memory >> PAGE_SHIFT) + 3, 1,
	                               CHILD_RWX, NULL)));
	MUST(EXPECT_SUCCESS(memory_deposit(child.id, &gpn, 1, NULL)));
	child.deposited++;
	MUST(add_one(&child));
	EXPECT_EQUAL(*(u64 *)child_at(&child, 0x3000), 2);
	child_destroy(&child);
}

static void unmapped_again(void)
{
	enum hv_access_gpa_result access;
	u64 word;

	MUST(child_create(&child, PAGES));
	MUST(EXPECT_SUCCESS(memory_unmap(child.id, 3, 2)));
	MUST(EXPECT_SUCCESS(
		memory_read(child.id, 0, 0x3000, &word, 8, &access)));
	EXPECT_EQUAL(access, HV_ACCESS_GPA_UNMAPPED);
	MUST(EXPECT_SUCCESS(
		memory_read(child.id, 0, 0x5000, &word, 8, &access)));
	EXPECT_EQUAL(access, HV_ACCESS_GPA_SUCCESS);
	/* Once more, and where nothing ever was: nothing to do. */
	EXPECT_SUCCESS(memory_unmap(child.id, 3, 2));
	EXPECT_SUCCESS(memory_unmap(child.id, 0x123456, 100));
	/* A running child is held at once. */
	MUST(child_set_long(&child, CHILD_CODE, CHILD_CODE));
	static const u8 loop[] = { INC_MEM(0x2000), JMP_BACK(7) };
	CHILD_PUT_CODE(&child, loop);
	MUST(child_set(&child, HV_REGISTER_RFLAGS, 0x202));
	MUST(child_go(&child));
	child_let_run(200000);
	MUST(EXPECT_SUCCESS(memory_unmap(child.id, 2, 1)));
	word = *(volatile u32 *)child_at(&child, 0x2000);
	MUST(child_wait(&child));
	EXPECT_EQUAL(child.message.type, HV_MESSAGE_UNMAPPED_GPA);
	EXPECT_EQUAL(*(volatile u32 *)child_at(&child, 0x2000), word);
	child_destroy(&child);
}

static void many_mappings(void)
{
	u64 run = page_run(MANY), done = 0, word;

	MUST(EXPECT(run) && child_create(&child, PAGES));
	for (u64 i = 0; i < MANY; i++)
		*(u64 *)(run + i * PAGE_SIZE) = PATTERN + i;
	MUST(EXPECT_SUCCESS(memory_map(child.id, HOLE, run >> PAGE_SHIFT, MANY,
	                               CHILD_RWX, &done)));
	EXPECT_EQUAL(done, MANY);
	for (u64 i = 0; i < MANY; i += 7) {
		MUST(EXPECT_SUCCESS(memory_read(child.id, 0,
		                                (HOLE + i) << PAGE_SHIFT, &word,
		                                8, NULL)));
		EXPECT_EQUAL(word, PATTERN + i);
	}
	MUST(EXPECT_SUCCESS(memory_unmap(child.id, HOLE, MANY)));
	MUST(child_destroy(&child));
	page_run_free(run, MANY);
}

static void map_flags(void)
{
	static const struct {
		u32 flags;
		bool legal;
	} rows[] = {
		{ 0, true },
		{ 1, true },
		{ 3, true },
		{ 5, true },
		{ 7, true },
		{ 0xd, true },
		{ 0xf, true },
		{ HV_MAP_GPA_NO_ACCESS, true },
		{ 2, false },
		{ 4, false },
		{ 6, false },
		{ 8, false },
		{ 9, false },
		{ 0xc, false },
		{ 0xe, false },
		{ 0x10, false },
		{ HV_MAP_GPA_NO_ACCESS | 1, false },
		{ 0x20007, false },
		{ 0x80000007, false },
	};

	MUST(child_create(&child, PAGES));
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		test_context("flags", rows[i].flags);
		EXPECT_STATUS(memory_map(child.id, 3,
		                         child.memory >> PAGE_SHIFT, 1,
		                         rows[i].flags, NULL),
		              rows[i].legal ? HV_STATUS_SUCCESS
		                            : HV_STATUS_INVALID_PARAMETER);
	}
	child_destroy(&child);
}

static void source_and_target_pages(void)
{
	u64 gpn, id = STASIS_ROOT_ID, own = test_sim_page() >> PAGE_SHIFT;

	MUST(child_create(&child, PAGES));
	gpn = child.memory >> PAGE_SHIFT;
	EXPECT_STATUS(memory_map(child.id, 1ull << 40, gpn, 1, 7, NULL),
	              HV_STATUS_INVALID_PARAMETER);
	EXPECT_STATUS(memory_map(child.id, ~0ull, gpn, 1, 7, NULL),
	              HV_STATUS_INVALID_PARAMETER);
	EXPECT_STATUS(memory_map(child.id, HOLE, ~0ull, 1, 7, NULL),
	              HV_STATUS_INVALID_PARAMETER);
	EXPECT_STATUS(memory_map(child.id, HOLE, APIC_GPN, 1, 7, NULL),
	              HV_STATUS_OPERATION_DENIED);
	EXPECT_STATUS(memory_map(child.id, HOLE, own, 1, 7, NULL),
	              HV_STATUS_OPERATION_DENIED);
	EXPECT_STATUS(memory_map(id, gpn, gpn, 1, 7, NULL),
	              HV_STATUS_OPERATION_DENIED);
	EXPECT_STATUS(memory_unmap(child.id, 1ull << 40, 1),
	              HV_STATUS_INVALID_PARAMETER);
	EXPECT_STATUS(memory_unmap(child.id, ~0ull, 2),
	              HV_STATUS_INVALID_PARAMETER);
	child_destroy(&child);
}

/* ---- ReadGpa, WriteGpa ---- */

static bool access_is(bool write, u64 gpa, enum hv_access_gpa_result want)
{
	enum hv_access_gpa_result got = 99;
	u64 word = PATTERN;
	enum hv_status status =
		write ? memory_write(child.id, 0, gpa, &word, 8, &got)
		      : memory_read(child.id, 0, gpa, &word, 8, &got);

	return EXPECT_SUCCESS(status) && EXPECT_EQUAL(got, want);
}

static void results_of_accesses(void)
{
	MUST(child_create(&child, PAGES));
	u64 gpn = (child.memory >> PAGE_SHIFT) + 3;

	MUST(access_is(false, 0x3000, HV_ACCESS_GPA_SUCCESS));
	MUST(access_is(true, 0x3ff8, HV_ACCESS_GPA_SUCCESS));
	EXPECT_EQUAL(*(u64 *)child_at(&child, 0x3ff8), PATTERN);
	MUST(access_is(false, (u64)HOLE << PAGE_SHIFT, HV_ACCESS_GPA_UNMAPPED));
	MUST(access_is(true, (u64)HOLE << PAGE_SHIFT, HV_ACCESS_GPA_UNMAPPED));
	MUST(EXPECT_SUCCESS(
		memory_map(child.id, 3, gpn, 1, HV_MAP_GPA_READABLE, NULL)));
	MUST(access_is(false, 0x3000, HV_ACCESS_GPA_SUCCESS));
	MUST(access_is(true, 0x3000, HV_ACCESS_GPA_WRITE_INTERCEPT));
	MUST(EXPECT_SUCCESS(
		memory_map(child.id, 3, gpn, 1, HV_MAP_GPA_NO_ACCESS, NULL)));
	MUST(access_is(false, 0x3000, HV_ACCESS_GPA_READ_INTERCEPT));
	MUST(access_is(true, 0x3000, HV_ACCESS_GPA_WRITE_INTERCEPT));
	EXPECT_EQUAL(*(u64 *)child_at(&child, 0x3000), 0);
	/* The child's hypercall page. */
	MUST(child_set(&child, HV_REGISTER_GUEST_OS_ID, 1));
	MUST(child_set(&child, HV_REGISTER_HYPERCALL, 0x4001));
	MUST(access_is(false, 0x4000, HV_ACCESS_GPA_ILLEGAL_OVERLAY));
	MUST(access_is(true, 0x4000, HV_ACCESS_GPA_ILLEGAL_OVERLAY));
	child_destroy(&child);
}

/* Every size at every place of a 16-byte block; nothing besides is written. */
static void sizes_of_accesses(void)
{
	u8 data[16], back[16], *memory;

	MUST(child_create(&child, PAGES));
	memory = child_at(&child, 0x3000);
	for (u32 i = 0; i < 16; i++)
		data[i] = (u8)(0xf0 + i);
	for (u32 size = 1; size <= 16; size++) {
		test_context("size", size);
		__builtin_memset(memory, 0x11, 64);
		__builtin_memset(back, 0x22, sizeof(back));
		MUST(EXPECT_SUCCESS(
			memory_write(child.id, 0, 0x3005, data, size, NULL)));
		for (u32 i = 0; i < 64; i++)
			EXPECT_EQUAL(memory[i], i >= 5 && i < 5 + size
			                                ? data[i - 5]
			                                : 0x11);
		MUST(EXPECT_SUCCESS(
			memory_read(child.id, 0, 0x3005, back, size, NULL)));
		for (u32 i = 0; i < 16; i++)
			EXPECT_EQUAL(back[i], i < size ? data[i] : 0x22);
	}
	child_destroy(&child);
}

static const struct test_case cases[] = {
	{ "deposited pages vanish and come back zeroed",
	  deposited_pages_vanish },
	{ "many pages at once", many_pages_at_once },
	{ "pool of the root", pool_of_the_root },
	{ "pages that are not ours", pages_that_are_not_ours },
	{ "a pool that is too small", small_pool },
	{ "one page mapped twice and in two children", one_page_mapped_twice },
	{ "a mapping is replaced", replaced_mapping },
	{ "a mapping is removed", unmapped_again },
	{ "many mappings at once", many_mappings },
	{ "legal and illegal map flags", map_flags },
	{ "source and target pages of a map", source_and_target_pages },
	{ "results of gpa accesses", results_of_accesses },
	{ "sizes of gpa accesses", sizes_of_accesses },
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	return test_run(image, table, "memory", cases, ARRAY_LEN(cases));
}
