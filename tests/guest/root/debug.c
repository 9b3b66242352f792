/*
 * Debug exceptions of a child, where the hypervisor has its hand in: the same
 * exceptions, in the same order and with the same DR6 and RFLAGS as on a processor.
 */
#include "parent/memory.h"
#include "parent/partition.h"
#include "tests/guest/lib/arguments.h"
#include "tests/guest/lib/code.h"
#include "tests/guest/lib/insn.h"
#include "tests/guest/lib/pages.h"
#include "tests/guest/lib/saved.h"
#include "tests/guest/lib/test.h"
#include "tests/guest/lib/witness.h"

#define HOLE 0x30000000ull /* below 1 GiB, above all RAM of the machine */
#define TPR (WITNESS_APIC + LAPIC_TPR)
#define DR6_STEP 0xffff4ff0ull
#define DR6_HIT_0 0xffff0ff1ull
#define DR7_EXECUTE 0x401ull
#define DR7_WRITE(len) (0x401ull | 1 << 16 | (len) << 18)
#define DR7_ACCESS(len) (0x401ull | 3 << 16 | (len) << 18)
#define DR7_PORT(len) (0x401ull | 2 << 16 | (len) << 18)
#define LEN_1 0ull
#define LEN_2 1ull
#define LEN_4 3ull
#define DB_PENDING                                            \
	(HV_PENDING_INTERRUPTION |                            \
	 HV_PENDING_TYPE_EXCEPTION << HV_PENDING_TYPE_SHIFT | \
	 (u64)VECTOR_DB << HV_PENDING_VECTOR_SHIFT)
#define READ32(at) (*(volatile u32 *)(at))
#define BUFFER_PAGES 256

static struct child child;
/* fills=0: a hypervisor below fills pages, by which a step comes twice and RF is lost. */
static bool fills;

static const struct witness_record *record(u32 i)
{
	return &witness_of(&child)->record[i];
}

static bool count_is(u32 count)
{
	if (EXPECT_EQUAL(witness_of(&child)->count, count))
		return true;
	witness_print(&child);
	return false;
}

static void set_de(void)
{
	u64 cr4 = insn_read_cr4() | BIT(3);

	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4));
}

/* ---- Single steps ---- */

/*
 * Of each kind that exits, and of each mode of giving an answer. The APIC's page is read
 * before, for a hypervisor below that has to find it first.
 */
static void step_over_all(u64 a, u64 b)
{
	(void)a;
	(void)b;
	witness_begin();
	witness.steps = 14;
	__asm__ volatile("lea 1f(%%rip), %%rax; mov %%rax, %0\n\t"
	                 "mov %%cr4, %%r8; mov %%r8, %%r9; or $0x40, %%r8\n\t"
	                 "mov $0xfee00000, %%edi; mov 0x20(%%rdi), %%eax\n\t"
	                 "mov $0x277, %%ecx\n\t" WITNESS_TF_ON
	                 "1: nop; cpuid; mov $0x277, %%ecx; rdmsr; wrmsr\n\t"
	                 "in $0x84, %%al; out %%al, $0x84\n\t"
	                 "mov %%cr8, %%rax; mov %%rax, %%cr8\n\t"
	                 "mov %%r8, %%cr4; mov %%r9, %%cr4\n\t"
	                 "mov 0x20(%%rdi), %%eax; mov $0x3f, %%ecx; vmcall\n\t"
	                 : "=m"(witness.at[0])
	                 :
	                 : "rax", "rbx", "rcx", "rdx", "rdi", "r8", "r9",
	                   "memory", "cc");
	witness_end();
}

