/*
 * Every status of every call, from a table of what the TLFS says of the calls
 * and a table of fields that can be wrong.
 */
#include "parent/hvcall.h"
#include "parent/memory.h"
#include "parent/partition.h"
#include "parent/vp.h"
#include "tests/guest/lib/calls.h"
#include "tests/guest/lib/child.h"
#include "tests/guest/lib/code.h"
#include "tests/guest/lib/pages.h"
#include "tests/guest/lib/test.h"

#define PAGES 8
#define PORT 0x80
#define HOLE 0x100000
#define NOBODY 0x7777777ull /* a partition id that nobody has */
#define BEYOND BIT(51)      /* an address that no model has */
#define START HV_SAVE_RESTORE_STATE_START

/* Blocks of our own: two pages each, to go over their ends. */
static u64 in_page, out_page;
static struct child child;

static u32 status_of(u64 control, u64 input, u64 output)
{
	return (u32)(hvcall_raw(control, input, output) & HV_RESULT_STATUS);
}

/* A good control word. */
static u64 control_of(const struct call *c)
{
	return c->code |
	       (c->flags & REP ? 1ull << HV_CONTROL_REP_COUNT_SHIFT : 0);
}

static bool begin(void)
{
	in_page = page_run(2);
	out_page = page_run(2);
	return EXPECT(in_page) && EXPECT(out_page);
}

static void end(void)
{
	page_run_free(in_page, 2);
	page_run_free(out_page, 2);
}

/* ---- What is the same for all calls ---- */

static bool is_call(u32 code)
{
	for (u32 i = 0; i < call_count; i++)
		if (calls[i].code == code)
			return true;
	return false;
}

static void unknown_codes(void)
{
	MUST(begin());
	for (u32 code = 0; code <= 0xffff; code += code < 0x200 ? 1 : 7) {
		if (is_call(code))
			continue;
		test_context("code", code);
		EXPECT_STATUS(status_of(code, in_page, out_page),
		              HV_STATUS_INVALID_HYPERCALL_CODE);
	}
	/* Nothing else in the control word counts then. */
	EXPECT_STATUS(status_of(0x3f | HV_CONTROL_FAST, 1, 1),
	              HV_STATUS_INVALID_HYPERCALL_CODE);
	end();
}

static void reserved_control_bits(void)
{
	u64 bits = HV_CONTROL_RSVD | HV_CONTROL_VARHEAD;

	MUST(begin());
	for (u32 i = 0; i < call_count; i++) {
		test_context(calls[i].name, 0);
		for (u32 bit = 0; bit < 64; bit++)
			if (bits & BIT(bit))
				EXPECT_STATUS(
					status_of(control_of(&calls[i]) |
				                          BIT(bit),
				                  in_page, out_page),
					HV_STATUS_INVALID_HYPERCALL_INPUT);
	}
	end();
}

static void rep_and_fast_bits(void)
{
	const u64 one = 1ull << HV_CONTROL_REP_COUNT_SHIFT;
	const u64 first = 1ull << HV_CONTROL_REP_START_SHIFT;

	MUST(begin());
	for (u32 i = 0; i < call_count; i++) {
		const struct call *c = &calls[i];
		u64 bad[4] = { one, first, one | first, 0xfff * one };

		if (c->flags & REP) {
			bad[0] = 0;
			bad[1] = first;
			bad[2] = one | first;
			bad[3] = 2 * one | 3 * first;
		}
		test_context(c->name, 0);
		for (u32 n = 0; n < ARRAY_LEN(bad); n++)
			EXPECT_STATUS(
				status_of(c->code | bad[n], in_page, out_page),
				HV_STATUS_INVALID_HYPERCALL_INPUT);
		if (!(c->flags & FAST))
			EXPECT_STATUS(status_of(control_of(c) | HV_CONTROL_FAST,
			                        0, 0),
			              HV_STATUS_INVALID_HYPERCALL_INPUT);
	}
	end();
}

