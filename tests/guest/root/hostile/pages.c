/*
 * Stacks and tables where nothing can be pushed or read: in overlay pages, in a hole,
 * in the APIC's page. A refused push is what a processor makes of it.
 */
#include "tests/guest/lib/code.h"
#include "tests/guest/lib/insn.h"
#include "tests/guest/lib/test.h"
#include "tests/guest/lib/witness.h"
#include "tests/guest/root/hostile/hostile.h"

#define OVERLAY 0x3000 /* of children of a few instructions */
#define FORWARD_EXT 1

static struct child child;

/* Our tables and stacks in the child: overlays may lie over them. */
static _Alignas(PAGE_SIZE) u8 overlay[PAGE_SIZE];
static _Alignas(PAGE_SIZE) u8 good_stack[PAGE_SIZE];

/* ---- Pages that refuse a write ---- */

/* In real mode: the stack in an overlay page, and a PUSH. */
static void in_real_mode(u32 msr)
{
	/* clang-format off */
	const u8 code[] = {
		MOV_ECX_IN_16(HV_MSR_GUEST_OS_ID), MOV_EAX_IN_16(1),
		OPSIZE, 0x31, 0xd2, WRMSR, /* xor edx, edx */
		MOV_ECX_IN_16(msr), MOV_EAX_IN_16(OVERLAY | 1), WRMSR,
		0xbc, LE16(OVERLAY + 0x800), 0x50, /* mov sp; push ax */
		HLT,
	};
	/* clang-format on */

	MUST(child_create(&child, PAGES));
	CHILD_PUT_CODE(&child, code);
	MUST(child_set_real(&child, CHILD_CODE));
	MUST(child_run_to(&child, HV_MESSAGE_UNRECOVERABLE_EXCEPTION));
	/* PUSH is not done. */
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_RSP) & 0xffff,
	             OVERLAY + 0x800);
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_PENDING_INTERRUPTION), 0);
	child_destroy(&child);
}

void hostile_real_stack_in_hypercall_page(void)
{
	in_real_mode(HV_MSR_HYPERCALL);
}

void hostile_real_stack_in_tsc_page(void)
{
	in_real_mode(HV_MSR_REFERENCE_TSC);
}

/*
 * Real mode pushes no error code: the #GP whose gate lies in a hole has none when it
 * is put back, nor when it goes to the parent at once.
 */
void hostile_real_delivery_has_no_error_code(void)
{
	const struct hv_exception_intercept *e =
		(const struct hv_exception_intercept *)child.message.payload;
	/* clang-format off */
	static const u8 code[] = {
		0x66, 0x0f, 0x01, 0x1e, LE16(0x0100), /* lidt [0x100] */
		0xa1, LE16(0xffff),                   /* mov ax, [0xffff] */
	};
	/* clang-format on */
	static const u8 idt[] = { LE16(0x3ff), LE32(HOLE) };
	u64 pending;

	MUST(child_create(&child, PAGES));
	CHILD_PUT_CODE(&child, code);
	child_put(&child, 0x100, idt, sizeof(idt));
	MUST(child_set_real(&child, CHILD_CODE));
	for (u32 i = 0; i < 3; i++) {
		MUST(child_run_to(&child, HV_MESSAGE_UNMAPPED_GPA));
		pending = child_get(&child, HV_REGISTER_PENDING_INTERRUPTION);
		EXPECT_EQUAL(pending >> HV_PENDING_VECTOR_SHIFT & 0xff,
		             VECTOR_GP);
		EXPECT_EQUAL(pending & HV_PENDING_DELIVER_ERROR_CODE, 0);
	}
	MUST(child_set(&child, HV_REGISTER_PENDING_INTERRUPTION, 0));
	MUST(child_intercept(&child, HV_INTERCEPT_TYPE_EXCEPTION, VECTOR_GP,
	                     HV_INTERCEPT_ACCESS_EXECUTE));
	MUST(child_run_to(&child, HV_MESSAGE_EXCEPTION_INTERCEPT));
	EXPECT_EQUAL(e->vector, VECTOR_GP);
	EXPECT_EQUAL(e->exception_info, 0);
	child_destroy(&child);
}

static void cover(void)
{
	cpu_write_msr(HV_MSR_GUEST_OS_ID, 1);
	cpu_write_msr(HV_MSR_HYPERCALL, (u64)overlay | 1);
}

enum { RAISE_UD, RAISE_INT, RAISE_INT1, RAISE_GP };