static void steps(void)
{
	static const u8 lengths[] = {
		1, 2, 5, 2, 2, 2, 2, 4, 4, 4, 4, 3, 5, 3
	};
	u64 rip;

	MUST(witness_run(&child, step_over_all, 0));
	MUST(count_is(ARRAY_LEN(lengths)));
	rip = witness_of(&child)->at[0];
	for (u32 i = 0; i < ARRAY_LEN(lengths); i++) {
		test_context("step", i);
		rip += lengths[i];
		EXPECT_EQUAL(record(i)->vector, VECTOR_DB);
		EXPECT_EQUAL(record(i)->rip, rip);
		EXPECT_EQUAL(record(i)->dr6, DR6_STEP);
		EXPECT_EQUAL(record(i)->flags & (RFLAGS_RF | RFLAGS_TF),
		             RFLAGS_TF);
		if (test_failed()) {
			witness_print(&child);
			break;
		}
	}
	child_destroy(&child);
}

/* A self IPI, by one of three ways: the step comes first. */
static void step_over_ipi(u64 way, u64 b)
{
	u32 msr = way == 2 ? 0x830 : 0x40000071;

	(void)b;
	witness_begin();
	witness.steps = 3;
	if (way == 0)
		*(volatile u32 *)(WITNESS_APIC + LAPIC_SVR) = 0x1ff;
	if (way > 0) {
		cpu_write_msr(0x1b, cpu_read_msr(0x1b) | 0xc00);
		cpu_write_msr(0x80f, 0x1ff);
	}
	if (way == 0)
		__asm__ volatile(
			"lea 1f(%%rip), %%rbx; mov %%rbx, %0; sti\n\t" WITNESS_TF_ON
			"nop; mov %2, (%1); 1: nop; nop; cli"
			: "=m"(witness.at[0])
			: "r"(WITNESS_APIC + 0x300ull), "r"(0x44040)
			: "rbx", "memory", "cc");
	else
		__asm__ volatile(
			"lea 1f(%%rip), %%rbx; mov %%rbx, %0; sti\n\t" WITNESS_TF_ON
			"nop; wrmsr; 1: nop; nop; cli"
			: "=m"(witness.at[0])
			: "c"(msr), "a"(0x44040), "d"(0)
			: "rbx", "memory", "cc");
	witness_end();
}

static void step_before_interrupt(u64 way)
{
	u64 behind;

	MUST(witness_run(&child, step_over_ipi, way));
	behind = witness_of(&child)->at[0];
	MUST(count_is(4));
	EXPECT_EQUAL(record(1)->vector, VECTOR_DB);
	EXPECT_EQUAL(record(1)->rip, behind);
	EXPECT_EQUAL(record(1)->dr6, DR6_STEP);
	EXPECT_EQUAL(record(2)->vector, WITNESS_VECTOR);
	EXPECT_EQUAL(record(2)->rip, behind);
	EXPECT_EQUAL(record(3)->vector, VECTOR_DB);
	EXPECT_EQUAL(record(3)->rip, behind + 1);
	child_destroy(&child);
}

/* By the APIC's page, by the TLFS's MSR, by x2APIC. */
static void steps_before_interrupts(void)
{
	for (u64 way = 0; way < 3 && !test_failed(); way++) {
		test_context("way", way);
		step_before_interrupt(way);
	}
}

/*
 * An NMI that it sends to itself: it comes before the first instruction of the
 * handler that the step has got (SDM table 6-2).
 */
static void step_over_nmi(u64 a, u64 b)
{
	(void)a;
	(void)b;
	witness_begin();
	witness.steps = 3;
	cpu_write_msr(0x1b, cpu_read_msr(0x1b) | 0xc00);
	__asm__ volatile("lea 1f(%%rip), %%rbx; mov %%rbx, %0\n\t" WITNESS_TF_ON
	                 "nop; wrmsr; 1: nop; nop"
	                 : "=m"(witness.at[0])
	                 : "c"(0x40000071), "a"(0x400), "d"(0)
	                 : "rbx", "memory", "cc");
	witness_end();
}

static void step_before_nmi(void)
{
	u64 behind;

	MUST(witness_run(&child, step_over_nmi, 0));
	behind = witness_of(&child)->at[0];
	MUST(count_is(4));
	EXPECT_EQUAL(record(1)->vector, VECTOR_NMI);
	EXPECT(record(1)->rip != behind);
	EXPECT_EQUAL(record(2)->vector, VECTOR_DB);
	EXPECT_EQUAL(record(2)->rip, behind);
	EXPECT_EQUAL(record(2)->dr6, DR6_STEP);
	child_destroy(&child);
}