/* Addresses that no block of this size may have; at least one. */
static u32 bad_addresses(u64 page, u32 size, u64 list[8])
{
	u32 count = 0;

	list[count++] = page + 1;
	list[count++] = page + 4;
	list[count++] = page + 7;
	list[count++] = BEYOND;
	list[count++] = ~7ull;
	if (size > 8)
		list[count++] = page + PAGE_SIZE - 8;
	if (size > 8)
		list[count++] = page + PAGE_SIZE - ((size - 1) & ~7u);
	return count;
}

static void bad_blocks(void)
{
	u64 list[8];

	MUST(begin());
	for (u32 i = 0; i < call_count; i++) {
		const struct call *c = &calls[i];
		u32 count = c->in ? bad_addresses(in_page, c->in, list) : 0;

		test_context(c->name, 0);
		for (u32 n = 0; n < count; n++)
			EXPECT_STATUS(
				status_of(control_of(c), list[n], out_page),
				HV_STATUS_INVALID_ALIGNMENT);
		count = c->out ? bad_addresses(out_page, c->out, list) : 0;
		for (u32 n = 0; n < count; n++)
			EXPECT_STATUS(
				status_of(control_of(c), in_page, list[n]),
				HV_STATUS_INVALID_ALIGNMENT);
	}
	end();
}

/* Both blocks on one page are fine, on one byte they are not (D30). */
static void overlapping_blocks(void)
{
	u32 seen = 0;

	MUST(begin());
	for (u32 i = 0; i < call_count; i++) {
		const struct call *c = &calls[i];

		if (!c->in || !c->out)
			continue;
		seen++;
		test_context(c->name, 0);
		EXPECT_STATUS(status_of(control_of(c), in_page, in_page),
		              HV_STATUS_INVALID_PARAMETER);
		if (c->out > 4000)
			continue;
		EXPECT_STATUS(status_of(control_of(c), in_page,
		                        in_page + (c->in - 8u)),
		              HV_STATUS_INVALID_PARAMETER);
	}
	EXPECT(seen > 5);
	/* Next to each other: the call goes through to its first check. */
	*(u64 *)in_page = NOBODY;
	EXPECT_STATUS(
		status_of(HVCALL_GET_PARTITION_PROPERTY, in_page, in_page + 16),
		HV_STATUS_INVALID_PARTITION_ID);
	EXPECT_STATUS(
		status_of(HVCALL_GET_PARTITION_PROPERTY, in_page + 8, in_page),
		HV_STATUS_INVALID_PARTITION_ID);
	end();
}

static void blocks_without_memory(void)
{
	u64 gpn = page_take(), id = NOBODY;

	MUST(begin() && child_create_bare(&child));
	MUST(EXPECT_SUCCESS(memory_deposit(child.id, &gpn, 1, NULL)));
	child.deposited = 1;
	/* Deposited, so no memory of ours; then the pages we are shown. */
	EXPECT(status_of(HVCALL_GET_PARTITION_ID, 0, gpn << PAGE_SHIFT) !=
	       HV_STATUS_SUCCESS);
	EXPECT(status_of(HVCALL_DELETE_PARTITION, gpn << PAGE_SHIFT, 0) !=
	       HV_STATUS_SUCCESS);
	EXPECT(status_of(HVCALL_GET_PARTITION_ID, 0, test_hypercall_page()) !=
	       HV_STATUS_SUCCESS);
	MUST(EXPECT_SUCCESS(partition_get_id(&id)));
	MUST(child_withdraw_all(&child));
	EXPECT_SUCCESS(partition_delete(child.id));
	end();
}

/* ---- Partition ids ---- */

static void ids(void)
{
	u64 own = 0, *id;

	MUST(begin() && EXPECT_SUCCESS(partition_get_id(&own)));
	id = (u64 *)in_page;
	*(u32 *)(in_page + 8) = START;
	for (u32 i = 0; i < call_count; i++) {
		const struct call *c = &calls[i];
		u32 of_self = c->flags & SELF_OPERATION
		                      ? HV_STATUS_OPERATION_DENIED
		                      : HV_STATUS_ACCESS_DENIED;

		if (c->flags & NOID)
			continue;
		test_context(c->name, 0);
		*id = HV_PARTITION_ID_INVALID;
		EXPECT_STATUS(status_of(control_of(c), in_page, out_page),
		              HV_STATUS_INVALID_PARTITION_ID);
		*id = NOBODY;
		EXPECT_STATUS(status_of(control_of(c), in_page, out_page),
		              HV_STATUS_INVALID_PARTITION_ID);
		if (c->flags & OWN)
			continue;
		*id = HV_PARTITION_ID_SELF;
		EXPECT_STATUS(status_of(control_of(c), in_page, out_page),
		              of_self);
		*id = own;
		EXPECT_STATUS(status_of(control_of(c), in_page, out_page),
		              of_self);
	}
	end();
}

