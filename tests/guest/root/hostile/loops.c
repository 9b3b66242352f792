/*
 * Exceptions that raise themselves: #DB, #AC and #UD without an end, and the root has
 * its share of the processor all the same.
 */
#include "parent/vp.h"
#include "tests/guest/lib/code.h"
#include "tests/guest/lib/insn.h"
#include "tests/guest/lib/test.h"
#include "tests/guest/lib/witness.h"
#include "tests/guest/root/hostile/hostile.h"

#define COUNTER 0x2100

static struct child child;

/* Our stack in the child. */
static _Alignas(PAGE_SIZE) u8 good_stack[PAGE_SIZE];

#define RW_WRITE 1u
#define RW_ACCESS 3u
#define LEN_8 2u
#define LEN_4 3u

/* A breakpoint where #DB pushes its own frame (CVE-2015-8104), and what begins. */
static const struct {
	u8 below; /* the top: 8 SS, 16 RSP, 24 RFLAGS, 32 CS, 40 RIP */
	u8 rw, len;
	bool by_step;
} loops[] = {
	{ 8, RW_WRITE, LEN_8, false },
	{ 8, RW_WRITE, LEN_8, true },
	{ 40, RW_ACCESS, LEN_8, false },
	{ 24, RW_ACCESS, LEN_4, true },
};

static void loop_of_db(u64 way, u64 b)
{
	u64 top = (u64)good_stack + sizeof(good_stack);
	u64 at = top - loops[way].below;

	(void)b;
	witness_begin();
	witness_use_stack(VECTOR_DB, top);
	witness_set_dr0(at);
	witness_set_dr7(0x401 | loops[way].rw << 16 | loops[way].len << 18);
	if (loops[way].by_step)
		__asm__ volatile(WITNESS_TF_ON "nop" : : : "memory", "cc");
	else
		*(volatile u32 *)at = 0;
	witness_end();
}

void hostile_db_raises_itself(void)
{
	for (u32 i = 0; i < (hostile_pushes ? ARRAY_LEN(loops) : 1); i++) {
		test_context("way", i);
		MUST(witness_create(&child, loop_of_db, i));
		MUST(child_go(&child));
		hostile_share_is_ours();
		MUST(child_stop(&child));
		/* Nothing of its handler was executed, nor behind what began. */
		EXPECT_EQUAL(witness_of(&child)->count, 0);
		EXPECT_EQUAL(child_get(&child, HV_REGISTER_DR6) & 1, 1);
		child_destroy(&child);
	}
}

/* It may keep one, and then the child goes on. */
void hostile_db_loop_is_the_parents(void)
{
	const struct hv_exception_intercept *e =
		(const struct hv_exception_intercept *)child.message.payload;

	if (!hostile_pushes) {
		test_skip("no data breakpoint on a push");
		return;
	}
	for (u32 i = 0; i < ARRAY_LEN(loops); i++) {
		if (loops[i].by_step)
			continue;
		test_context("way", i);
		MUST(witness_create(&child, loop_of_db, i));
		MUST(child_intercept(&child, HV_INTERCEPT_TYPE_EXCEPTION,
		                     VECTOR_DB, HV_INTERCEPT_ACCESS_EXECUTE));
		MUST(child_run_to(&child, HV_MESSAGE_EXCEPTION_INTERCEPT));
		EXPECT_EQUAL(e->vector, VECTOR_DB);
		EXPECT_EQUAL(e->parameter & 1, 1);
		MUST(witness_finish(&child));
		child_destroy(&child);
	}
}

/* In protected mode at CPL 3, #AC with a stack that is not aligned. */
static bool create_ac(u64 stack)
{
	static const u8 code[] = { LOAD_EAX_32(0x2101), JMP_SELF };
	static const u8 handler[] = { 0xff, 0x05, LE32(COUNTER), JMP_SELF };
	static const u64 gdt[] = { 0, 0x00cffb000000ffffull,
		                   0x00cff3000000ffffull };
	static const enum hv_register_name data[] = {
		HV_REGISTER_ES, HV_REGISTER_SS, HV_REGISTER_DS,
		HV_REGISTER_FS, HV_REGISTER_GS,
	};
	static const struct hv_register_assoc tables[] = {
		{ .name = HV_REGISTER_GDTR,
		  .value.table = { .limit = 23, .base = 0x5000 } },
		{ .name = HV_REGISTER_IDTR,
		  .value.table = { .limit = 0xfff, .base = 0x6000 } },
	};
	u32 *gate;

	if (!child_create(&child, PAGES))
		return false;
	CHILD_PUT_CODE(&child, code);
	child_put(&child, 0x1800, handler, sizeof(handler));
	child_put(&child, 0x5000, gdt, sizeof(gdt));
	gate = (u32 *)child_at(&child, 0x6000) + 2 * VECTOR_AC;
	gate[0] = 0x000b1800;
	gate[1] = 0x8e00;
	if (!child_set_protected(&child, CHILD_CODE) ||
	    !EXPECT_SUCCESS(vp_set_registers(child.id, 0, tables,
	                                     ARRAY_LEN(tables), NULL)) ||
	    !child_set_segment(&child, HV_REGISTER_CS, 0, 0xffffffff, 0x0b,
	                       0xc0fb))
		return false;
	for (u32 i = 0; i < ARRAY_LEN(data); i++)
		if (!child_set_segment(&child, data[i], 0, 0xffffffff, 0x13,
		                       0xc0f3))
			return false;
	return child_set(&child, HV_REGISTER_CR0, 0x40033) &&
	       child_set(&child, HV_REGISTER_RFLAGS, 0x40002) &&
	       child_set(&child, HV_REGISTER_RSP, stack);
}