/* ---- HLT ---- */

static void halt_and_step(u64 a, u64 b)
{
	(void)a;
	(void)b;
	witness_begin();
	witness.steps = 3;
	__asm__ volatile("lea 1f(%%rip), %%rax; mov %%rax, %0\n\t" WITNESS_TF_ON
	                 "nop; hlt; 1: nop"
	                 : "=m"(witness.at[0])
	                 :
	                 : "rax", "memory", "cc");
	witness_end();
}

static void step_ends_hlt(void)
{
	MUST(witness_run(&child, halt_and_step, 0));
	MUST(count_is(3));
	EXPECT_EQUAL(record(1)->rip, witness_of(&child)->at[0]);
	EXPECT_EQUAL(record(1)->dr6, DR6_STEP);
	child_destroy(&child);
}

/* A breakpoint on the word that MOV SS loads waits for what comes behind. */
static u16 stack_selector = 16;

static void mov_ss_and(u64 which, u64 b)
{
	(void)b;
	witness_begin();
	witness_set_dr0((u64)&stack_selector);
	witness_set_dr7(DR7_ACCESS(LEN_2));
#define BEHIND_MOV_SS(insns)                                       \
	__asm__ volatile("lea 1f(%%rip), %%rax; mov %%rax, %0\n\t" \
	                 "mov %1, %%ss; " insns "; 1: nop"         \
	                 : "=m"(witness.at[0])                     \
	                 : "m"(stack_selector), "c"(0x277)         \
	                 : "rax", "rbx", "rdx", "memory", "cc")
	if (which == 0)
		BEHIND_MOV_SS("hlt");
	else if (which == 1)
		BEHIND_MOV_SS("rdmsr");
	else if (which == 2)
		BEHIND_MOV_SS("in $0x84, %%al");
	else
		BEHIND_MOV_SS("mov 0xfee00030, %%eax");
	witness_set_dr7(0x400);
	witness_end();
}

static void breakpoint_behind_mov_ss(void)
{
	for (u64 i = 0; i < 4; i++) {
		test_context("instruction", i);
		MUST(witness_run(&child, mov_ss_and, i));
		MUST(count_is(1));
		EXPECT_EQUAL(record(0)->vector, VECTOR_DB);
		EXPECT_EQUAL(record(0)->rip, witness_of(&child)->at[0]);
		EXPECT_EQUAL(record(0)->dr6, DR6_HIT_0);
		child_destroy(&child);
	}
}

/* ---- Breakpoints on what is carried out for it ---- */

static void port_accesses(u64 a, u64 b)
{
	(void)a;
	(void)b;
	witness_begin();
	witness_set_dr0(0x84);
	witness_set_dr7(DR7_PORT(LEN_1));
	insn_in8(0x84); /* without CR4.DE there are none */
	set_de();
	insn_in8(0x84);
	insn_out8(0x84, 1);
	insn_in32(0x82); /* reaches it */
	insn_out16(0x82, 1);
	insn_in8(0x85);
	witness_set_dr7(DR7_PORT(LEN_4));
	insn_in8(0x87);
	witness_set_dr7(0x400);
	insn_in8(0x84);
	witness_end();
}

static void port_breakpoints(void)
{
	MUST(witness_run(&child, port_accesses, 0));
	MUST(count_is(4));
	for (u32 i = 0; i < 4; i++) {
		EXPECT_EQUAL(record(i)->vector, VECTOR_DB);
		EXPECT_EQUAL(record(i)->dr6, DR6_HIT_0);
	}
	child_destroy(&child);
}