/* With the stack in the overlay page: what is raised, and its answer. */
static void push_into_overlay(u64 what, u64 stack_of)
{
	witness_begin();
	cover();
	if (stack_of)
		witness_use_stack((u32)stack_of,
		                  (u64)good_stack + sizeof(good_stack));
#define RAISE(insn)                                                      \
	__asm__ volatile("lea 1f(%%rip), %%rax; mov %%rax, %0\n\t"       \
	                 "mov %%rsp, %%rbx; mov %1, %%rsp; " insn "\n\t" \
	                 "1: mov %%rbx, %%rsp"                           \
	                 : "=m"(witness.resume)                          \
	                 : "r"((u64)overlay + 0x800)                     \
	                 : "rax", "rbx", "rcx", "memory")
	if (what == RAISE_UD)
		RAISE("ud2");
	else if (what == RAISE_INT)
		RAISE("int $0x40");
	else if (what == RAISE_INT1)
		RAISE(".byte 0xf1");
	else
		RAISE("mov $0x2f8, %%ecx; rdmsr");
	witness_end();
}

static bool create_pusher(u64 what, u64 stack_of)
{
	return witness_create(&child, push_into_overlay, what) &&
	       child_set(&child, HV_REGISTER_RSI, stack_of);
}

/* The first refusal is a #GP, the second one on the same stack a #DF. */
void hostile_second_fault_is_double(void)
{
	static const u8 whats[] = { RAISE_UD, RAISE_INT, RAISE_INT1, RAISE_GP };

	for (u32 i = 0; i < ARRAY_LEN(whats); i++) {
		test_context("event", whats[i]);
		MUST(create_pusher(whats[i], VECTOR_DF));
		MUST(witness_finish(&child));
		MUST(EXPECT_EQUAL(witness_of(&child)->count, 1));
		EXPECT_EQUAL(witness_record(&child, 0)->vector, VECTOR_DF);
		EXPECT_EQUAL(witness_record(&child, 0)->error, 0);
		child_destroy(&child);
	}
}

/* On a stack of its own #GP is delivered: after what is no contributory fault. */
void hostile_refusal_is_delivered(void)
{
	static const struct {
		u8 what;
		u8 vector;
		u8 error;
	} rows[] = {
		{ RAISE_UD, VECTOR_GP, FORWARD_EXT },
		{ RAISE_INT, VECTOR_GP, 0 },
		{ RAISE_INT1, VECTOR_GP, FORWARD_EXT },
		/* Of the instruction itself: on the good stack at once. */
		{ RAISE_GP, VECTOR_GP, 0 },
	};

	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].what == RAISE_INT1 && !hostile_int1)
			continue;
		test_context("event", rows[i].what);
		MUST(create_pusher(rows[i].what, VECTOR_GP));
		MUST(witness_finish(&child));
		MUST(EXPECT_EQUAL(witness_of(&child)->count, 1));
		EXPECT_EQUAL(witness_record(&child, 0)->vector, rows[i].vector);
		EXPECT_EQUAL(witness_record(&child, 0)->error, rows[i].error);
		child_destroy(&child);
	}
}

/* With no good stack at all it is over. */
void hostile_third_fault_is_the_end(void)
{
	for (u64 what = RAISE_UD; what <= RAISE_GP; what++) {
		test_context("event", what);
		MUST(create_pusher(what, 0));
		MUST(child_run_to(&child, HV_MESSAGE_UNRECOVERABLE_EXCEPTION));
		child_destroy(&child);
	}
}

/* The parent takes the #GP or the #DF, and sees which event it is beside. */
void hostile_refusals_are_intercepted(void)
{
	const struct hv_exception_intercept *e =
		(const struct hv_exception_intercept *)child.message.payload;
	u64 pending;

	MUST(create_pusher(RAISE_UD, VECTOR_DF));
	MUST(child_intercept(&child, HV_INTERCEPT_TYPE_EXCEPTION, VECTOR_GP,
	                     HV_INTERCEPT_ACCESS_EXECUTE));
	MUST(child_run_to(&child, HV_MESSAGE_EXCEPTION_INTERCEPT));
	EXPECT_EQUAL(e->vector, VECTOR_GP);
	EXPECT_EQUAL(e->error_code, FORWARD_EXT);
	pending = child_get(&child, HV_REGISTER_PENDING_INTERRUPTION);
	EXPECT_EQUAL(pending & HV_PENDING_INTERRUPTION, 1);
	EXPECT_EQUAL(pending >> HV_PENDING_VECTOR_SHIFT & 0xff, VECTOR_UD);
	child_destroy(&child);
	MUST(create_pusher(RAISE_UD, VECTOR_GP));
	MUST(child_intercept(&child, HV_INTERCEPT_TYPE_EXCEPTION, VECTOR_DF,
	                     HV_INTERCEPT_ACCESS_EXECUTE));
	MUST(witness_finish(&child));
	child_destroy(&child);
	MUST(create_pusher(RAISE_UD, 0));
	MUST(child_intercept(&child, HV_INTERCEPT_TYPE_EXCEPTION, VECTOR_DF,
	                     HV_INTERCEPT_ACCESS_EXECUTE));
	MUST(child_run_to(&child, HV_MESSAGE_EXCEPTION_INTERCEPT));
	EXPECT_EQUAL(e->vector, VECTOR_DF);
	EXPECT_EQUAL(e->error_code, 0);
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_PENDING_INTERRUPTION), 0);
	child_destroy(&child);
}

