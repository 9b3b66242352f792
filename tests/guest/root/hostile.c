/*
 * Children that do what makes a VM entry end before an instruction is done: their
 * stacks and tables lie where nothing can be pushed or read, their handlers fault,
 * their exceptions raise themselves. The root keeps its share of the processor, and
 * each of them comes to what a processor would make of it.
 */
#include "parent/hvcall.h"
#include "parent/memory.h"
#include "parent/vp.h"
#include "tests/guest/lib/arguments.h"
#include "tests/guest/lib/code.h"
#include "tests/guest/lib/insn.h"
#include "tests/guest/lib/pages.h"
#include "tests/guest/lib/serial.h"
#include "tests/guest/lib/share.h"
#include "tests/guest/lib/test.h"
#include "tests/guest/lib/witness.h"

#define PAGES 12
#define OVERLAY 0x3000     /* of children of a few instructions */
#define HOLE 0x30000000ull /* below 1 GiB, above all RAM of the machine */
#define PATIENCE 30000000ull
#define WHILE 5000000ull /* many slices */
#define COUNTER 0x2100
#define FORWARD_EXT 1
#define LEAST_SHARE 25 /* percent */

static struct child child;
static u64 least_share;
static bool
	int1; /* int1=0: a hypervisor below forgets that it was being delivered */
static bool masked; /* masked=0: see spinner_leaves_us_ours */
static bool wraps;  /* wrap=0: not with KVM and Bochs below, docs/testing.md */

/* Our tables and stacks in the child: overlays may lie over them. */
static _Alignas(PAGE_SIZE) u8 overlay[PAGE_SIZE];
static _Alignas(PAGE_SIZE) u8 good_stack[PAGE_SIZE];

static const struct witness_record *record(u32 i)
{
	return &witness_of(&child)->record[i];
}

/* The child runs, and we get so much of the time: what we run in one go. */
static void share_of(u64 least)
{
	struct share share;
	u64 begin;

	share_begin(&share, least * 10);
	share_open(&share);
	for (begin = share.last; share.last - begin < WHILE;)
		share_look(&share, SHARE_GAP);
	if (!share_judge(&share))
		serial_print("%u of 1000 are ours\r\n", share.least);
}

static void share_is_ours(void)
{
	share_of(least_share);
}

/*
 * A child that makes no exits with interrupts masked. On a processor whose interrupts
 * wait for it, though they shall exit, a hypervisor below does not get its timer.
 */
static void spinner_leaves_us_ours(void)
{
	share_of(masked ? least_share : 0);
}

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

static void real_stack_in_hypercall_page(void)
{
	in_real_mode(HV_MSR_HYPERCALL);
}

static void real_stack_in_tsc_page(void)
{
	in_real_mode(HV_MSR_REFERENCE_TSC);
}

/*
 * Real mode pushes no error code: the #GP whose gate lies in a hole has none when it
 * is put back, nor when it goes to the parent at once.
 */
static void real_delivery_has_no_error_code(void)
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
static void second_fault_is_double(void)
{
	static const u8 whats[] = { RAISE_UD, RAISE_INT, RAISE_INT1, RAISE_GP };

	for (u32 i = 0; i < ARRAY_LEN(whats); i++) {
		test_context("event", whats[i]);
		MUST(create_pusher(whats[i], VECTOR_DF));
		MUST(witness_finish(&child));
		MUST(EXPECT_EQUAL(witness_of(&child)->count, 1));
		EXPECT_EQUAL(record(0)->vector, VECTOR_DF);
		EXPECT_EQUAL(record(0)->error, 0);
		child_destroy(&child);
	}
}

/* On a stack of its own #GP is delivered: after what is no contributory fault. */
static void refusal_is_delivered(void)
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
		if (rows[i].what == RAISE_INT1 && !int1)
			continue;
		test_context("event", rows[i].what);
		MUST(create_pusher(rows[i].what, VECTOR_GP));
		MUST(witness_finish(&child));
		MUST(EXPECT_EQUAL(witness_of(&child)->count, 1));
		EXPECT_EQUAL(record(0)->vector, rows[i].vector);
		EXPECT_EQUAL(record(0)->error, rows[i].error);
		child_destroy(&child);
	}
}