static void page_accesses(u64 a, u64 b)
{
	volatile u32 *tpr = (volatile u32 *)TPR;

	(void)a;
	(void)b;
	witness_begin();
	witness_set_dr0(TPR);
	witness_set_dr7(DR7_ACCESS(LEN_4));
	(void)*tpr;
	*tpr = 0;
	__asm__ volatile("orl $0x10, (%0)" : : "r"(tpr) : "memory", "cc");
	(void)*(volatile u8 *)(TPR + 3);
	(void)READ32(TPR + 16);
	(void)READ32(TPR - 16);
	witness_set_dr7(DR7_WRITE(LEN_4));
	(void)*tpr;
	*tpr = 0;
	/* Of two that watch it one is for writes. */
	witness_set_dr7(DR7_ACCESS(LEN_4));
	__asm__ volatile("mov %0, %%dr2" : : "r"(TPR));
	witness_set_dr7(DR7_ACCESS(LEN_4) | 1 << 4 | (1 | LEN_4 << 2) << 24);
	(void)*tpr;
	*tpr = 0;
	witness_set_dr7(0x400);
	witness_end();
}

static void page_breakpoints(void)
{
	static const u8 hits[] = { 1, 1, 1, 1, 1, 1, 5 };

	MUST(witness_run(&child, page_accesses, 0));
	MUST(count_is(ARRAY_LEN(hits)));
	for (u32 i = 0; i < ARRAY_LEN(hits); i++) {
		test_context("hit", i);
		EXPECT_EQUAL(record(i)->vector, VECTOR_DB);
		EXPECT_EQUAL(record(i)->dr6, 0xffff0ff0 | hits[i]);
	}
	child_destroy(&child);
}

/* ---- MOV DR with GD, INT1 ---- */

static void touch_dr(u64 a, u64 b)
{
	u64 value;

	(void)a;
	(void)b;
	witness_begin();
	witness_set_dr7(0x400 | DR7_GD);
	__asm__ volatile("lea 1f(%%rip), %0; mov %0, %1; 1: mov %%dr3, %0"
	                 : "=&r"(value), "=m"(witness.at[0]));
	__asm__ volatile("mov %%dr7, %0" : "=r"(witness.at[1]));
	__asm__ volatile("mov %0, %%dr6" : : "r"(0xffff0ff8ull));
	__asm__ volatile("lea 1f(%%rip), %0; mov %0, %1; .byte 0xf1; 1:"
	                 : "=&r"(value), "=m"(witness.at[2]));
	witness_end();
}

static void general_detect(void)
{
	const u64 *at = witness_of(&child)->at;

	MUST(witness_run(&child, touch_dr, 0));
	at = witness_of(&child)->at;
	MUST(count_is(2));
	EXPECT_EQUAL(record(0)->rip, at[0]);
	EXPECT_EQUAL(record(0)->dr6, 0xffff2ff0);
	EXPECT_EQUAL(record(0)->dr7, 0x400);
	EXPECT_EQUAL(at[1], 0x400);
	/* INT1 has no cause of its own. */
	EXPECT_EQUAL(record(1)->rip, at[2]);
	EXPECT_EQUAL(record(1)->dr6, 0xffff0ff8);
	child_destroy(&child);
}

static void branch_records(u64 a, u64 b)
{
	(void)a;
	(void)b;
	witness_begin();
	cpu_write_msr(0x1d9, 3);
	insn_out32(WITNESS_PORT, 1);
	witness.at[0] = cpu_read_msr(0x1d9);
	witness_end();
}

static void no_branch_records(void)
{
	u64 value;

	MUST(witness_create(&child, branch_records, 0));
	MUST(child_run_to_out(&child, WITNESS_PORT, &value));
	MUST(witness_finish(&child));
	EXPECT_EQUAL(witness_of(&child)->at[0], 2);
	child_destroy(&child);
}

/* ---- RF ---- */

