/*
 * Who gets the processor: a busy root and busy children all go on, and a root
 * that has nothing to do gives its time away.
 */
#include <efi.h>
#include <efilib.h>

#include "parent/cpu.h"
#include "tests/guest/lib/alarm.h"
#include "tests/guest/lib/arguments.h"
#include "tests/guest/lib/child.h"
#include "tests/guest/lib/code.h"
#include "tests/guest/lib/insn.h"
#include "tests/guest/lib/processors.h"
#include "tests/guest/lib/test.h"
#include "tests/guest/lib/trap.h"

#define PAGES 8
#define COUNTER 0x2100
#define TICK 100000 /* units of 100 ns */
/* Instructions: an interrupt of the firmware's takes fewer, a slice more. */
#define LEAST_SLICE 10000
#define TRIES 10
#define LOW_TPR 0x25

/* Counts in memory, as fast as it can: two instructions a turn. */
static const u8 spinner[] = { 0x48, INC_MEM(COUNTER), JMP_BACK(8) };

static struct child child, other;
static u64 own_interrupts; /* percent, at most */
static u64 instruction;    /* ticks of one, if they are counted */
static volatile u64 ticks;

static bool create(struct child *c, u64 rflags)
{
	return child_create(c, PAGES) && (CHILD_PUT_CODE(c, spinner), true) &&
	       child_set_long(c, CHILD_CODE, CHILD_CODE) &&
	       child_set(c, HV_REGISTER_RFLAGS, rflags);
}

static u64 count(const struct child *c)
{
	return *(volatile u64 *)child_at(c, COUNTER);
}

/* What one slice is, seen from us: the longest time that we lost. */
static u64 spin_and_watch(u64 time, u64 *longest)
{
	u64 begin = cpu_read_tsc(), last = begin, now = begin, lost = 0;

	*longest = 0;
	while (now - begin < time) {
		now = cpu_read_tsc();
		if (now - last > *longest)
			*longest = now - last;
		if (now - last > LEAST_SLICE * instruction)
			lost += now - last;
		last = now;
	}
	return lost;
}

/* Long enough for many slices: found out by watching one go by. */
static u64 long_time(void)
{
	u64 longest = 0, begin = cpu_read_tsc();

	while (longest < LEAST_SLICE * instruction &&
	       cpu_read_tsc() - begin < CHILD_PATIENCE)
		spin_and_watch(100000, &longest);
	return longest * 40;
}

static void busy_root_and_busy_child(void)
{
	u64 time, lost, before, longest;

	MUST(processors_is_one());
	MUST(create(&child, RFLAGS_IF | RFLAGS_FIXED) && child_go(&child));
	time = long_time();
	MUST(EXPECT(time >= 40 * LEAST_SLICE * instruction));
	before = count(&child);
	lost = spin_and_watch(time, &longest);
	/* Both have between a third and two thirds. */
	EXPECT(lost > time / 3 && lost < time / 3 * 2);
	EXPECT((count(&child) - before) * instruction > lost / 8);
	child_destroy(&child);
}

static void two_busy_children(void)
{
	u64 time, a, b, longest;

	MUST(processors_is_one());
	MUST(create(&child, RFLAGS_IF | RFLAGS_FIXED) &&
	     create(&other, RFLAGS_IF | RFLAGS_FIXED));
	MUST(child_go(&child) && child_go(&other));
	time = long_time();
	a = count(&child);
	b = count(&other);
	spin_and_watch(2 * time, &longest);
	a = count(&child) - a;
	b = count(&other) - b;
	EXPECT(a > 1000 && b > 1000);
	EXPECT(a < 2 * b && b < 2 * a);
	child_destroy(&child);
	child_destroy(&other);
}

static void suspended_child_costs_nothing(void)
{
	const u64 most = 5000000 / 100 * own_interrupts;
	u64 longest, lost = most;

	MUST(create(&child, RFLAGS_IF | RFLAGS_FIXED) && child_go(&child));
	MUST(EXPECT(long_time() > 0));
	MUST(child_stop(&child));
	/* The firmware's own interrupts. Where time is the host's, it may take us off, too. */
	for (u32 i = 0; i < TRIES && lost >= most; i++)
		lost = spin_and_watch(5000000, &longest);
	EXPECT(lost < most);
	child_destroy(&child);
}

/* ---- The firmware's timer ---- */

static VOID EFIAPI on_tick(EFI_EVENT event, VOID *context)
{
	(void)event;
	(void)context;
	ticks++;
}