/* With no good stack at all it is over. */
static void third_fault_is_the_end(void)
{
	for (u64 what = RAISE_UD; what <= RAISE_GP; what++) {
		test_context("event", what);
		MUST(create_pusher(what, 0));
		MUST(child_run_to(&child, HV_MESSAGE_UNRECOVERABLE_EXCEPTION));
		child_destroy(&child);
	}
}

/* The parent takes the #GP or the #DF, and sees which event it is beside. */
static void refusals_are_intercepted(void)
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
static void places_of_the_parent(void)
{
	for (u64 where = IDT_IN_HOLE; where <= CODE_IN_APIC; where++) {
		test_context("place", where);
		MUST(witness_create(&child, tables_elsewhere, where));
		for (u32 i = 0; i < 3; i++)
			MUST(child_run_to(&child, HV_MESSAGE_UNMAPPED_GPA));
		share_is_ours();
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

static void page_tables_in_overlay(void)
{
	MUST(witness_create(&child, tables_in_overlay, 0));
	MUST(child_go(&child));
	share_is_ours();
	MUST(child_stop(&child));
	child_destroy(&child);
}

/* ---- Exceptions that raise themselves ---- */

/* A write breakpoint where #DB pushes its own frame (CVE-2015-8104). */
static void loop_of_db(u64 a, u64 b)
{
	u64 top = (u64)good_stack + sizeof(good_stack);

	(void)a;
	(void)b;
	witness_begin();
	witness_use_stack(VECTOR_DB, top);
	witness_set_dr0(top - 8);
	witness_set_dr7(0x401 | 1 << 16 | 2 << 18);
	*(volatile u64 *)(top - 8) = 0;
	witness_end();
}

static void db_raises_itself(void)
{
	MUST(witness_create(&child, loop_of_db, 0));
	MUST(child_go(&child));
	share_is_ours();
	MUST(child_stop(&child));
	/* Nothing of its handler was executed, nor behind the store. */
	EXPECT_EQUAL(witness_of(&child)->count, 0);
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_DR6) & 1, 1);
	child_destroy(&child);
}

