/*
 * Messages of accesses to memory that is not there, or not for this; then it is, and
 * the same instruction goes on.
 */
#include "parent/memory.h"
#include "tests/guest/lib/child.h"
#include "tests/guest/lib/code.h"
#include "tests/guest/lib/test.h"
#include "tests/guest/root/intercepts/intercepts.h"

#define HOLE 0x100000 /* nothing is mapped here */

static struct child child;

static void check_memory(u32 type, u32 access, u64 gpa, u64 rip)
{
	const struct hv_memory_intercept *m =
		(const struct hv_memory_intercept *)child.message.payload;

	intercepts_check_message(&child, type, sizeof(*m));
	intercepts_check_header(&m->header, 0, access, rip);
	EXPECT_EQUAL(m->gpa, gpa);
	EXPECT_EQUAL(m->access_info, HV_MEMORY_ACCESS_GVA_VALID);
	EXPECT_EQUAL(m->gva, gpa);
	EXPECT_EQUAL(m->rsvd, 0);
}

void intercepts_unmapped_gpa(void)
{
	static const u8 code[] = {
		LOAD_EAX(HOLE + 0x123),
		STORE_EAX(HOLE + 0x2345),
		MOV_EAX(HOLE + 0x4000),
		JMP_RAX,
	};
	static const u8 there[] = { MOV_EAX(0x77), STORE_EAX(MARK), HLT };
	u64 page, source;

	MUST(intercepts_create(&child, code, sizeof(code)));
	page = child.memory + 4 * PAGE_SIZE; /* one of its own, once more */
	source = page >> PAGE_SHIFT;
	MUST(child_run_to(&child, HV_MESSAGE_UNMAPPED_GPA));
	check_memory(HV_MESSAGE_UNMAPPED_GPA, HV_INTERCEPT_READ, HOLE + 0x123,
	             CHILD_CODE);
	/* Once there is memory the instruction goes on by itself. */
	*(u32 *)(page + 0x123) = 0x4711;
	MUST(EXPECT_SUCCESS(memory_map(child.id, HOLE >> PAGE_SHIFT, source, 1,
	                               CHILD_RWX, NULL)));
	MUST(child_run_to(&child, HV_MESSAGE_UNMAPPED_GPA));
	check_memory(HV_MESSAGE_UNMAPPED_GPA, HV_INTERCEPT_WRITE, HOLE + 0x2345,
	             CHILD_CODE + 7);
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_RAX), 0x4711);
	MUST(EXPECT_SUCCESS(memory_map(child.id, (HOLE >> PAGE_SHIFT) + 2,
	                               source, 1, CHILD_RWX, NULL)));
	MUST(child_run_to(&child, HV_MESSAGE_UNMAPPED_GPA));
	check_memory(HV_MESSAGE_UNMAPPED_GPA, HV_INTERCEPT_EXECUTE,
	             HOLE + 0x4000, HOLE + 0x4000);
	EXPECT_EQUAL(*(u32 *)(page + 0x345), 0x4711);
	__builtin_memcpy((void *)page, there, sizeof(there));
	MUST(EXPECT_SUCCESS(memory_map(child.id, (HOLE >> PAGE_SHIFT) + 4,
	                               source, 1, CHILD_RWX, NULL)));
	MUST(child_go(&child));
	MUST(intercepts_halts(&child));
	EXPECT(!child_next_message(&child.message, 1000));
	EXPECT_EQUAL(intercepts_mark(&child), 0x77);
	child_destroy(&child);
}

static const struct rights_row {
	u32 flags;
	bool read, write, execute; /* allowed */
} rights_rows[] = {
	{ HV_MAP_GPA_NO_ACCESS, false, false, false },
	{ 0, false, false, false },
	{ HV_MAP_GPA_READABLE, true, false, false },
	{ HV_MAP_GPA_READABLE | HV_MAP_GPA_WRITABLE, true, true, false },
	{ HV_MAP_GPA_READABLE | HV_MAP_GPA_EXECUTABLE, true, false, true },
	{ HV_MAP_GPA_READABLE | HV_MAP_GPA_EXECUTABLE |
	          HV_MAP_GPA_USER_EXECUTABLE,
	  true, false, true },
	{ CHILD_RWX, true, true, true },
};

/* One access to MARK from CHILD_CODE, which then gets to an HLT. */
static void check_right(const u8 *code, u32 size, bool allowed, u32 access,
                        u64 rip)
{
	child_put(&child, CHILD_CODE, code, size);
	MUST(child_set(&child, HV_REGISTER_RIP, CHILD_CODE));
	MUST(child_set(&child, HV_REGISTER_INTERNAL_ACTIVITY_STATE, 0));
	MUST(child_go(&child));
	if (!allowed) {
		MUST(child_wait(&child));
		check_memory(HV_MESSAGE_GPA_INTERCEPT, access, MARK, rip);
	} else {
		MUST(intercepts_halts(&child));
		EXPECT(!child_next_message(&child.message, 1000));
	}
	MUST(child_stop(&child));
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_INTERNAL_ACTIVITY_STATE),
	             allowed ? HV_ACTIVITY_HALT_SUSPEND : 0);
}

void intercepts_gpa_rights(void)
{
	static const u8 load[] = { LOAD_EAX(MARK), HLT };
	static const u8 store[] = { STORE_EAX(MARK), HLT };
	static const u8 jump[] = { MOV_EAX(MARK), JMP_RAX };
	u64 source;

	MUST(intercepts_create(&child, load, sizeof(load)));
	source = (child.memory + MARK) >> PAGE_SHIFT;
	for (u32 i = 0; i < ARRAY_LEN(rights_rows); i++) {
		const struct rights_row *row = &rights_rows[i];

		test_context("row", i);
		MUST(EXPECT_SUCCESS(memory_map(child.id, MARK >> PAGE_SHIFT,
		                               source, 1, row->flags, NULL)));
		check_right(load, sizeof(load), row->read, HV_INTERCEPT_READ,
		            CHILD_CODE);
		check_right(store, sizeof(store), row->write,
		            HV_INTERCEPT_WRITE, CHILD_CODE);
		*(u8 *)child_at(&child, MARK) = HLT;
		check_right(jump, sizeof(jump), row->execute,
		            HV_INTERCEPT_EXECUTE, MARK);
	}
	child_destroy(&child);
}