/* ---- One wrong field at a time ---- */

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
	__builtin_memset((void *)in_page, 0, 64);
	__builtin_memcpy((void *)(in_page + 8), b->words, sizeof(b->words));
	if (find_call(b->code)->flags & NOID)
		return;
	*(u64 *)in_page = b->code == HVCALL_GET_NEXT_CHILD_PARTITION
	                          ? HV_PARTITION_ID_SELF
	                          : child.id;
	if (b->code == HVCALL_MAP_GPA_PAGES)
		((u64 *)in_page)[3] = child.memory >> PAGE_SHIFT;
}

static void poke_block(const struct block *b)
{
	u64 control = control_of(find_call(b->code));

	build(b);
	test_context(find_call(b->code)->name, 0);
	if (!b->changes)
		EXPECT_STATUS(status_of(control, in_page, out_page),
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
		__builtin_memcpy((void *)(in_page + p->offset), &p->value,
		                 p->size);
		EXPECT_STATUS(status_of(control, in_page, out_page), p->want);
	}
}

static void wrong_fields(void)
{
	u64 available, in_use, a, u;

	MUST(begin() && child_create(&child, PAGES));
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
	end();
}

/* ---- Ways of calling ---- */

static void fast_calls(void)
{
	MUST(child_create_bare(&child));
	MUST(child_deposit(&child, 20));
	EXPECT_SUCCESS(hvcall_fast(HVCALL_INITIALIZE_PARTITION, child.id, 0));
	MUST(EXPECT_SUCCESS(vp_create(child.id, 2)));
	EXPECT_STATUS(hvcall_fast(HVCALL_DELETE_VP, child.id, 1),
	              HV_STATUS_INVALID_VP_INDEX);
	EXPECT_SUCCESS(hvcall_fast(HVCALL_DELETE_VP, child.id, 2));
	EXPECT_SUCCESS(hvcall_fast(HVCALL_FINALIZE_PARTITION, child.id, 0));
	EXPECT_STATUS(hvcall_fast(HVCALL_DELETE_PARTITION, child.id, 0),
	              HV_STATUS_OPERATION_DENIED);
	MUST(child_withdraw_all(&child));
	EXPECT_SUCCESS(hvcall_fast(HVCALL_DELETE_PARTITION, child.id, 0));
}

/* Elements before the start index are not looked at; reps count from 0. */
static void rep_start(void)
{
	struct hv_input_vp_registers *in;
	u64 *out, result;
	u32 *names;

	MUST(begin() && child_create(&child, PAGES));
	in = (struct hv_input_vp_registers *)in_page;
	names = (u32 *)(in + 1);
	out = (u64 *)out_page;
	in->partition_id = child.id;
	for (u32 i = 0; i < 4; i++) {
		names[i] = HV_REGISTER_RAX + i;
		MUST(child_set(&child, HV_REGISTER_RAX + i, 100 + i));
		out[2 * i] = 7;
	}
	names[0] = names[1] = 0x7fffffff;
	result = hvcall_raw(HVCALL_GET_VP_REGISTERS |
	                            4ull << HV_CONTROL_REP_COUNT_SHIFT |
	                            2ull << HV_CONTROL_REP_START_SHIFT,
	                    in_page, out_page);
	EXPECT_EQUAL(result, 4ull << HV_RESULT_REPS_SHIFT);
	EXPECT_EQUAL(out[0], 7);
	EXPECT_EQUAL(out[2], 7);
	EXPECT_EQUAL(out[4], 102);
	EXPECT_EQUAL(out[6], 103);
	/* A bad element: those before it are done, and counted. */
	names[0] = HV_REGISTER_RAX;
	names[1] = HV_REGISTER_RCX;
	names[2] = 0x7fffffff;
	result = hvcall_raw(HVCALL_GET_VP_REGISTERS |
	                            4ull << HV_CONTROL_REP_COUNT_SHIFT,
	                    in_page, out_page);
	EXPECT_EQUAL(result, 2ull << HV_RESULT_REPS_SHIFT |
	                             HV_STATUS_INVALID_PARAMETER);
	EXPECT_EQUAL(out[0], 100);
	EXPECT_EQUAL(out[2], 101);
	child_destroy(&child);
	end();
}