static void raise_faults(u64 a, u64 b)
{
	(void)a;
	(void)b;
	witness_begin();
#define FAULT(insns)                                                          \
	__asm__ volatile("lea 1f(%%rip), %%rbx; mov %%rbx, %0; " insns "; 1:" \
	                 : "=m"(witness.resume)                               \
	                 :                                                    \
	                 : "rax", "rbx", "rcx", "rdx", "memory", "cc")
	FAULT("ud2");
	FAULT("mov $0x2f8, %%ecx; rdmsr");
	FAULT("mov $0x2f8, %%ecx; wrmsr");
	FAULT("mov $0x80000000, %%eax; mov %%rax, %%cr4");
	FAULT("vmptrld (%%rsp)");
	FAULT("rdpmc");
	FAULT("monitor");
	FAULT("mov $16, %%eax; mov %%rax, %%cr8");
	witness_end();
}

static void faults_have_rf(void)
{
	static const u8 vectors[] = { VECTOR_UD, VECTOR_GP, VECTOR_GP,
		                      VECTOR_GP, VECTOR_UD, VECTOR_GP,
		                      VECTOR_UD, VECTOR_GP };

	MUST(witness_run(&child, raise_faults, 0));
	MUST(count_is(ARRAY_LEN(vectors)));
	for (u32 i = 0; i < ARRAY_LEN(vectors); i++) {
		test_context("fault", i);
		EXPECT_EQUAL(record(i)->vector, vectors[i]);
		EXPECT_EQUAL(record(i)->flags & RFLAGS_RF, RFLAGS_RF);
		EXPECT_EQUAL(record(i)->error, 0);
	}
	child_destroy(&child);
}

/*
 * A breakpoint on an instruction that is executed a second time: it comes once. The
 * handler leaves by IRETQ with RF, as the frame of an instruction breakpoint has none.
 */
static void break_on(u64 which, u64 b)
{
	(void)b;
	witness_begin();
	witness.rf = true;
#define BREAK_ON(before, insn)                                            \
	__asm__ volatile("lea 1f(%%rip), %%rax; mov %%rax, %%dr0\n\t"     \
	                 "mov $0x401, %%eax; mov %%rax, %%dr7\n\t" before \
	                 "; 1: " insn "\n\t"                              \
	                 "mov $0x400, %%eax; mov %%rax, %%dr7"            \
	                 :                                                \
	                 : "r"(HOLE)                                      \
	                 : "rax", "rbx", "rcx", "rdx", "r8", "memory", "cc")
	if (which == 0)
		BREAK_ON("nop", "nop");
	else if (which == 1)
		BREAK_ON("mov %%cr4, %%rax; or $0x40, %%eax",
		         "mov %%rax, %%cr4");
	else if (which == 2)
		BREAK_ON("mov %%cr0, %%rax; xor $0x20, %%eax",
		         "mov %%rax, %%cr0");
	else if (which == 3)
		BREAK_ON("mov $0x277, %%ecx", "rdmsr");
	else if (which == 4)
		BREAK_ON("nop", "mov (%0), %%eax");
	else
		BREAK_ON("mov $0x46, %%ecx; mov %0, %%r8", "vmcall");
	witness_end();
}

#define BREAKS_WITH_HOLE 4
#define BREAKS 6

/* What it misses in the hole comes, and it tries again. */
static bool fill_hole(void)
{
	u64 page = page_run(1);

	return child_run_to(&child, HV_MESSAGE_UNMAPPED_GPA) &&
	       EXPECT(child_get(&child, HV_REGISTER_RFLAGS) & RFLAGS_RF) &&
	       EXPECT(page) &&
	       EXPECT_SUCCESS(memory_map(child.id, HOLE >> 12, page >> 12, 1,
	                                 CHILD_RWX, NULL));
}

/* GetPartitionId has an output block. */
static bool let_ask(const struct child *c)
{
	u64 privileges = 0;

	return EXPECT_SUCCESS(partition_get_property(
		       c->id, HV_PROPERTY_PRIVILEGE_FLAGS, &privileges)) &&
	       EXPECT_SUCCESS(partition_set_property(
		       c->id, HV_PROPERTY_PRIVILEGE_FLAGS,
		       privileges | HV_PRIVILEGE_ACCESS_PARTITION_ID));
}

