/*
 * Single steps: one behind each instruction, also one that exits, before the
 * interrupt that it sent, and out of HLT; and breakpoints that wait behind MOV SS.
 */
#include "tests/guest/lib/insn.h"
#include "tests/guest/lib/test.h"
#include "tests/guest/lib/witness.h"
#include "tests/guest/root/debug/debug.h"

static struct child child;

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

void debug_steps(void)
{
	static const u8 lengths[] = {
		1, 2, 5, 2, 2, 2, 2, 4, 4, 4, 4, 3, 5, 3
	};
	u64 rip;

	MUST(witness_run(&child, step_over_all, 0));
	MUST(witness_count_is(&child, ARRAY_LEN(lengths)));
	rip = witness_of(&child)->at[0];
	for (u32 i = 0; i < ARRAY_LEN(lengths); i++) {
		test_context("step", i);
		rip += lengths[i];
		EXPECT_EQUAL(witness_record(&child, i)->vector, VECTOR_DB);
		EXPECT_EQUAL(witness_record(&child, i)->rip, rip);
		EXPECT_EQUAL(witness_record(&child, i)->dr6, DR6_STEP);
		EXPECT_EQUAL(witness_record(&child, i)->flags &
		                     (RFLAGS_RF | RFLAGS_TF),
		             RFLAGS_TF);
		if (test_failed()) {
			witness_print(&child);
			break;
		}
	}
	child_destroy(&child);
}

/* What makes an interrupt of its own due: the step comes first. */
enum {
	BY_THE_PAGE,
	BY_TLFS,
	BY_X2APIC,
	BY_SELF_IPI,
	BY_CR8, /* one that waits is let through */
	BY_TPR_OF_TLFS,
	WAYS
};

static const u32 way_msrs[WAYS] = {
	[BY_TLFS] = HV_MSR_ICR,
	[BY_X2APIC] = 0x830,
	[BY_SELF_IPI] = 0x83f,
	[BY_TPR_OF_TLFS] = HV_MSR_TPR,
};

#define TO_SELF (0x44000 | WITNESS_VECTOR)

#define STEP_OVER(insn, ...)                                                 \
	__asm__ volatile(                                                    \
		"lea 1f(%%rip), %%rbx; mov %%rbx, %0; sti\n\t" WITNESS_TF_ON \
		"nop; " insn "; 1: nop; nop; cli"                            \
		: "=m"(witness.at[0])                                        \
		: __VA_ARGS__                                                \
		: "rbx", "memory", "cc")

static void step_over_ipi(u64 way, u64 b)
{
	bool waits = way == BY_CR8 || way == BY_TPR_OF_TLFS;
	u32 value = way == BY_SELF_IPI ? WITNESS_VECTOR : TO_SELF;

	(void)b;
	witness_begin();
	if (way == BY_THE_PAGE) {
		*(volatile u32 *)(WITNESS_APIC + LAPIC_SVR) = 0x1ff;
	} else {
		cpu_write_msr(0x1b, cpu_read_msr(0x1b) | 0xc00);
		cpu_write_msr(0x80f, 0x1ff);
	}
	if (waits) {
		cpu_write_msr(HV_MSR_TPR, 0xf0);
		cpu_write_msr(0x830, TO_SELF);
		value = 0;
	}
	witness.steps = 3;
	if (way == BY_THE_PAGE)
		STEP_OVER("mov %2, (%1)", "r"(WITNESS_APIC + 0x300ull),
		          "r"(TO_SELF));
	else if (way == BY_CR8)
		STEP_OVER("mov %1, %%cr8", "r"(0ull));
	else
		STEP_OVER("wrmsr", "c"(way_msrs[way]), "a"(value), "d"(0));
	witness_end();
}

static void step_before_interrupt(u64 way)
{
	u64 behind;

	MUST(witness_run(&child, step_over_ipi, way));
	behind = witness_of(&child)->at[0];
	MUST(witness_count_is(&child, 4));
	EXPECT_EQUAL(witness_record(&child, 1)->vector, VECTOR_DB);
	EXPECT_EQUAL(witness_record(&child, 1)->rip, behind);
	EXPECT_EQUAL(witness_record(&child, 1)->dr6, DR6_STEP);
	EXPECT_EQUAL(witness_record(&child, 2)->vector, WITNESS_VECTOR);
	EXPECT_EQUAL(witness_record(&child, 2)->rip, behind);
	EXPECT_EQUAL(witness_record(&child, 3)->vector, VECTOR_DB);
	EXPECT_EQUAL(witness_record(&child, 3)->rip, behind + 1);
	child_destroy(&child);
}

void debug_steps_before_interrupts(void)
{
	for (u64 way = 0; way < WAYS && !test_failed(); way++) {
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

void debug_step_before_nmi(void)
{
	u64 behind;

	MUST(witness_run(&child, step_over_nmi, 0));
	behind = witness_of(&child)->at[0];
	MUST(witness_count_is(&child, 4));
	EXPECT_EQUAL(witness_record(&child, 1)->vector, VECTOR_NMI);
	EXPECT(witness_record(&child, 1)->rip != behind);
	EXPECT_EQUAL(witness_record(&child, 2)->vector, VECTOR_DB);
	EXPECT_EQUAL(witness_record(&child, 2)->rip, behind);
	EXPECT_EQUAL(witness_record(&child, 2)->dr6, DR6_STEP);
	child_destroy(&child);
}

/* ---- HLT ---- */

static void halt_and_step(u64 interrupts, u64 b)
{
	(void)b;
	witness_begin();
	witness.steps = 3;
	if (!interrupts)
		insn_cli();
	__asm__ volatile("lea 1f(%%rip), %%rax; mov %%rax, %0\n\t" WITNESS_TF_ON
	                 "nop; hlt; 1: nop"
	                 : "=m"(witness.at[0])
	                 :
	                 : "rax", "memory", "cc");
	witness_end();
}

void debug_step_ends_hlt(void)
{
	for (u64 interrupts = 0; interrupts < 2; interrupts++) {
		test_context("IF", interrupts);
		MUST(witness_run(&child, halt_and_step, interrupts));
		MUST(witness_count_is(&child, 3));
		EXPECT_EQUAL(witness_record(&child, 1)->rip,
		             witness_of(&child)->at[0]);
		EXPECT_EQUAL(witness_record(&child, 1)->dr6, DR6_STEP);
		child_destroy(&child);
	}
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

void debug_breakpoint_behind_mov_ss(void)
{
	for (u64 i = 0; i < 4; i++) {
		test_context("instruction", i);
		MUST(witness_run(&child, mov_ss_and, i));
		MUST(witness_count_is(&child, 1));
		EXPECT_EQUAL(witness_record(&child, 0)->vector, VECTOR_DB);
		EXPECT_EQUAL(witness_record(&child, 0)->rip,
		             witness_of(&child)->at[0]);
		EXPECT_EQUAL(witness_record(&child, 0)->dr6, DR6_HIT_0);
		child_destroy(&child);
	}
}