static void db_loop_is_the_parents(void)
{
	const struct hv_exception_intercept *e =
		(const struct hv_exception_intercept *)child.message.payload;

	MUST(witness_create(&child, loop_of_db, 0));
	MUST(child_intercept(&child, HV_INTERCEPT_TYPE_EXCEPTION, VECTOR_DB,
	                     HV_INTERCEPT_ACCESS_EXECUTE));
	MUST(child_run_to(&child, HV_MESSAGE_EXCEPTION_INTERCEPT));
	EXPECT_EQUAL(e->parameter & 1, 1);
	MUST(witness_finish(&child));
	child_destroy(&child);
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
static void ac_is_given_back(void)
{
	MUST(create_ac(0x4800));
	MUST(child_go(&child));
	spinner_leaves_us_ours();
	MUST(child_stop(&child));
	EXPECT_EQUAL(*(u32 *)child_at(&child, COUNTER), 1);
	/* Error code, EIP, CS, EFLAGS with RF. */
	EXPECT_EQUAL(*(u32 *)child_at(&child, 0x4800 - 16), 0);
	EXPECT_EQUAL(*(u32 *)child_at(&child, 0x4800 - 12), CHILD_CODE);
	EXPECT_EQUAL(*(u32 *)child_at(&child, 0x4800 - 4), 0x50002);
	child_destroy(&child);
}

static void ac_raises_itself(void)
{
	MUST(create_ac(0x4801));
	MUST(child_go(&child));
	share_is_ours();
	MUST(child_stop(&child));
	child_destroy(&child);
}

static void ac_loop_is_the_parents(void)
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

/* A handler of #UD that is #UD itself. */
static void handler_that_faults(u64 a, u64 b)
{
	(void)a;
	(void)b;
	witness_begin();
	witness_use_stack(VECTOR_UD, (u64)good_stack + sizeof(good_stack));
	__asm__ volatile("sidt -10(%%rsp)\n\t"
	                 "mov -8(%%rsp), %%rax\n\t"
	                 "lea 1f(%%rip), %%rbx\n\t"
	                 "mov %%bx, 0x60(%%rax); shr $16, %%rbx\n\t"
	                 "mov %%bx, 0x66(%%rax)\n\t"
	                 "1: ud2"
	                 :
	                 :
	                 : "rax", "rbx", "memory", "cc");
}

static void fault_in_the_handler(void)
{
	MUST(witness_create(&child, handler_that_faults, 0));
	MUST(child_go(&child));
	share_is_ours();
	MUST(child_stop(&child));
	child_destroy(&child);
}

/* ---- Events that wait ---- */

/* STI, then a load that needs the parent: its shadow is not over. */
static void wait_behind_sti(u64 a, u64 b)
{
	(void)a;
	(void)b;
	witness_begin();
	__asm__ volatile("lea 1f(%%rip), %%rax; mov %%rax, %0\n\t"
	                 "cli; sti; mov (%1), %%eax; 1: nop; cli"
	                 : "=m"(witness.at[0])
	                 : "r"(HOLE)
	                 : "rax", "memory");
	witness_end();
}

static bool send_nmi(void)
{
	struct hv_input_assert_virtual_interrupt *in =
		hvcall_input_zeroed(sizeof(*in));

	in->partition_id = child.id;
	in->type = HV_INTERRUPT_NMI;
	return EXPECT_SUCCESS(hvcall_simple(HVCALL_ASSERT_VIRTUAL_INTERRUPT));
}

static void nmi_behind_sti(void)
{
	u64 page = page_run(1);

	MUST(EXPECT(page));
	MUST(witness_create(&child, wait_behind_sti, 0));
	MUST(child_run_to(&child, HV_MESSAGE_UNMAPPED_GPA));
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_INTERRUPT_STATE),
	             HV_INTERRUPT_STATE_SHADOW);
	MUST(send_nmi());
	MUST(EXPECT_SUCCESS(memory_map(child.id, HOLE >> 12, page >> 12, 1,
	                               CHILD_RWX, NULL)));
	MUST(witness_finish(&child));
	MUST(EXPECT_EQUAL(witness_of(&child)->count, 1));
	EXPECT_EQUAL(record(0)->vector, VECTOR_NMI);
	EXPECT_EQUAL(record(0)->rip, witness_of(&child)->at[0]);
	child_destroy(&child);
}

/* NMIs while it handles one: its window does not open before IRET. */
static void window_that_never_opens(void)
{
	static const u8 code[] = { 0xff, 0x04, 0x25, LE32(COUNTER),
		                   JMP_BACK(7) };
	u32 count;

	MUST(child_create(&child, PAGES));
	CHILD_PUT_CODE(&child, code);
	MUST(child_set_long(&child, CHILD_CODE, CHILD_CODE));
	MUST(child_set(&child, HV_REGISTER_INTERRUPT_STATE,
	               HV_INTERRUPT_STATE_NMI_MASKED));
	MUST(send_nmi() && child_go(&child));
	spinner_leaves_us_ours();
	count = *(volatile u32 *)child_at(&child, COUNTER);
	spinner_leaves_us_ours();
	EXPECT(*(volatile u32 *)child_at(&child, COUNTER) - count > 1000);
	child_destroy(&child);
}

