/*
 * Breakpoints on what is carried out for a child, MOV DR with GD, and RF: an
 * instruction breakpoint comes once, whoever finishes the instruction.
 */
#include "parent/memory.h"
#include "parent/partition.h"
#include "tests/guest/lib/insn.h"
#include "tests/guest/lib/pages.h"
#include "tests/guest/lib/test.h"
#include "tests/guest/lib/witness.h"
#include "tests/guest/root/debug/debug.h"

#define HOLE 0x30000000ull /* below 1 GiB, above all RAM of the machine */
#define TPR (WITNESS_APIC + LAPIC_TPR)
#define DR7_WRITE(len) (0x401ull | 1 << 16 | (len) << 18)
#define DR7_PORT(len) (0x401ull | 2 << 16 | (len) << 18)
#define READ32(at) (*(volatile u32 *)(at))

static struct child child;

/* ---- Breakpoints on what is carried out for it ---- */

static void set_de(void)
{
	u64 cr4 = insn_read_cr4() | BIT(3);

	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4));
}

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

void debug_port_breakpoints(void)
{
	MUST(witness_run(&child, port_accesses, 0));
	MUST(witness_count_is(&child, 4));
	for (u32 i = 0; i < 4; i++) {
		EXPECT_EQUAL(witness_record(&child, i)->vector, VECTOR_DB);
		EXPECT_EQUAL(witness_record(&child, i)->dr6, DR6_HIT_0);
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

void debug_page_breakpoints(void)
{
	static const u8 hits[] = { 1, 1, 1, 1, 1, 1, 5 };

	MUST(witness_run(&child, page_accesses, 0));
	MUST(witness_count_is(&child, ARRAY_LEN(hits)));
	for (u32 i = 0; i < ARRAY_LEN(hits); i++) {
		test_context("hit", i);
		EXPECT_EQUAL(witness_record(&child, i)->vector, VECTOR_DB);
		EXPECT_EQUAL(witness_record(&child, i)->dr6,
		             0xffff0ff0 | hits[i]);
	}
	child_destroy(&child);
}

/* ---- MOV DR with GD, INT1 ---- */

/* DR7 beside GD: of a breakpoint at 0, where nothing is, which the hypervisor has to arm
 * and disarm. */
#define GD_BESIDE 0x401u

static void touch_dr(u64 a, u64 b)
{
	u64 value;

	(void)a;
	(void)b;
	witness_begin();
	witness_set_dr7(GD_BESIDE | DR7_GD);
	__asm__ volatile("lea 1f(%%rip), %0; mov %0, %1; 1: mov %%dr3, %0"
	                 : "=&r"(value), "=m"(witness.at[0]));
	__asm__ volatile("mov %%dr7, %0" : "=r"(witness.at[1]));
	__asm__ volatile("mov %0, %%dr6" : : "r"(0xffff0ff8ull));
	__asm__ volatile("lea 1f(%%rip), %0; mov %0, %1; .byte 0xf1; 1:"
	                 : "=&r"(value), "=m"(witness.at[2]));
	witness_end();
}

void debug_general_detect(void)
{
	const u64 *at = witness_of(&child)->at;

	MUST(witness_run(&child, touch_dr, 0));
	at = witness_of(&child)->at;
	MUST(witness_count_is(&child, 2));
	EXPECT_EQUAL(witness_record(&child, 0)->rip, at[0]);
	EXPECT_EQUAL(witness_record(&child, 0)->dr6, 0xffff2ff0);
	EXPECT_EQUAL(witness_record(&child, 0)->dr7, GD_BESIDE);
	EXPECT_EQUAL(at[1], GD_BESIDE);
	/* INT1 has no cause of its own. */
	EXPECT_EQUAL(witness_record(&child, 1)->rip, at[2]);
	EXPECT_EQUAL(witness_record(&child, 1)->dr6, 0xffff0ff8);
	child_destroy(&child);
}

/* MOV DR under GD: the parent sees it set, and it is clear in the handler. */
void debug_general_detect_handed_on(void)
{
	const struct hv_exception_intercept *e =
		(const struct hv_exception_intercept *)child.message.payload;

	MUST(witness_create(&child, touch_dr, 0));
	MUST(child_intercept(&child, HV_INTERCEPT_TYPE_EXCEPTION, VECTOR_DB,
	                     HV_INTERCEPT_ACCESS_EXECUTE));
	MUST(child_run_to(&child, HV_MESSAGE_EXCEPTION_INTERCEPT));
	EXPECT_EQUAL(e->parameter, BIT(13));
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_DR7), GD_BESIDE | DR7_GD);
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_DR6), 0xffff2ff0);
	MUST(child_set(&child, HV_REGISTER_PENDING_INTERRUPTION, DB_PENDING));
	/* INT1: no cause, and one byte long. */
	MUST(child_run_to(&child, HV_MESSAGE_EXCEPTION_INTERCEPT));
	EXPECT_EQUAL(e->parameter, 0);
	EXPECT_EQUAL(e->header.instruction_length & 15, 1);
	MUST(child_skip(&child));
	MUST(witness_finish(&child));
	MUST(witness_count_is(&child, 1));
	EXPECT_EQUAL(witness_record(&child, 0)->dr6, 0xffff2ff0);
	EXPECT_EQUAL(witness_record(&child, 0)->dr7, GD_BESIDE);
	EXPECT_EQUAL(witness_of(&child)->at[1], GD_BESIDE);
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

