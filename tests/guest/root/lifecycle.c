/*
 * The life of a partition and of its VPs: calls in wrong orders, ids, the list
 * of children, limits.
 */
#include "parent/cpu.h"
#include "parent/memory.h"
#include "parent/partition.h"
#include "parent/stream.h"
#include "parent/vp.h"
#include "tests/guest/lib/child.h"
#include "tests/guest/lib/code.h"
#include "tests/guest/lib/pages.h"
#include "tests/guest/lib/test.h"

#define PAGES 8
#define PORT 0x80
#define ENOUGH 200 /* more partitions than there can be */

static struct child child;

static void call_everything(enum hv_status want, bool deletable)
{
	u8 data[16] = { 0 };
	u32 count, state;
	u64 value;

	EXPECT_STATUS(partition_install_intercept(child.id,
	                                          HV_INTERCEPT_TYPE_CPUID, 1,
	                                          HV_INTERCEPT_ACCESS_EXECUTE),
	              want);
	EXPECT_STATUS(vp_create(child.id, 0), want);
	EXPECT_STATUS(vp_delete(child.id, 0), want);
	EXPECT_STATUS(vp_get_register(child.id, 0, HV_REGISTER_RAX, &value),
	              want);
	EXPECT_STATUS(vp_set_register(child.id, 0, HV_REGISTER_RAX, 0), want);
	EXPECT_STATUS(memory_map(child.id, 0, test_sim_page() >> PAGE_SHIFT, 1,
	                         CHILD_RWX, NULL),
	              want);
	EXPECT_STATUS(memory_unmap(child.id, 0, 1), want);
	EXPECT_STATUS(memory_read(child.id, 0, 0, &value, 8, NULL), want);
	EXPECT_STATUS(memory_write(child.id, 0, 0, &value, 8, NULL), want);
	EXPECT_STATUS(partition_get_property(
			      child.id, HV_PROPERTY_REFERENCE_TIME, &value),
	              want);
	EXPECT_STATUS(stream_save_piece(child.id, HV_SAVE_RESTORE_STATE_START,
	                                data, &count, &state),
	              want);
	EXPECT_STATUS(stream_restore_piece(child.id,
	                                   HV_SAVE_RESTORE_STATE_START, data, 0,
	                                   &count, &state),
	              want);
	if (!deletable)
		EXPECT_STATUS(partition_delete(child.id), want);
}

static void before_initialize(void)
{
	u64 value = 0;

	MUST(child_create_bare(&child));
	call_everything(HV_STATUS_INVALID_PARTITION_STATE, true);
	EXPECT_STATUS(partition_finalize(child.id),
	              HV_STATUS_INVALID_PARTITION_STATE);
	/* Early properties, and its pool. */
	EXPECT_SUCCESS(partition_get_property(
		child.id, HV_PROPERTY_PRIVILEGE_FLAGS, &value));
	EXPECT_SUCCESS(partition_set_property(
		child.id, HV_PROPERTY_PRIVILEGE_FLAGS, value));
	MUST(child_deposit(&child, 3));
	EXPECT_STATUS(partition_delete(child.id), HV_STATUS_OPERATION_DENIED);
	MUST(child_withdraw_all(&child));
	EXPECT_SUCCESS(partition_delete(child.id));
	EXPECT_STATUS(partition_delete(child.id),
	              HV_STATUS_INVALID_PARTITION_ID);
}

static void while_active(void)
{
	MUST(child_create(&child, PAGES));
	EXPECT_STATUS(partition_initialize(child.id),
	              HV_STATUS_INVALID_PARTITION_STATE);
	EXPECT_STATUS(partition_delete(child.id),
	              HV_STATUS_INVALID_PARTITION_STATE);
	EXPECT_STATUS(vp_create(child.id, 0), HV_STATUS_INVALID_VP_INDEX);
	child_destroy(&child);
}

static void after_finalize(void)
{
	u64 gpn = page_take(), available = 0, in_use = 1;

	MUST(child_create(&child, PAGES));
	MUST(EXPECT_SUCCESS(partition_finalize(child.id)));
	call_everything(HV_STATUS_INVALID_PARTITION_STATE, true);
	EXPECT_STATUS(partition_initialize(child.id),
	              HV_STATUS_INVALID_PARTITION_STATE);
	EXPECT_STATUS(partition_finalize(child.id),
	              HV_STATUS_INVALID_PARTITION_STATE);
	EXPECT_STATUS(memory_deposit(child.id, &gpn, 1, NULL),
	              HV_STATUS_INVALID_PARTITION_STATE);
	EXPECT_SUCCESS(memory_get_balance(child.id, &available, &in_use));
	EXPECT_EQUAL(in_use, 0);
	EXPECT_EQUAL(available, child.deposited);
	EXPECT_STATUS(partition_delete(child.id), HV_STATUS_OPERATION_DENIED);
	MUST(child_withdraw_all(&child));
	EXPECT_SUCCESS(partition_delete(child.id));
	page_run_free(child.memory, child.pages);
	page_put(gpn);
	/* Now there is no such partition at all. */
	call_everything(HV_STATUS_INVALID_PARTITION_ID, false);
	EXPECT_STATUS(partition_finalize(child.id),
	              HV_STATUS_INVALID_PARTITION_ID);
	EXPECT_STATUS(partition_initialize(child.id),
	              HV_STATUS_INVALID_PARTITION_ID);
}

