/*
 * The root's own APIC timer while a child burns its slices: each tick comes, once, and not
 * before its time, by the TSC; whatever the hypervisor needs a timer for itself.
 */
#include "tests/guest/lib/alarm.h"
#include "tests/guest/lib/arguments.h"
#include "tests/guest/lib/child.h"
#include "tests/guest/lib/code.h"
#include "tests/guest/lib/insn.h"
#include "tests/guest/lib/serial.h"
#include "tests/guest/lib/test.h"
#include "tests/guest/lib/trap.h"

#define PAGES 8
#define COUNTER 0x2100
#define ROUNDS 1000
#define FEWER 100
#define PERIOD 400000ull /* ticks of the TSC, about */
#define ODD 97           /* that the lengths of one-shots differ by, in steps */
/* Two measurements of one clock: of so many parts they differ by one at most. */
#define PARTS 20000
#define ALONE 30 /* slices and more, in periods */

static const u8 spinner[] = { 0x48, INC_MEM(COUNTER), JMP_BACK(8) };

static bool doubles; /* doubles=1: an emulator delivers some interrupts twice */
static bool deaf; /* deaf=0: the child takes interrupts, of which none come */
static struct child child;
static u64 length; /* of a period: PERIOD, or as told */
static u64 worst;  /* ticks that one was late */

static u64 count(void)
{
	return *(volatile u64 *)child_at(&child, COUNTER);
}

/* It has run before the timer is looked at: what the hypervisor does for its sake is done. */
static bool begin(void)
{
	u64 start;

	worst = 0;
	if (!child_create(&child, PAGES) ||
	    (CHILD_PUT_CODE(&child, spinner), false) ||
	    !child_set_long(&child, CHILD_CODE, CHILD_CODE) ||
	    !child_set(&child, HV_REGISTER_RFLAGS,
	               RFLAGS_FIXED | (deaf ? 0 : RFLAGS_IF)) ||
	    !child_go(&child))
		return false;
	start = cpu_read_tsc();
	while (!count() && cpu_read_tsc() - start < CHILD_PATIENCE)
		insn_pause();
	if (!EXPECT(count() != 0))
		return false;
	alarm_begin();
	alarm_measure();
	alarm_set(0);
	return true;
}

static void end(const char *what)
{
	alarm_end();
	serial_print("%s: at most %u ticks late\r\n", what, worst);
	EXPECT(count() > test_part(ROUNDS));
	EXPECT(doubles || trap_doubles() == 0);
	child_destroy(&child);
}

/* Every other time we halt, and the child has all of the time; or we have half of it. */
static bool wait_ring(u64 wanted, u64 turn)
{
	u64 start = cpu_read_tsc();

	while (alarm_rings() < wanted &&
	       cpu_read_tsc() - start < CHILD_PATIENCE) {
		if (turn % 2)
			insn_sti_hlt();
		else
			insn_pause();
	}
	return EXPECT_EQUAL(alarm_rings(), wanted);
}

/* Set somewhere from `before` to `after`, it has rung now, so many ticks later. */
static bool in_time(u64 before, u64 after, u64 ticks)
{
	u64 now = cpu_read_tsc(), slack = ticks / PARTS + 1;
	u64 late = now - (before + ticks);

	if (!EXPECT(now + slack >= before + ticks))
		return false;
	late = now > after + ticks ? now - after - ticks : 0;
	if (late > worst)
		worst = late;
	/* Or another tick would be due by then. */
	return EXPECT(late < length - length / 16 + slack);
}

/* Nothing comes twice: nor later, when nothing is due. */
static bool stays(u64 rings, u64 time)
{
	u64 start = cpu_read_tsc();

	while (cpu_read_tsc() - start < time)
		insn_pause();
	return EXPECT_EQUAL(alarm_rings(), rings);
}

/* ---- The timer's three modes ---- */

/* In counts of the APIC's clock. */
static u32 period(void)
{
	return (u32)(length * 1000 / alarm_tsc(1000));
}

static void ticks_of_a_period(u32 rounds)
{
	u64 before = cpu_read_tsc(), after;

	alarm_set_periodic(period());
	after = cpu_read_tsc();
	for (u32 i = 1; i <= rounds; i++) {
		test_context("round", i);
		MUST(wait_ring(i, i) &&
		     in_time(before, after, alarm_tsc((u64)i * period())));
	}
	alarm_set(0);
	MUST(stays(0, 2 * length));
}

static void periodic(void)
{
	MUST(begin());
	ticks_of_a_period(test_part(ROUNDS));
	end("periodic");
}

static void one_shots(u32 rounds)
{
	for (u32 i = 1; i <= rounds; i++) {
		u32 counts = period() / 2 + period() * (i % ODD) / (2 * ODD);
		u64 before = cpu_read_tsc(), after;

		test_context("round", i);
		alarm_set(counts);
		after = cpu_read_tsc();
		MUST(wait_ring(1, i) &&
		     in_time(before, after, alarm_tsc(counts)) &&
		     stays(1, i % 50 ? length / 50 : length * 2));
	}
}

static void one_shot(void)
{
	MUST(begin());
	one_shots(test_part(ROUNDS));
	end("one-shot");
}

static void deadlines(u32 rounds)
{
	for (u32 i = 1; i <= rounds; i++) {
		u64 now = cpu_read_tsc();
		u64 ticks = length / 2 + length * (i % ODD) / (2 * ODD);

		test_context("round", i);
		/* Now and then one that has passed already. */
		if (i % 10 == 0)
			ticks = 1;
		alarm_set_deadline(now + ticks);
		MUST(wait_ring(1, i % 10 ? i : 0) && in_time(now, now, ticks) &&
		     stays(1, i % 50 ? length / 50 : length * 2));
	}
}

static void deadline(void)
{
	if (!alarm_has_deadline()) {
		test_skip("no TSC deadline");
		return;
	}
	MUST(begin());
	deadlines(test_part(ROUNDS));
	end("deadline");
}

/* ---- The APIC ---- */

/* Both go on: what ends a slice is not lost with the root's timer. */
static void switched_off(void)
{
	MUST(begin());
	for (u32 i = 1; i <= 20; i++) {
		u64 before = count();

		test_context("turn", i);
		insn_cli();
		alarm_apic_off();
		stays(0, ALONE * length);
		EXPECT(alarm_apic_on());
		insn_sti();
		MUST(EXPECT(count() > before));
	}
	one_shots(FEWER);
	end("switched off and on");
}

/* The last: what follows in this boot has its APIC in that mode. */
static void x2apic(void)
{
	if (!alarm_has_x2apic()) {
		test_skip("no x2APIC");
		return;
	}
	MUST(begin());
	alarm_go_x2apic();
	ticks_of_a_period(FEWER);
	one_shots(FEWER);
	if (alarm_has_deadline())
		deadlines(FEWER);
	end("x2APIC");
}

static const struct test_case cases[] = {
	{ "many ticks of a period", periodic },
	{ "many one-shots", one_shot },
	{ "many deadlines", deadline },
	{ "an APIC that is switched off and on", switched_off },
	{ "an APIC that goes into x2APIC mode", x2apic },
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	length = arguments_number(image, table, "period", PERIOD);
	doubles = arguments_number(image, table, "doubles", 0);
	deaf = arguments_number(image, table, "deaf", 1);
	return test_run(image, table, "ticks", cases, ARRAY_LEN(cases));
}