/* The list must fit in the page with its header. */
static void rep_lists_over_the_page(void)
{
	static const struct {
		u16 code;
		u16 most;
	} rows[] = {
		{ HVCALL_DEPOSIT_MEMORY, 511 },
		{ HVCALL_WITHDRAW_MEMORY, 512 },
		{ HVCALL_MAP_GPA_PAGES, 509 },
		{ HVCALL_GET_VP_REGISTERS, 256 },
		{ HVCALL_SET_VP_REGISTERS, 127 },
	};

	MUST(begin());
	*(u64 *)in_page = NOBODY;
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		u64 most = (u64)rows[i].most << HV_CONTROL_REP_COUNT_SHIFT;

		test_context("code", rows[i].code);
		EXPECT_STATUS(status_of(rows[i].code | most, in_page, out_page),
		              HV_STATUS_INVALID_PARTITION_ID);
		most += 1ull << HV_CONTROL_REP_COUNT_SHIFT;
		EXPECT_STATUS(status_of(rows[i].code | most, in_page, out_page),
		              HV_STATUS_INVALID_ALIGNMENT);
	}
	end();
}

/* Save's output is taken for 4088 bytes, restore's input ends with its data. */
static void blocks_of_save_and_restore(void)
{
	MUST(begin() && child_create(&child, PAGES));
	((u64 *)in_page)[0] = child.id;
	((u64 *)in_page)[1] = START;
	EXPECT_STATUS(status_of(HVCALL_SAVE_PARTITION_STATE, in_page, out_page),
	              HV_STATUS_SUCCESS);
	EXPECT_STATUS(
		status_of(HVCALL_SAVE_PARTITION_STATE, in_page, out_page + 8),
		HV_STATUS_SUCCESS);
	EXPECT_STATUS(
		status_of(HVCALL_SAVE_PARTITION_STATE, in_page, out_page + 16),
		HV_STATUS_INVALID_ALIGNMENT);
	((u64 *)in_page)[2] = child.id;
	((u64 *)in_page)[3] = START | 4064ull << 32;
	EXPECT_STATUS(status_of(HVCALL_RESTORE_PARTITION_STATE, in_page + 16,
	                        out_page),
	              HV_STATUS_SUCCESS);
	((u64 *)in_page)[3] = START | 4065ull << 32;
	EXPECT_STATUS(status_of(HVCALL_RESTORE_PARTITION_STATE, in_page + 16,
	                        out_page),
	              HV_STATUS_INVALID_ALIGNMENT);
	child_destroy(&child);
	end();
}

/* ---- Calls of a child ---- */

static const u8 caller[] = { VMCALL, OUT_EAX(PORT), JMP_BACK(5) };

/* One call by the child, blocks at 3000H and 4000H of its memory. */
static bool child_calls(u64 control, u64 id, u32 want)
{
	u64 result;

	*(u64 *)child_at(&child, 0x3000) = id;
	*(u64 *)child_at(&child, 0x3008) = START;
	return child_set(&child, HV_REGISTER_RCX, control) &&
	       child_set(&child, HV_REGISTER_RDX, 0x3000) &&
	       child_set(&child, HV_REGISTER_R8, 0x4000) &&
	       child_set(&child, HV_REGISTER_RIP, CHILD_CODE) &&
	       child_run_to_out(&child, PORT, &result) &&
	       EXPECT_STATUS((u32)(result & HV_RESULT_STATUS), want);
}