/* Running, halted, stopped by an intercept: none of it keeps it alive. */
static void finalize_whatever_it_does(void)
{
	static const u8 loop[] = { STI, JMP_SELF };
	static const u8 out[] = { OUT_EAX(PORT), JMP_SELF };
	static const u8 halt[] = { HLT, JMP_SELF };
	static const struct {
		const u8 *code;
		u32 size;
	} rows[] = {
		{ loop, sizeof(loop) },
		{ out, sizeof(out) },
		{ halt, sizeof(halt) },
	};

	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		test_context("row", i);
		MUST(child_create(&child, PAGES));
		MUST(child_intercept_out(&child, PORT));
		child_put(&child, CHILD_CODE, rows[i].code, rows[i].size);
		MUST(child_set_long(&child, CHILD_CODE, CHILD_CODE));
		MUST(child_go(&child));
		child_let_run(100000);
		MUST(child_destroy(&child));
		EXPECT(!child_next_message(&child.message, 100000));
	}
}

/* More memory than one step of finalizing takes down. */
static void finalize_a_large_map(void)
{
	u64 page = page_take();

	MUST(child_create(&child, PAGES) && child_deposit(&child, 30));
	for (u64 i = 0; i < 3000; i++)
		MUST(EXPECT_SUCCESS(memory_map(child.id, 0x1000 + i, page, 1,
		                               CHILD_RWX, NULL)));
	MUST(child_destroy(&child));
	/* No mapping of it is left: it can be given away. */
	MUST(child_create_bare(&child));
	EXPECT_SUCCESS(memory_deposit(child.id, &page, 1, NULL));
	child.deposited = 1;
	MUST(child_withdraw_all(&child));
	EXPECT_SUCCESS(partition_delete(child.id));
}

/* ---- Ids ---- */

static void ids_are_not_used_again(void)
{
	u64 last = 0;

	for (u32 i = 0; i < 20; i++) {
		MUST(child_create_bare(&child));
		EXPECT(child.id > last);
		last = child.id;
		MUST(EXPECT_SUCCESS(partition_delete(child.id)));
	}
}

static void list_of_children(void)
{
	u64 ids[4], self = STASIS_ROOT_ID, next = 99;

	MUST(EXPECT_SUCCESS(partition_next_child(self, 0, &next)));
	EXPECT_EQUAL(next, 0);
	for (u32 i = 0; i < 4; i++)
		MUST(EXPECT_SUCCESS(partition_create(&ids[i])));
	MUST(EXPECT_SUCCESS(partition_next_child(self, 0, &next)));
	EXPECT_EQUAL(next, ids[0]);
	for (u32 i = 0; i < 4; i++) {
		MUST(EXPECT_SUCCESS(partition_next_child(HV_PARTITION_ID_SELF,
		                                         ids[i], &next)));
		EXPECT_EQUAL(next, i < 3 ? ids[i + 1] : 0);
	}
	/* One of them goes: the list closes, its id is no place any more. */
	MUST(EXPECT_SUCCESS(partition_delete(ids[1])));
	MUST(EXPECT_SUCCESS(partition_next_child(self, ids[0], &next)));
	EXPECT_EQUAL(next, ids[2]);
	EXPECT_STATUS(partition_next_child(self, ids[1], &next),
	              HV_STATUS_INVALID_PARTITION_ID);
	/* Of a child: it has none. */
	MUST(EXPECT_SUCCESS(partition_next_child(ids[0], 0, &next)));
	EXPECT_EQUAL(next, 0);
	EXPECT_STATUS(partition_next_child(ids[0], ids[2], &next),
	              HV_STATUS_INVALID_PARTITION_ID);
	MUST(EXPECT_SUCCESS(partition_delete(ids[0])));
	MUST(EXPECT_SUCCESS(partition_delete(ids[2])));
	EXPECT_SUCCESS(partition_delete(ids[3]));
}

static void too_many_partitions(void)
{
	static u64 ids[ENOUGH];
	enum hv_status status = HV_STATUS_SUCCESS;
	u64 available, in_use, a, u;
	u32 count = 0;

	MUST(EXPECT_SUCCESS(
		memory_get_balance(HV_PARTITION_ID_SELF, &available, &in_use)));
	while (status == HV_STATUS_SUCCESS && count < ENOUGH) {
		status = partition_create(&ids[count]);
		count += status == HV_STATUS_SUCCESS;
	}
	EXPECT_STATUS(status, HV_STATUS_NO_RESOURCES);
	EXPECT(count > 8 && count < ENOUGH);
	MUST(EXPECT_SUCCESS(partition_delete(ids[count / 2])));
	MUST(EXPECT_SUCCESS(partition_create(&ids[count / 2])));
	for (u32 i = 0; i < count; i++)
		EXPECT_SUCCESS(partition_delete(ids[i]));
	MUST(EXPECT_SUCCESS(memory_get_balance(HV_PARTITION_ID_SELF, &a, &u)));
	EXPECT_EQUAL(a, available);
	EXPECT_EQUAL(u, in_use);
}

