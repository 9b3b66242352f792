/*
 * One wrong field at a time: a good block of each call, and each value of each field
 * that a block may not have, with its status.
 */
#include "parent/memory.h"
#include "parent/partition.h"
#include "tests/guest/lib/calls.h"
#include "tests/guest/lib/child.h"
#include "tests/guest/lib/test.h"
#include "tests/guest/root/statuses/statuses.h"

static struct child child;

/* A good block of a call for VP 0 of the child; IDs are put in later. */
static const struct block {
	u16 code;
	bool changes; /* cannot be made again and again */
	u64 words[6]; /* from offset 8 on */
} blocks[] = {
	{ HVCALL_CREATE_PARTITION, true, { 0 } },
	{ HVCALL_GET_PARTITION_PROPERTY, false, { 0x10000 } },
	{ HVCALL_SET_PARTITION_PROPERTY, false, { 0xf00000, 1 } },
	{ HVCALL_GET_NEXT_CHILD_PARTITION, false, { 0 } },
	{ HVCALL_DEPOSIT_MEMORY, true, { 0 } },
	{ HVCALL_WITHDRAW_MEMORY, true, { 0 } },
	{ HVCALL_GET_MEMORY_BALANCE, false, { 0 } },
	{ HVCALL_MAP_GPA_PAGES, true, { 3, 7, 0 } },
	{ HVCALL_UNMAP_GPA_PAGES, false, { 0x200 } },
	{ HVCALL_INSTALL_INTERCEPT, false, { 1, 0x80 } },
	{ HVCALL_CREATE_VP, true, { 1 } },
	{ HVCALL_DELETE_VP, true, { 0 } },
	{ HVCALL_GET_VP_REGISTERS, false, { 0, HV_REGISTER_RAX } },
	{ HVCALL_SET_VP_REGISTERS, false, { 0, HV_REGISTER_RBX } },
	{ HVCALL_READ_GPA, false, { 16ull << 32, 0x3000 } },
	{ HVCALL_WRITE_GPA, false, { 16ull << 32, 0x3000 } },
	{ HVCALL_SAVE_PARTITION_STATE, false, { START } },
	{ HVCALL_RESTORE_PARTITION_STATE, false, { START } },
};

static const struct poke {
	u16 code;
	u16 offset;
	u16 size; /* bytes */
	u16 want; /* status */
	u64 value;
} pokes[] = {
	{ 0x40, 0, 8, 0x05, 1 },        /* flags */
	{ 0x40, 8, 4, 0x05, 1 },        /* proximity domain */
	{ 0x40, 12, 4, 0x05, BIT(31) }, /* its flags */
	{ 0x40, 24, 8, 0x05, 1 },       /* disabled features */
	{ 0x40, 32, 8, 0x05, BIT(63) },
	{ 0x40, 40, 8, 0x05, 4 },      /* and XSAVE features */
	{ 0x40, 48, 8, 0x05, 1 },      /* isolation */
	{ 0x44, 8, 4, 0x09, 0x12345 }, /* no such property */
	{ 0x44, 8, 4, 0x09, 0xffffffff },
	{ 0x45, 8, 4, 0x09, 0 },
	{ 0x45, 8, 4, 0x05, 0x60000 }, /* a property to be read only */
	{ 0x45, 16, 8, 0x0a, 2 },      /* a value out of range */
	{ 0x45, 16, 8, 0x0a, ~0ull },
	{ 0x47, 8, 8, 0x0d, NOBODY },  /* not in the list */
	{ 0x48, 8, 8, 0x08, 0xfee00 }, /* not our memory */
	{ 0x48, 8, 8, 0x08, ~0ull },
	{ 0x49, 8, 8, 0x05, 1 }, /* proximity */
	{ 0x4a, 8, 8, 0x05, 1 },
	{ 0x4b, 8, 8, 0x05, BIT(40) }, /* target page */
	{ 0x4b, 16, 4, 0x05, 2 },      /* rights: W alone */
	{ 0x4b, 16, 4, 0x05, 0x107 },
	{ 0x4b, 24, 8, 0x05, ~0ull }, /* source page */
	{ 0x4b, 24, 8, 0x08, 0xfee00 },
	{ 0x4c, 8, 8, 0x05, BIT(40) },
	{ 0x4c, 16, 4, 0x05, 1 }, /* flags */
	{ 0x4d, 8, 4, 0x05, 4 },  /* execute a port */
	{ 0x4d, 8, 4, 0x05, 8 },
	{ 0x4d, 12, 4, 0x05, 4 },       /* no such type */
	{ 0x4d, 12, 4, 0x05, 2 },       /* CPUID is executed, not read */
	{ 0x4d, 12, 4, 0x05, 3 },       /* so are exceptions */
	{ 0x4d, 16, 8, 0x05, 0x10000 }, /* no such port */
	{ 0x4e, 8, 4, 0x0e, 0 },        /* there is one */
	{ 0x4e, 8, 4, 0x0e, 64 },
	{ 0x4e, 8, 4, 0x0e, HV_VP_INDEX_ANY },
	{ 0x4e, 12, 1, 0x05, 1 }, /* reserved */
	{ 0x4e, 15, 1, 0x05, 1 }, /* subnode type */
	{ 0x4e, 24, 8, 0x05, 1 }, /* proximity */
	{ 0x4e, 32, 8, 0x05, 1 }, /* flags */
	{ 0x4f, 8, 4, 0x0e, 1 },  /* there is none */
	{ 0x4f, 8, 4, 0x0e, HV_VP_INDEX_SELF },
	{ 0x50, 8, 4, 0x0e, 1 },
	{ 0x50, 12, 1, 0x05, 1 }, /* VTL */
	{ 0x50, 15, 1, 0x05, 1 },
	{ 0x50, 16, 4, 0x05, 0x7fffffff }, /* register name */
	{ 0x51, 8, 4, 0x0e, 1 },
	{ 0x51, 12, 1, 0x05, 1 },
	{ 0x51, 13, 1, 0x05, 1 },
	{ 0x51, 16, 4, 0x05, 0x90003 }, /* VP index cannot be set */
	{ 0x51, 20, 4, 0x05, 1 },       /* reserved */
	{ 0x51, 28, 4, 0x05, 1 },
	{ 0x51, 40, 8, 0x05, 1 }, /* RBX has 64 bits */
	{ 0x53, 8, 4, 0x0e, 1 },
	{ 0x53, 12, 4, 0x05, 0 }, /* byte count */
	{ 0x53, 12, 4, 0x05, 17 },
	{ 0x53, 16, 8, 0x05, 0x3ff1 }, /* over the page */
	{ 0x53, 16, 8, 0x05, BEYOND },
	{ 0x54, 8, 4, 0x0e, 1 },
	{ 0x54, 12, 4, 0x05, 0 },
	{ 0x54, 12, 4, 0x05, 17 },
	{ 0x54, 16, 8, 0x05, 0x3ff1 },
	{ 0x54, 16, 8, 0x05, BEYOND },
	{ 0x5e, 8, 4, 0x05, 4 }, /* flags */
	{ 0x5e, 8, 4, 0x05, 0x80000001 },
	{ 0x5e, 8, 4, 0x17, 0 }, /* no START */
	{ 0x5f, 8, 4, 0x05, 5 },
	{ 0x5f, 8, 4, 0x17, 0 },
	{ 0x5f, 12, 4, 0x05, 4081 }, /* data count */
	{ 0x5f, 12, 4, 0x05, 0xffffffff },
};

