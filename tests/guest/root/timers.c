/*
 * The timer of a child's local APIC, by the child's own count, over rounds of
 * save and restore: no tick is lost, none comes twice or early.
 */
#include "tests/guest/lib/arguments.h"
#include "tests/guest/lib/serial.h"
#include "tests/guest/lib/test.h"
#include "tests/guest/lib/travel.h"

#define ROUNDS 1000
#define FEWER 300
#define ANEW 20 /* every so many rounds into a new child */
#define STREAM_PAGES 32
#define MORE_RUNS 5000

static bool doubles; /* doubles=1: an emulator delivers some interrupts twice */

static bool all_is_well(const struct child *c)
{
	volatile struct apic_seen *s = travel_seen(c);

	return EXPECT_EQUAL(s->early, 0) && EXPECT_EQUAL(s->lost, 0) &&
	       EXPECT_EQUAL(s->twice, 0) && EXPECT_EQUAL(s->wrong, 0);
}

/*
 * A tick a round at least, or more runs until there was one: below another
 * hypervisor a run may be over before the child has begun.
 */
static bool keeps_up(const struct child *c, u64 ticks, u64 checks)
{
	volatile struct apic_seen *s = travel_seen(c);

	for (u32 i = 0; i < MORE_RUNS; i++) {
		if (s->ticks >= ticks && s->checks >= checks)
			return true;
		travel_run();
	}
	return EXPECT(s->ticks >= ticks) && EXPECT(s->checks >= checks);
}

static void rounds(enum apic_task task, u64 flags, u32 count)
{
	struct saved stream;
	struct child c;

	MUST(saved_begin(&stream, STREAM_PAGES));
	flags |= doubles ? APIC_DOUBLES : 0;
	MUST(travel_create(&c, task, flags, 1) && travel_go(&c, 1));
	for (u32 i = 1; i <= count; i++) {
		test_context("round", i);
		travel_run();
		MUST(keeps_up(&c, i, 0) &&
		     travel_round(&c, 1, &stream, i % ANEW == 0) &&
		     all_is_well(&c) && travel_go(&c, 1));
		if (i % 50 == 0)
			serial_print("round %u of %u\r\n", (u64)i, (u64)count);
	}
	travel_run();
	MUST(keeps_up(&c, count + 1, count / 2 + 1) && travel_stop(&c, 1) &&
	     all_is_well(&c));
	serial_print("%u ticks, %u checks, %u doubled\r\n",
	             travel_seen(&c)->ticks, travel_seen(&c)->checks,
	             travel_seen(&c)->doubled);
	saved_end(&stream);
	child_destroy(&c);
}

static void periodic_timer(void)
{
	rounds(APIC_PERIODIC, 0, test_part(ROUNDS));
}

static void periodic_timer_halting(void)
{
	rounds(APIC_PERIODIC, APIC_HALTS | APIC_BY_HV, test_part(FEWER));
}

static void deadline_timer(void)
{
	rounds(APIC_DEADLINE, 0, test_part(ROUNDS));
}

static void deadline_timer_halting(void)
{
	rounds(APIC_DEADLINE, APIC_HALTS, test_part(FEWER));
}

static void one_shot_timer(void)
{
	rounds(APIC_ONE_SHOT, APIC_HALTS, test_part(FEWER));
}

static void synthetic_messages(void)
{
	rounds(APIC_STIMER_MESSAGE, 0, test_part(ROUNDS));
}

static void synthetic_messages_halting(void)
{
	rounds(APIC_STIMER_MESSAGE, APIC_HALTS | APIC_BY_HV, test_part(FEWER));
}

static void synthetic_direct(void)
{
	rounds(APIC_STIMER_DIRECT, 0, test_part(ROUNDS));
}

static void synthetic_direct_halting(void)
{
	rounds(APIC_STIMER_DIRECT, APIC_HALTS, test_part(FEWER));
}

static void by_the_page(void)
{
	rounds(APIC_PERIODIC, APIC_HALTS | APIC_BY_PAGE, test_part(FEWER));
}

static const struct test_case cases[] = {
	{ "periodic timer over many rounds", periodic_timer },
	{ "periodic timer of a child that halts", periodic_timer_halting },
	{ "deadline timer over many rounds", deadline_timer },
	{ "deadline timer of a child that halts", deadline_timer_halting },
	{ "one-shot timer over rounds", one_shot_timer },
	{ "periodic timer by the page of the apic", by_the_page },
	{ "synthetic timer's messages over many rounds", synthetic_messages },
	{ "synthetic timer of a child that halts", synthetic_messages_halting },
	{ "synthetic timer's interrupts over many rounds", synthetic_direct },
	{ "direct synthetic timer of a child that halts",
	  synthetic_direct_halting },
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	doubles = arguments_number(image, table, "doubles", 0);
	return test_run(image, table, "timers", cases, ARRAY_LEN(cases));
}