/* So many ticks of the firmware's timer come while we halt. */
static bool wait_ticks(u64 want)
{
	u64 begin = cpu_read_tsc();
	EFI_EVENT event;

	ticks = 0;
	if (!EXPECT(!EFI_ERROR(BS->CreateEvent(EVT_TIMER | EVT_NOTIFY_SIGNAL,
	                                       TPL_CALLBACK, on_tick, NULL,
	                                       &event))))
		return false;
	BS->SetTimer(event, TimerPeriodic, TICK);
	while (ticks < want && cpu_read_tsc() - begin < CHILD_PATIENCE)
		insn_sti_hlt();
	BS->CloseEvent(event);
	return EXPECT(ticks >= want);
}

/* Child's turns in each of our ticks, while we halt and while we spin. */
static void halting_gives_time_away(void)
{
	u64 begin, time, before, halting, spinning, longest;

	MUST(processors_is_one());
	MUST(create(&child, RFLAGS_IF | RFLAGS_FIXED) && child_go(&child));
	MUST(EXPECT(long_time() > 0));
	begin = cpu_read_tsc();
	before = count(&child);
	MUST(wait_ticks(4));
	halting = count(&child) - before;
	time = cpu_read_tsc() - begin;
	before = count(&child);
	spin_and_watch(time, &longest);
	spinning = count(&child) - before;
	EXPECT(halting > spinning + spinning / 2);
	child_destroy(&child);
}

static void timer_while_a_child_spins(void)
{
	MUST(create(&child, RFLAGS_IF | RFLAGS_FIXED) && child_go(&child));
	MUST(wait_ticks(5));
	EXPECT(count(&child) > 1000);
	child_destroy(&child);
}

static void timer_while_a_child_is_halted(void)
{
	static const u8 halt[] = { HLT };

	MUST(create(&child, 2));
	CHILD_PUT_CODE(&child, halt);
	MUST(child_go(&child));
	MUST(wait_ticks(5));
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_RIP), CHILD_CODE + 1);
	child_destroy(&child);
}

/* Interrupts are ours, whatever the child thinks of them. */
static void timer_while_a_child_is_deaf(void)
{
	MUST(create(&child, 2) && child_go(&child));
	MUST(wait_ticks(5));
	EXPECT(count(&child) > 1000);
	child_destroy(&child);
}

/*
 * The APIC takes vectors from 16 on (SDM 10.5.2), also those of exceptions that have an
 * error code: who takes one in our place finds none on his stack.
 */
static void vectors_of_exceptions(void)
{
	MUST(create(&child, RFLAGS_IF | RFLAGS_FIXED) && child_go(&child));
	for (u8 vector = 16; vector < 32 && !test_failed(); vector++) {
		test_context("vector", vector);
		trap_count_interrupts(vector, &ticks);
		ticks = 0;
		insn_cli();
		alarm_send(vector);
		insn_sti_hlt();
		EXPECT_EQUAL(ticks, 1);
	}
	child_destroy(&child);
}

/*
 * While its interrupts are held back, as it can take none, a root is to see nothing of that.
 * On SVM it is asked to give way by exits alone then: its IF keeps the timer's out, too.
 */
static void priority_of_a_deaf_root(void)
{
	u64 begin, before, gone;
	u32 was, is;

	MUST(create(&child, RFLAGS_FIXED) && child_go(&child));
	insn_cli();
	was = alarm_swap_tpr(LOW_TPR);
	begin = cpu_read_tsc();
	before = count(&child);
	do {
		cpu_cpuid(0);
		gone = cpu_read_tsc() - begin;
	} while (count(&child) - before < 1000 && gone < CHILD_PATIENCE);
	is = alarm_swap_tpr(was);
	insn_sti();
	EXPECT(gone < CHILD_PATIENCE);
	EXPECT_EQUAL(is, LOW_TPR);
	child_destroy(&child);
}

static const struct test_case cases[] = {
	{ "vectors of exceptions, while a child runs", vectors_of_exceptions },
	{ "a busy root and a busy child go on", busy_root_and_busy_child },
	{ "two busy children share", two_busy_children },
	{ "a suspended child costs nothing", suspended_child_costs_nothing },
	{ "a halting root gives time away", halting_gives_time_away },
	{ "the timer goes on while a child spins", timer_while_a_child_spins },
	{ "the timer goes on while a child is halted",
	  timer_while_a_child_is_halted },
	{ "the timer goes on while a child has interrupts off",
	  timer_while_a_child_is_deaf },
	{ "the priority of a deaf root", priority_of_a_deaf_root },
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	own_interrupts = arguments_number(image, table, "own", 25);
	instruction = arguments_number(image, table, "ticks", 1);
	return test_run(image, table, "share", cases, ARRAY_LEN(cases));
}