/* The handler's INC is aligned: with a good stack it gets there, once. */
void hostile_ac_is_given_back(void)
{
	MUST(create_ac(0x4800));
	MUST(child_go(&child));
	hostile_spinner_leaves_us_ours();
	MUST(child_stop(&child));
	EXPECT_EQUAL(*(u32 *)child_at(&child, COUNTER), 1);
	/* Error code, EIP, CS, EFLAGS with RF. */
	EXPECT_EQUAL(*(u32 *)child_at(&child, 0x4800 - 16), 0);
	EXPECT_EQUAL(*(u32 *)child_at(&child, 0x4800 - 12), CHILD_CODE);
	EXPECT_EQUAL(*(u32 *)child_at(&child, 0x4800 - 4), 0x50002);
	child_destroy(&child);
}

/* Wherever in four bytes the stack stands. */
void hostile_ac_raises_itself(void)
{
	for (u64 stack = 0x4801; stack < 0x4804; stack++) {
		test_context("stack", stack);
		MUST(create_ac(stack));
		MUST(child_go(&child));
		hostile_share_is_ours();
		MUST(child_stop(&child));
		/* The load has not been done, nor its handler entered. */
		EXPECT_EQUAL(child_get(&child, HV_REGISTER_RIP), CHILD_CODE);
		EXPECT_EQUAL(*(u32 *)child_at(&child, COUNTER), 0);
		child_destroy(&child);
	}
}

void hostile_ac_loop_is_the_parents(void)
{
	const struct hv_exception_intercept *e =
		(const struct hv_exception_intercept *)child.message.payload;

	MUST(create_ac(0x4801));
	MUST(child_intercept(&child, HV_INTERCEPT_TYPE_EXCEPTION, VECTOR_AC,
	                     HV_INTERCEPT_ACCESS_EXECUTE));
	MUST(child_run_to(&child, HV_MESSAGE_EXCEPTION_INTERCEPT));
	EXPECT_EQUAL(e->vector, VECTOR_AC);
	EXPECT_EQUAL(e->exception_info, HV_EXCEPTION_ERROR_CODE_VALID);
	EXPECT_EQUAL(e->error_code, 0);
	child_destroy(&child);
}

/* A handler of #UD that is #UD itself, or one of #GP that reads where no address is. */
static void handler_that_faults(u64 vector, u64 b)
{
	u64 read = vector == VECTOR_GP;

	(void)b;
	witness_begin();
	witness_use_stack((u32)vector, (u64)good_stack + sizeof(good_stack));
	__asm__ volatile("sidt -10(%%rsp)\n\t"
	                 "shl $4, %0; add -8(%%rsp), %0\n\t"
	                 "lea 1f(%%rip), %%rcx; lea 2f(%%rip), %%rax\n\t"
	                 "test %2, %2; cmovnz %%rax, %%rcx\n\t"
	                 "mov %%rcx, %1; mov %%rcx, %%rax\n\t"
	                 "mov %%ax, (%0); shr $16, %%rax\n\t"
	                 "mov %%ax, 6(%0)\n\t"
	                 "shl $62, %2; jmp *%%rcx\n\t"
	                 "1: ud2\n\t"
	                 "2: mov (%2), %%eax"
	                 : "+r"(vector), "=m"(witness.at[0]), "+r"(read)
	                 :
	                 : "rax", "rcx", "memory", "cc");
}

static void fault_in_the_handler(enum vector vector)
{
	MUST(witness_create(&child, handler_that_faults, vector));
	MUST(child_go(&child));
	hostile_share_is_ours();
	MUST(child_stop(&child));
	/* It is there still, whatever time it had. */
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_RIP),
	             witness_of(&child)->at[0]);
	child_destroy(&child);
}

void hostile_fault_in_the_handler(void)
{
	fault_in_the_handler(VECTOR_UD);
}

/* No instruction of it is ever done, nor is one found to be none. */
void hostile_read_in_the_handler(void)
{
	if (!hostile_faults) {
		test_skip("the emulator's clock stands still");
		return;
	}
	fault_in_the_handler(VECTOR_GP);
}
