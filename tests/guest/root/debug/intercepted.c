/*
 * A parent that intercepts #DB: it hands each step on, keeps it, or saves the child
 * there and restores it into another one.
 */
#include "tests/guest/lib/code.h"
#include "tests/guest/lib/insn.h"
#include "tests/guest/lib/saved.h"
#include "tests/guest/lib/test.h"
#include "tests/guest/lib/witness.h"
#include "tests/guest/root/debug/debug.h"

#define BUFFER_PAGES 256
#define PAGES 8

static struct child child;

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

static bool create_watched(void (*function)(u64 a, u64 b), u64 a)
{
	return witness_create(&child, function, a) &&
	       child_intercept(&child, HV_INTERCEPT_TYPE_EXCEPTION, VECTOR_DB,
	                       HV_INTERCEPT_ACCESS_EXECUTE);
}

/* To the next one, which is so many bytes into the row, and for these causes. */
static bool next_debug(u32 offset, u64 causes)
{
	const struct hv_exception_intercept *e =
		(const struct hv_exception_intercept *)child.message.payload;

	return child_run_to(&child, HV_MESSAGE_EXCEPTION_INTERCEPT) &&
	       EXPECT_EQUAL(e->vector, VECTOR_DB) &&
	       EXPECT_EQUAL(e->header.rip,
	                    witness_of(&child)->at[0] + offset) &&
	       EXPECT_EQUAL(e->parameter, causes) &&
	       EXPECT_EQUAL(child_get(&child, HV_REGISTER_DR6),
	                    DR6_FIXED | causes);
}

static bool next_step(u32 offset)
{
	return next_debug(offset, DEBUG_STEP);
}

static bool hand_on(void)
{
	return child_set(&child, HV_REGISTER_PENDING_INTERRUPTION, DB_PENDING);
}

void debug_steps_handed_on(void)
{
	MUST(create_watched(step_over_sti, 0));
	for (u32 i = 1; i <= 4; i++) {
		test_context("step", i);
		MUST(next_step(i));
		MUST(hand_on());
	}
	MUST(witness_finish(&child));
	MUST(witness_count_is(&child, 4));
	for (u32 i = 0; i < 4; i++)
		EXPECT_EQUAL(witness_record(&child, i)->dr6, DR6_STEP);
	child_destroy(&child);
}

/* A debugger keeps them, and TF stays: each comes once all the same. */
void debug_steps_swallowed(void)
{
	MUST(create_watched(step_over_sti, 0));
	for (u32 i = 1; i <= 4; i++) {
		test_context("step", i);
		MUST(next_step(i));
		MUST(child_set(&child, HV_REGISTER_DR6, 0xffff0ff0));
	}
	MUST(child_set(&child, HV_REGISTER_RFLAGS,
	               child_get(&child, HV_REGISTER_RFLAGS) & ~RFLAGS_TF));
	MUST(witness_finish(&child));
	witness_count_is(&child, 0);
	child_destroy(&child);
}