void debug_no_branch_records(void)
{
	u64 value;

	MUST(witness_create(&child, branch_records, 0));
	MUST(child_run_to_out(&child, WITNESS_PORT, &value));
	MUST(witness_finish(&child));
	EXPECT_EQUAL(witness_of(&child)->at[0], 2);
	child_destroy(&child);
}

/* ---- RF ---- */

static void raise_faults(u64 xsave, u64 b)
{
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
	FAULT("mov $1, %%eax; shl $32, %%rax; mov %%rax, %%cr0");
	FAULT("vmptrld (%%rsp)");
	FAULT("rdpmc");
	FAULT("monitor");
	FAULT("xor %%eax, %%eax; xor %%ecx, %%ecx; mwait");
	FAULT("mov $16, %%eax; mov %%rax, %%cr8");
	if (xsave) {
		__asm__ volatile("mov %0, %%cr4"
		                 :
		                 : "r"(insn_read_cr4() | CR4_OSXSAVE));
		FAULT("xor %%eax, %%eax; xor %%edx, %%edx; xor %%ecx, %%ecx; "
		      "xsetbv");
	}
	witness_end();
}

void debug_faults_have_rf(void)
{
	static const u8 vectors[] = { VECTOR_UD, VECTOR_GP, VECTOR_GP,
		                      VECTOR_GP, VECTOR_GP, VECTOR_UD,
		                      VECTOR_GP, VECTOR_UD, VECTOR_UD,
		                      VECTOR_GP, VECTOR_GP };
	bool xsave = cpu_cpuid(1).ecx & CPUID_1_ECX_XSAVE;
	u32 count = ARRAY_LEN(vectors) - !xsave;

	MUST(witness_run(&child, raise_faults, xsave));
	MUST(witness_count_is(&child, count));
	for (u32 i = 0; i < count; i++) {
		test_context("fault", i);
		EXPECT_EQUAL(witness_record(&child, i)->vector, vectors[i]);
		EXPECT_EQUAL(witness_record(&child, i)->flags & RFLAGS_RF,
		             RFLAGS_RF);
		EXPECT_EQUAL(witness_record(&child, i)->error, 0);
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

void debug_breakpoints_come_once(void)
{
	for (u64 i = 0; i < (debug_fills ? BREAKS : BREAKS_WITH_HOLE); i++) {
		test_context("instruction", i);
		MUST(witness_create(&child, break_on, i));
		MUST(let_ask(&child));
		if (i >= BREAKS_WITH_HOLE)
			MUST(fill_hole());
		MUST(witness_finish(&child));
		MUST(witness_count_is(&child, 1));
		EXPECT_EQUAL(witness_record(&child, 0)->vector, VECTOR_DB);
		EXPECT_EQUAL(witness_record(&child, 0)->dr6, DR6_HIT_0);
		child_destroy(&child);
	}
}

/* The parent takes our fault as any other. */
void debug_fault_of_ours_intercepted(void)
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