static const struct call *find_call(u32 code)
{
	for (u32 i = 0; i < call_count; i++)
		if (calls[i].code == code)
			return &calls[i];
	return NULL;
}

static void build(const struct block *b)
{
	__builtin_memset((void *)statuses_in, 0, 64);
	__builtin_memcpy((void *)(statuses_in + 8), b->words, sizeof(b->words));
	if (find_call(b->code)->flags & NOID)
		return;
	*(u64 *)statuses_in = b->code == HVCALL_GET_NEXT_CHILD_PARTITION
	                              ? HV_PARTITION_ID_SELF
	                              : child.id;
	if (b->code == HVCALL_MAP_GPA_PAGES)
		((u64 *)statuses_in)[3] = child.memory >> PAGE_SHIFT;
}

static void poke_block(const struct block *b)
{
	u64 control = statuses_control(find_call(b->code));

	build(b);
	test_context(find_call(b->code)->name, 0);
	if (!b->changes)
		EXPECT_STATUS(statuses_call(control, statuses_in, statuses_out),
		              HV_STATUS_SUCCESS);
	for (u32 i = 0; i < ARRAY_LEN(pokes); i++) {
		const struct poke *p = &pokes[i];

		if (p->code != b->code)
			continue;
		/* Ends the process that the last call has opened. */
		if (p->want == HV_STATUS_INVALID_SAVE_RESTORE_STATE)
			MUST(child_set(&child, HV_REGISTER_RBX, 0));
		build(b);
		test_context(find_call(b->code)->name, i);
		__builtin_memcpy((void *)(statuses_in + p->offset), &p->value,
		                 p->size);
		EXPECT_STATUS(statuses_call(control, statuses_in, statuses_out),
		              p->want);
	}
}

void statuses_wrong_fields(void)
{
	u64 available, in_use, a, u;

	MUST(statuses_begin() && child_create(&child, PAGES));
	for (u32 i = 0; i < ARRAY_LEN(blocks); i++) {
		/* What is refused takes nothing. */
		if (blocks[i].changes)
			MUST(EXPECT_SUCCESS(memory_get_balance(
				child.id, &available, &in_use)));
		poke_block(&blocks[i]);
		if (!blocks[i].changes)
			continue;
		MUST(EXPECT_SUCCESS(memory_get_balance(child.id, &a, &u)));
		EXPECT_EQUAL(a, available);
		EXPECT_EQUAL(u, in_use);
	}
	child_destroy(&child);
	statuses_end();
}