static void breakpoints_come_once(void)
{
	for (u64 i = 0; i < (fills ? BREAKS : BREAKS_WITH_HOLE); i++) {
		test_context("instruction", i);
		MUST(witness_create(&child, break_on, i));
		MUST(let_ask(&child));
		if (i >= BREAKS_WITH_HOLE)
			MUST(fill_hole());
		MUST(witness_finish(&child));
		MUST(count_is(1));
		EXPECT_EQUAL(record(0)->vector, VECTOR_DB);
		EXPECT_EQUAL(record(0)->dr6, DR6_HIT_0);
		child_destroy(&child);
	}
}

/* The parent takes our fault as any other. */
static void fault_of_ours_intercepted(void)
{
	const struct hv_exception_intercept *e =
		(const struct hv_exception_intercept *)child.message.payload;

	MUST(witness_create(&child, raise_faults, 0));
	MUST(child_intercept(&child, HV_INTERCEPT_TYPE_EXCEPTION, VECTOR_GP,
	                     HV_INTERCEPT_ACCESS_EXECUTE));
	MUST(child_run_to(&child, HV_MESSAGE_EXCEPTION_INTERCEPT));
	EXPECT_EQUAL(e->vector, VECTOR_GP);
	EXPECT_EQUAL(e->header.rflags & RFLAGS_RF, RFLAGS_RF);
	EXPECT_EQUAL(e->exception_info, HV_EXCEPTION_ERROR_CODE_VALID);
	EXPECT_EQUAL(e->error_code, 0);
	child_destroy(&child);
}

/* ---- A parent that intercepts #DB ---- */

static void step_over_sti(u64 a, u64 b)
{
	(void)a;
	(void)b;
	witness_begin();
	witness.steps = 4;
	__asm__ volatile("lea 1f(%%rip), %%rax; mov %%rax, %0\n\t" WITNESS_TF_ON
	                 "1: nop; sti; nop; nop; cli"
	                 : "=m"(witness.at[0])
	                 :
	                 : "rax", "memory", "cc");
	witness_end();
}

static bool create_watched(void)
{
	return witness_create(&child, step_over_sti, 0) &&
	       child_intercept(&child, HV_INTERCEPT_TYPE_EXCEPTION, VECTOR_DB,
	                       HV_INTERCEPT_ACCESS_EXECUTE);
}

/* To the next one, which is so many bytes into the row. */
static bool next_step(u32 offset)
{
	const struct hv_exception_intercept *e =
		(const struct hv_exception_intercept *)child.message.payload;

	return child_run_to(&child, HV_MESSAGE_EXCEPTION_INTERCEPT) &&
	       EXPECT_EQUAL(e->vector, VECTOR_DB) &&
	       EXPECT_EQUAL(e->header.rip,
	                    witness_of(&child)->at[0] + offset) &&
	       EXPECT_EQUAL(e->parameter, DEBUG_STEP) &&
	       EXPECT_EQUAL(child_get(&child, HV_REGISTER_DR6), DR6_STEP);
}

static void steps_handed_on(void)
{
	MUST(create_watched());
	for (u32 i = 1; i <= 4; i++) {
		test_context("step", i);
		MUST(next_step(i));
		MUST(child_set(&child, HV_REGISTER_PENDING_INTERRUPTION,
		               DB_PENDING));
	}
	MUST(witness_finish(&child));
	MUST(count_is(4));
	for (u32 i = 0; i < 4; i++)
		EXPECT_EQUAL(record(i)->dr6, DR6_STEP);
	child_destroy(&child);
}

/* A debugger keeps them, and TF stays: each comes once all the same. */
static void steps_swallowed(void)
{
	MUST(create_watched());
	for (u32 i = 1; i <= 4; i++) {
		test_context("step", i);
		MUST(next_step(i));
		MUST(child_set(&child, HV_REGISTER_DR6, 0xffff0ff0));
	}
	MUST(child_set(&child, HV_REGISTER_RFLAGS,
	               child_get(&child, HV_REGISTER_RFLAGS) & ~RFLAGS_TF));
	MUST(witness_finish(&child));
	count_is(0);
	child_destroy(&child);
}