/* A child with the privilege may ask; there is no third generation. */
static void too_deep(void)
{
	/* clang-format off */
	static const u8 code[] = {
		MOV_ECX(HVCALL_CREATE_PARTITION), MOV_EDX(0x3000),
		MOV_R8D(0x4000), VMCALL, OUT_EAX(PORT), HLT,
	};
	/* clang-format on */
	u64 status, privileges = 0;

	MUST(child_create(&child, PAGES) && child_intercept_out(&child, PORT));
	CHILD_PUT_CODE(&child, code);
	MUST(child_set_long(&child, CHILD_CODE, CHILD_CODE));
	MUST(child_run_to_out(&child, PORT, &status));
	EXPECT_STATUS((u32)status, HV_STATUS_ACCESS_DENIED);
	MUST(EXPECT_SUCCESS(partition_get_property(
		child.id, HV_PROPERTY_PRIVILEGE_FLAGS, &privileges)));
	MUST(EXPECT_SUCCESS(partition_set_property(
		child.id, HV_PROPERTY_PRIVILEGE_FLAGS,
		privileges | HV_PRIVILEGE_CREATE_PARTITIONS)));
	MUST(child_set(&child, HV_REGISTER_RIP, CHILD_CODE));
	MUST(child_run_to_out(&child, PORT, &status));
	EXPECT_STATUS((u32)status, HV_STATUS_PARTITION_TOO_DEEP);
	child_destroy(&child);
}

/* ---- VPs ---- */

static void virtual_processors(void)
{
	u32 limit = cpu_cpuid(HV_CPUID_LIMITS).eax;
	u64 available, in_use, a, u;

	MUST(child_create(&child, PAGES) && child_deposit(&child, 24));
	MUST(EXPECT_SUCCESS(memory_get_balance(child.id, &available, &in_use)));
	EXPECT_STATUS(vp_create(child.id, limit), HV_STATUS_INVALID_VP_INDEX);
	EXPECT_STATUS(vp_create(child.id, HV_VP_INDEX_SELF),
	              HV_STATUS_INVALID_VP_INDEX);
	EXPECT_STATUS(vp_create(child.id, HV_VP_INDEX_ANY),
	              HV_STATUS_INVALID_VP_INDEX);
	MUST(EXPECT_SUCCESS(vp_create(child.id, limit - 1)));
	MUST(EXPECT_SUCCESS(vp_create(child.id, 1)));
	EXPECT_STATUS(vp_create(child.id, 1), HV_STATUS_INVALID_VP_INDEX);
	/* All but the first wait for SIPI. */
	MUST(EXPECT_SUCCESS(vp_get_register(
		child.id, 1, HV_REGISTER_INTERNAL_ACTIVITY_STATE, &u)));
	EXPECT_EQUAL(u, HV_ACTIVITY_STARTUP_SUSPEND);
	MUST(EXPECT_SUCCESS(vp_get_register(child.id, limit - 1,
	                                    HV_REGISTER_VP_INDEX, &u)));
	EXPECT_EQUAL(u, limit - 1);
	MUST(EXPECT_SUCCESS(
		vp_set_register(child.id, 1, HV_REGISTER_EXPLICIT_SUSPEND, 0)));
	child_let_run(100000);
	MUST(EXPECT_SUCCESS(vp_delete(child.id, 1)));
	EXPECT_STATUS(vp_delete(child.id, 1), HV_STATUS_INVALID_VP_INDEX);
	EXPECT_STATUS(vp_get_register(child.id, 1, HV_REGISTER_RAX, &u),
	              HV_STATUS_INVALID_VP_INDEX);
	EXPECT_STATUS(memory_read(child.id, 1, 0, &u, 8, NULL),
	              HV_STATUS_INVALID_VP_INDEX);
	MUST(EXPECT_SUCCESS(vp_delete(child.id, limit - 1)));
	MUST(EXPECT_SUCCESS(memory_get_balance(child.id, &a, &u)));
	EXPECT_EQUAL(a, available);
	EXPECT_EQUAL(u, in_use);
	child_destroy(&child);
}

static const struct test_case cases[] = {
	{ "calls before initialize", before_initialize },
	{ "calls while active", while_active },
	{ "calls after finalize and delete", after_finalize },
	{ "finalize whatever it does", finalize_whatever_it_does },
	{ "finalize a large map", finalize_a_large_map },
	{ "ids are not used again", ids_are_not_used_again },
	{ "list of children", list_of_children },
	{ "too many partitions", too_many_partitions },
	{ "a child of a child is too deep", too_deep },
	{ "virtual processors", virtual_processors },
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	return test_run(image, table, "lifecycle", cases, ARRAY_LEN(cases));
}