/* Who may have no children is told nothing; who may, only of its own. */
static void calls_of_a_child(void)
{
	u64 privileges = 0, root = 0;

	MUST(EXPECT_SUCCESS(partition_get_id(&root)));
	MUST(child_create(&child, PAGES) && child_intercept_out(&child, PORT));
	CHILD_PUT_CODE(&child, caller);
	MUST(child_set_long(&child, CHILD_CODE, CHILD_CODE));
	for (u32 i = 0; i < call_count; i++) {
		test_context(calls[i].name, 0);
		MUST(child_calls(control_of(&calls[i]), root,
		                 HV_STATUS_ACCESS_DENIED));
		MUST(child_calls(control_of(&calls[i]), NOBODY,
		                 HV_STATUS_ACCESS_DENIED));
	}
	MUST(EXPECT_SUCCESS(partition_get_property(
		child.id, HV_PROPERTY_PRIVILEGE_FLAGS, &privileges)));
	MUST(EXPECT_SUCCESS(partition_set_property(
		child.id, HV_PROPERTY_PRIVILEGE_FLAGS,
		privileges | HV_PRIVILEGE_CREATE_PARTITIONS)));
	for (u32 i = 0; i < call_count; i++) {
		if (calls[i].flags & (NOID | OWN))
			continue;
		test_context(calls[i].name, 1);
		MUST(child_calls(control_of(&calls[i]), root,
		                 HV_STATUS_ACCESS_DENIED));
		MUST(child_calls(control_of(&calls[i]), child.id,
		                 HV_STATUS_ACCESS_DENIED));
		MUST(child_calls(control_of(&calls[i]), NOBODY,
		                 HV_STATUS_INVALID_PARTITION_ID));
	}
	child_destroy(&child);
}

/* A child's block that is not there is its parent's business (TLFS 4.6). */
static void unmapped_block_of_a_child(void)
{
	static const u8 code[] = {
		MOV_ECX(HVCALL_GET_PARTITION_ID),
		MOV_R8D(HOLE + 0x10),
		VMCALL,
		OUT_EAX(PORT),
		HLT,
	};
	const struct hv_memory_intercept *m =
		(const struct hv_memory_intercept *)child.message.payload;
	u64 status, page;

	MUST(child_create(&child, PAGES) && child_intercept_out(&child, PORT));
	CHILD_PUT_CODE(&child, code);
	MUST(child_set_long(&child, CHILD_CODE, CHILD_CODE));
	MUST(EXPECT_SUCCESS(
		partition_set_property(child.id, HV_PROPERTY_PRIVILEGE_FLAGS,
	                               HV_PRIVILEGE_ACCESS_PARTITION_ID)));
	MUST(child_run_to(&child, HV_MESSAGE_UNMAPPED_GPA));
	EXPECT_EQUAL(m->gpa, HOLE + 0x10);
	EXPECT_EQUAL(m->header.access_type, HV_INTERCEPT_WRITE);
	EXPECT_EQUAL(m->header.rip, CHILD_CODE + 11);
	/* With memory there the same instruction goes through. */
	page = child.memory + 4 * PAGE_SIZE;
	MUST(EXPECT_SUCCESS(memory_map(child.id, HOLE >> PAGE_SHIFT,
	                               page >> PAGE_SHIFT, 1, CHILD_RWX,
	                               NULL)));
	MUST(child_run_to_out(&child, PORT, &status));
	EXPECT_EQUAL(status, HV_STATUS_SUCCESS);
	EXPECT_EQUAL(*(u64 *)(page + 0x10), child.id);
	child_destroy(&child);
}

static const struct test_case cases[] = {
	{ "unknown call codes", unknown_codes },
	{ "reserved bits of the control word", reserved_control_bits },
	{ "rep and fast bits", rep_and_fast_bits },
	{ "blocks in bad places", bad_blocks },
	{ "blocks that overlap", overlapping_blocks },
	{ "blocks without memory", blocks_without_memory },
	{ "partition ids", ids },
	{ "one wrong field at a time", wrong_fields },
	{ "fast calls", fast_calls },
	{ "rep start index and completed reps", rep_start },
	{ "rep lists over the page", rep_lists_over_the_page },
	{ "blocks of save and restore", blocks_of_save_and_restore },
	{ "calls of a child", calls_of_a_child },
	{ "unmapped block of a child", unmapped_block_of_a_child },
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	return test_run(image, table, "statuses", cases, ARRAY_LEN(cases));
}