/* Saved at each of them, and restored into another one. */
void debug_steps_travel(void)
{
	struct child target;
	struct saved stream;

	MUST(saved_begin(&stream, BUFFER_PAGES));
	MUST(create_watched(step_over_sti, 0));
	for (u32 i = 1; i <= 4; i++) {
		test_context("step", i);
		MUST(next_step(i));
		MUST(hand_on());
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
	MUST(witness_count_is(&child, 4));
	for (u32 i = 0; i < 4; i++)
		EXPECT_EQUAL(witness_record(&child, i)->dr6, DR6_STEP);
	child_destroy(&child);
	saved_end(&stream);
}

/* ---- HLT ---- */

static void step_over_hlt(u64 a, u64 b)
{
	(void)a;
	(void)b;
	witness_begin();
	witness.steps = 3;
	__asm__ volatile("lea 1f(%%rip), %%rax; mov %%rax, %0\n\t" WITNESS_TF_ON
	                 "1: nop; hlt; nop"
	                 : "=m"(witness.at[0])
	                 :
	                 : "rax", "memory", "cc");
	witness_end();
}

/* Behind HLT it is not halted, whoever takes the step. */
void debug_steps_out_of_hlt(void)
{
	for (u32 kept = 0; kept < 2; kept++) {
		test_context("kept", kept);
		MUST(create_watched(step_over_hlt, 0));
		for (u32 i = 1; i <= 3; i++) {
			MUST(next_step(i));
			EXPECT_EQUAL(
				child_get(&child,
			                  HV_REGISTER_INTERNAL_ACTIVITY_STATE),
				0);
			MUST(kept ? child_set(&child, HV_REGISTER_DR6,
			                      DR6_FIXED)
			          : hand_on());
		}
		if (kept)
			MUST(child_set(&child, HV_REGISTER_RFLAGS,
			               child_get(&child, HV_REGISTER_RFLAGS) &
			                       ~RFLAGS_TF));
		MUST(witness_finish(&child));
		MUST(witness_count_is(&child, kept ? 0 : 3));
		child_destroy(&child);
	}
}

/* In real mode: PUSHF, TF on, POPF, HLT. */
void debug_steps_out_of_hlt_in_real_mode(void)
{
	static const u8 code[] = { 0x9c, 0x89, 0xe5, 0x80, 0x4e, 0x01,
		                   0x01, 0x9d, HLT,  NOP,  HLT };
	const struct hv_exception_intercept *e =
		(const struct hv_exception_intercept *)child.message.payload;

	MUST(child_create(&child, PAGES));
	CHILD_PUT_CODE(&child, code);
	MUST(child_set_real(&child, CHILD_CODE));
	MUST(child_intercept(&child, HV_INTERCEPT_TYPE_EXCEPTION, VECTOR_DB,
	                     HV_INTERCEPT_ACCESS_EXECUTE));
	for (u32 i = 0; i < 2; i++) {
		test_context("step", i);
		MUST(child_run_to(&child, HV_MESSAGE_EXCEPTION_INTERCEPT));
		EXPECT_EQUAL(e->header.rip, 9 + i);
		EXPECT_EQUAL(e->parameter, DEBUG_STEP);
	}
	/* Without TF it is halted. */
	MUST(child_set(&child, HV_REGISTER_RFLAGS, RFLAGS_FIXED));
	MUST(child_go(&child));
	MUST(child_run_until(&child, HV_REGISTER_INTERNAL_ACTIVITY_STATE,
	                     HV_ACTIVITY_HALT_SUSPEND));
	child_destroy(&child);
}

/* ---- Breakpoints ---- */

enum {
	ON_EXECUTION,
	ON_PORT,
	ON_LOAD,
	ON_STORE,
	ON_PORT_STEPPED, /* and TF is set: one exception for both */
	ON_LOAD_STEPPED,
	BREAKPOINTS
};

/* RDX: the APIC's TPR, read before, for a hypervisor below. RBX: the instruction. */
#define MEET(to_rax, dr7, before, insn)                                   \
	__asm__ volatile("lea 1f(%%rip), %%rbx; mov %%rbx, %0\n\t"        \
	                 "mov (%%rdx), %%eax\n\t" to_rax                  \
	                 ", %%rax; mov %%rax, %%dr0\n\t"                  \
	                 "mov %1, %%dr7\n\t" before "1: " insn            \
	                 : "=m"(witness.at[0])                            \
	                 : "r"(dr7), "d"(WITNESS_APIC + LAPIC_TPR + 0ull) \
	                 : "rax", "rbx", "memory", "cc")
#define DR7_PORT_84 (0x401ull | 2 << 16)

static void meet_breakpoint(u64 which, u64 b)
{
	u64 cr4 = insn_read_cr4() | CR4_DE;

	(void)b;
	witness_begin();
	witness.rf = which == ON_EXECUTION;
	witness.steps = 1;
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4));
	if (which == ON_EXECUTION)
		MEET("mov %%rbx", 0x401ull, "", "nop");
	else if (which == ON_PORT)
		MEET("mov $0x84", DR7_PORT_84, "", "in $0x84, %%al");
	else if (which == ON_LOAD)
		MEET("mov %%rdx", DR7_ACCESS(LEN_4), "", "mov (%%rdx), %%eax");
	else if (which == ON_STORE)
		MEET("mov %%rdx", DR7_ACCESS(LEN_4), "", "mov %%ecx, (%%rdx)");
	else if (which == ON_PORT_STEPPED)
		MEET("mov $0x84", DR7_PORT_84, WITNESS_TF_ON,
		     "out %%al, $0x84");
	else
		MEET("mov %%rdx", DR7_ACCESS(LEN_4), WITNESS_TF_ON,
		     "mov (%%rdx), %%eax");
	witness_set_dr7(0x400);
	witness_end();
}

/* The parent is told which it was, and its child's handler sees the same. */
static void breakpoint(u64 which, bool handed_on)
{
	u32 length = which == ON_EXECUTION ? 0 : 2;
	u64 causes = which >= ON_PORT_STEPPED ? DEBUG_STEP | 1 : 1;

	if (handed_on)
		MUST(create_watched(meet_breakpoint, which) &&
		     next_debug(length, causes) && hand_on());
	else
		MUST(witness_create(&child, meet_breakpoint, which));
	MUST(witness_finish(&child));
	MUST(witness_count_is(&child, 1));
	EXPECT_EQUAL(witness_record(&child, 0)->rip,
	             witness_of(&child)->at[0] + length);
	EXPECT_EQUAL(witness_record(&child, 0)->dr6, DR6_FIXED | causes);
	child_destroy(&child);
}

void debug_breakpoints_handed_on(void)
{
	u64 count = debug_fills ? BREAKPOINTS : ON_PORT_STEPPED;

	for (u64 i = 0; i < count; i++) {
		test_context("breakpoint", i);
		breakpoint(i, false);
		breakpoint(i, true);
	}
}