/* ---- Tables where nothing is, or nothing can be written ---- */

enum { IDT_IN_HOLE, IDT_IN_APIC, STACK_IN_HOLE, STACK_IN_APIC, CODE_IN_APIC };

static void tables_elsewhere(u64 where, u64 b)
{
	struct __attribute__((packed)) {
		u16 limit;
		u64 base;
	} idt = { 0xfff, where == IDT_IN_HOLE ? HOLE : WITNESS_APIC };
	u64 stack = where == STACK_IN_HOLE ? HOLE + 0x800
	                                   : WITNESS_APIC + 0x400ull;

	(void)b;
	witness_begin();
	if (where == IDT_IN_HOLE || where == IDT_IN_APIC)
		__asm__ volatile("lidt %0; ud2" : : "m"(idt));
	else if (where == CODE_IN_APIC)
		__asm__ volatile("jmp *%0" : : "r"(stack));
	else
		__asm__ volatile("mov %0, %%rsp; ud2" : : "r"(stack));
}

/* The parent is asked, each time; and has the processor meanwhile. */
void hostile_places_of_the_parent(void)
{
	for (u64 where = IDT_IN_HOLE; where <= CODE_IN_APIC; where++) {
		test_context("place", where);
		MUST(witness_create(&child, tables_elsewhere, where));
		for (u32 i = 0; i < 3; i++)
			MUST(child_run_to(&child, HV_MESSAGE_UNMAPPED_GPA));
		hostile_share_is_ours();
		child_destroy(&child);
	}
}

/* Page tables in the overlay page: no accessed bit can be set in them. */
static void tables_in_overlay(u64 a, u64 b)
{
	(void)a;
	(void)b;
	witness_begin();
	cover();
	/* 4 KiB of CALL and INT3: none of them maps the next instruction. */
	__asm__ volatile("mov %0, %%cr3" : : "r"((u64)overlay) : "memory");
	for (;;)
		;
}

void hostile_page_tables_in_overlay(void)
{
	MUST(witness_create(&child, tables_in_overlay, 0));
	MUST(child_go(&child));
	hostile_share_is_ours();
	MUST(child_stop(&child));
	child_destroy(&child);
}

/*
 * The handler of #GP in a page that cannot be executed, which is a #GP again, and each is
 * delivered: on a stack of its own.
 */
static void handler_in_sim_page(u64 a, u64 b)
{
	(void)a;
	(void)b;
	witness_begin();
	witness_use_stack(VECTOR_GP, (u64)good_stack + sizeof(good_stack));
	cpu_write_msr(HV_MSR_SCONTROL, 1);
	cpu_write_msr(HV_MSR_SIMP, (u64)overlay | 1);
	__asm__ volatile("sidt -10(%%rsp)\n\t"
	                 "mov -8(%%rsp), %%rax; mov %0, %%rbx\n\t"
	                 "mov %%bx, 13*16(%%rax); shr $16, %%rbx\n\t"
	                 "mov %%bx, 13*16+6(%%rax); jmp *%0"
	                 :
	                 : "r"((u64)overlay)
	                 : "rax", "rbx", "memory", "cc");
}

void hostile_handler_in_sim_page(void)
{
	MUST(witness_create(&child, handler_in_sim_page, 0));
	MUST(child_go(&child));
	hostile_share_is_ours();
	MUST(child_stop(&child));
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_RIP), (u64)overlay);
	/* Error code, RIP, CS, RFLAGS, RSP, SS: one frame over the other. */
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_RSP),
	             (u64)good_stack + sizeof(good_stack) - 48);
	EXPECT_EQUAL(witness_of(&child)->count, 0);
	child_destroy(&child);
}