/* Saved at each of them, and restored into another one. */
static void steps_travel(void)
{
	struct child target;
	struct saved stream;

	MUST(saved_begin(&stream, BUFFER_PAGES));
	MUST(create_watched());
	for (u32 i = 1; i <= 4; i++) {
		test_context("step", i);
		MUST(next_step(i));
		MUST(child_set(&child, HV_REGISTER_PENDING_INTERRUPTION,
		               DB_PENDING));
		MUST(child_stop(&child));
		MUST(saved_take(&stream, child.id, 0));
		MUST(child_create_like(&target, &child));
		MUST(child_destroy(&child));
		child = target;
		MUST(saved_restore(&stream, child.id, HV_SAVE_DATA_MAX));
		MUST(child_intercept_out(&child, WITNESS_PORT));
		MUST(child_intercept(&child, HV_INTERCEPT_TYPE_EXCEPTION,
		                     VECTOR_DB, HV_INTERCEPT_ACCESS_EXECUTE));
	}
	MUST(witness_finish(&child));
	MUST(count_is(4));
	for (u32 i = 0; i < 4; i++)
		EXPECT_EQUAL(record(i)->dr6, DR6_STEP);
	child_destroy(&child);
	saved_end(&stream);
}

/* MOV DR under GD: the parent sees it set, and it is clear in the handler. */
static void general_detect_handed_on(void)
{
	const struct hv_exception_intercept *e =
		(const struct hv_exception_intercept *)child.message.payload;

	MUST(witness_create(&child, touch_dr, 0));
	MUST(child_intercept(&child, HV_INTERCEPT_TYPE_EXCEPTION, VECTOR_DB,
	                     HV_INTERCEPT_ACCESS_EXECUTE));
	MUST(child_run_to(&child, HV_MESSAGE_EXCEPTION_INTERCEPT));
	EXPECT_EQUAL(e->parameter, BIT(13));
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_DR7), 0x400 | DR7_GD);
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_DR6), 0xffff2ff0);
	MUST(child_set(&child, HV_REGISTER_PENDING_INTERRUPTION, DB_PENDING));
	/* INT1: no cause, and one byte long. */
	MUST(child_run_to(&child, HV_MESSAGE_EXCEPTION_INTERCEPT));
	EXPECT_EQUAL(e->parameter, 0);
	EXPECT_EQUAL(e->header.instruction_length & 15, 1);
	MUST(child_skip(&child));
	MUST(witness_finish(&child));
	MUST(count_is(1));
	EXPECT_EQUAL(record(0)->dr6, 0xffff2ff0);
	EXPECT_EQUAL(record(0)->dr7, 0x400);
	EXPECT_EQUAL(witness_of(&child)->at[1], 0x400);
	child_destroy(&child);
}

#define STEPS 7 /* of them, first */

static const struct test_case cases[] = {
	{ "a step over each instruction that exits", steps },
	{ "a step before the interrupt it sent", steps_before_interrupts },
	{ "a step before the NMI it sent", step_before_nmi },
	{ "a step ends HLT", step_ends_hlt },
	{ "steps intercepted and handed on", steps_handed_on },
	{ "steps intercepted and kept", steps_swallowed },
	{ "steps intercepted, saved and restored", steps_travel },
	{ "a breakpoint of MOV SS behind what exits",
	  breakpoint_behind_mov_ss },
	{ "breakpoints on ports", port_breakpoints },
	{ "breakpoints in the APIC's page", page_breakpoints },
	{ "general detect, and INT1", general_detect },
	{ "no branch records", no_branch_records },
	{ "a fault of ours has RF", faults_have_rf },
	{ "an instruction breakpoint comes once", breakpoints_come_once },
	{ "a fault of ours is intercepted", fault_of_ours_intercepted },
	{ "general detect intercepted and handed on",
	  general_detect_handed_on },
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	u32 first;

	fills = arguments_number(image, table, "fills", 1);
	first = fills ? 0 : STEPS;
	return test_run(image, table, "debug", cases + first,
	                ARRAY_LEN(cases) - first);
}
