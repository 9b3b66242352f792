/*
 * The root while it has the processor to itself: from most of its exits the hypervisor
 * goes straight back. Where something waits for it, it must not.
 */
#include "tests/guest/lib/alarm.h"
#include "tests/guest/lib/gate.h"
#include "tests/guest/lib/insn.h"
#include "tests/guest/lib/test.h"
#include "tests/guest/lib/trap.h"

#define LOW 0x41    /* a vector of less priority than the alarm's */
#define SPAN 24000u /* of the APIC's clock: all that is done for an interrupt */
#define STEP 8u     /* likewise: less than an instruction, or a few */
#define LATE 400000ull /* of the TSC */
#define RECORDS 16

static volatile u64 count;

/* The alarm comes at any point of what is done for the other one, or close to it. */
static void meet(u32 ticks)
{
	u64 start;

	insn_cli();
	alarm_set(ticks);
	count = 0;
	alarm_send(LOW);
	start = cpu_read_tsc();
	insn_sti();
	while (count < 2 && cpu_read_tsc() - start < LATE)
		insn_pause();
}

static void interrupts(void)
{
	alarm_begin();
	trap_count_interrupts(LOW, &count);
	for (u32 ticks = 1; ticks < SPAN && !test_failed(); ticks += STEP) {
		test_context("ticks", ticks);
		meet(ticks);
		EXPECT_EQUAL(count, 2);
	}
	alarm_end();
}

/* ---- Single steps ---- */

static volatile u64 stepped[RECORDS];
static volatile u32 steps;

HANDLER static void handle_step(struct frame *frame)
{
	if (steps < RECORDS)
		stepped[steps] = frame->rip;
	steps++;
}

/* Where its steps begin. */
static u64 step_over_exits(void)
{
	u64 begin;

	__asm__ volatile("lea 1f(%%rip), %0\n\t"
	                 "pushfq; orq $0x100, (%%rsp); popfq\n\t"
	                 "1: nop; cpuid; nop; mov $0x40000002, %%ecx; rdmsr\n\t"
	                 "mov $0x3f, %%ecx; vmcall; nop\n\t"
	                 "pushfq; andq $~0x100, (%%rsp); popfq"
	                 : "=&r"(begin)
	                 :
	                 : "rax", "rbx", "rcx", "rdx", "r8", "memory", "cc");
	return begin;
}

static void single_steps(void)
{
	static const u8 lengths[] = { 1, 2, 1, 5, 2, 5, 3, 1, 1 };
	u64 rip;

	trap_set_gate(VECTOR_DB, (u64)handle_step);
	steps = 0;
	rip = step_over_exits();
	/* And two behind those that switch it off. */
	EXPECT_EQUAL(steps, ARRAY_LEN(lengths) + 2);
	for (u32 i = 0; i < ARRAY_LEN(lengths) && !test_failed(); i++) {
		test_context("step", i);
		rip += lengths[i];
		EXPECT_EQUAL(stepped[i], rip);
	}
}

static const struct test_case cases[] = {
	{ "two interrupts that meet", interrupts },
	{ "a step over what exits", single_steps },
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	return test_run(image, table, "alone", cases, ARRAY_LEN(cases));
}