/* The last byte of 4 GiB is a NOP: EIP goes on from 0, whatever the processor makes of it. */
static void code_over_4_gib(void)
{
	static const u8 code[] = { 0xff, 0x05, LE32(COUNTER), JMP_BACK(6) };
	u64 page = page_run(1);
	u32 count;

	if (!wraps) {
		test_skip(
			"EIP over 4 GiB does not go on with KVM and Bochs below");
		return;
	}
	MUST(EXPECT(page) && child_create(&child, PAGES));
	child_put(&child, 0, code, sizeof(code));
	*(volatile u8 *)(page + PAGE_SIZE - 1) = 0x90;
	MUST(EXPECT_SUCCESS(memory_map(child.id, 0xfffff, page >> PAGE_SHIFT, 1,
	                               CHILD_RWX, NULL)));
	MUST(child_set_protected(&child, 0xffffffff) && child_go(&child));
	spinner_leaves_us_ours();
	count = *(volatile u32 *)child_at(&child, COUNTER);
	spinner_leaves_us_ours();
	EXPECT(*(volatile u32 *)child_at(&child, COUNTER) - count > 1000);
	MUST(child_stop(&child));
	EXPECT(child_get(&child, HV_REGISTER_RIP) <= 6);
	child_destroy(&child);
	page_run_free(page, 1);
}

/* A timer that has always expired, and nobody takes its interrupts. */
static void timer_of_one_tick(u64 a, u64 b)
{
	(void)a;
	(void)b;
	witness_begin();
	insn_cli();
	*(volatile u32 *)(WITNESS_APIC + LAPIC_SVR) = 0x1ff;
	*(volatile u32 *)(WITNESS_APIC + LAPIC_DIVIDE) = LAPIC_DIVIDE_BY_1;
	*(volatile u32 *)(WITNESS_APIC + LAPIC_LVT_TIMER) = LAPIC_LVT_PERIODIC |
	                                                    WITNESS_VECTOR;
	*(volatile u32 *)(WITNESS_APIC + LAPIC_INITIAL_COUNT) = 1;
	for (;;)
		(*(volatile u64 *)&witness.at[0])++;
}

static void timer_always_expired(void)
{
	u64 count;

	MUST(witness_create(&child, timer_of_one_tick, 0));
	MUST(child_go(&child));
	spinner_leaves_us_ours();
	count = *(volatile u64 *)witness_of(&child)->at;
	spinner_leaves_us_ours();
	EXPECT(*(volatile u64 *)witness_of(&child)->at - count > 1000);
	child_destroy(&child);
}

static const struct test_case cases[] = {
	{ "real mode: a stack in the hypercall page",
	  real_stack_in_hypercall_page },
	{ "real mode: a stack in the reference TSC page",
	  real_stack_in_tsc_page },
	{ "real mode: a delivery has no error code",
	  real_delivery_has_no_error_code },
	{ "a second fault of a delivery is #DF", second_fault_is_double },
	{ "a refused push is #GP", refusal_is_delivered },
	{ "a third fault is the end", third_fault_is_the_end },
	{ "refused pushes are intercepted", refusals_are_intercepted },
	{ "tables in a hole and in the APIC's page", places_of_the_parent },
	{ "page tables in the hypercall page", page_tables_in_overlay },
	{ "a #DB that raises itself", db_raises_itself },
	{ "a #DB that raises itself is the parent's", db_loop_is_the_parents },
	{ "an #AC is given back", ac_is_given_back },
	{ "an #AC that raises itself", ac_raises_itself },
	{ "an #AC that raises itself is the parent's", ac_loop_is_the_parents },
	{ "a handler that faults", fault_in_the_handler },
	{ "an NMI behind STI", nmi_behind_sti },
	{ "an NMI whose window never opens", window_that_never_opens },
	{ "code that runs over 4 GiB", code_over_4_gib },
	{ "a timer that has always expired", timer_always_expired },
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	least_share = arguments_number(image, table, "share", LEAST_SHARE);
	int1 = arguments_number(image, table, "int1", 1);
	masked = arguments_number(image, table, "masked", 1);
	wraps = arguments_number(image, table, "wrap", 1);
	return test_run(image, table, "hostile", cases, ARRAY_LEN(cases));
}
