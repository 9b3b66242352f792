/*
 * Four VPs of a child, started by SIPI, pass a token by interrupts; they are
 * saved with it in flight and restored: no interrupt is lost and none doubled.
 */
#include "tests/guest/lib/arguments.h"
#include "tests/guest/lib/serial.h"
#include "tests/guest/lib/test.h"
#include "tests/guest/lib/travel.h"

#define ROUNDS 1000
#define FEWER 300
#define ANEW 20 /* every so many rounds into a new child */
#define STREAM_PAGES 64
#define STARTED_BY 1000 /* runs */

static bool doubles; /* doubles=1: an emulator delivers some interrupts twice */
static u64 patience; /* patience=n: of so many times the runs */

static bool all_is_well(const struct child *c)
{
	volatile struct apic_seen *s = travel_seen(c);
	u64 took = s->took[0] + s->took[1] + s->took[2] + s->took[3];

	return EXPECT_EQUAL(s->wrong, 0) &&
	       EXPECT(took == s->hops || took == s->hops + 1) &&
	       EXPECT(s->took[0] - s->took[3] <= 1);
}

static bool wait_for_start(const struct child *c)
{
	for (u64 i = 0; i < STARTED_BY * patience; i++) {
		travel_run();
		if (travel_seen(c)->hops >= 2 * APIC_VPS)
			return true;
	}
	return EXPECT_EQUAL(travel_seen(c)->started, APIC_VPS) &&
	       EXPECT(travel_seen(c)->hops >= 2 * APIC_VPS);
}

/*
 * It stands still only for want of time, and below another hypervisor a hop can take
 * longer than a run: some runs later it has gone on.
 */
static bool goes_on(const struct child *c, u64 hops)
{
	for (u64 i = 0; i < STARTED_BY * patience; i++) {
		if (travel_seen(c)->hops > hops)
			return true;
		travel_run();
	}
	return EXPECT(travel_seen(c)->hops > hops);
}

static void rounds(u64 flags, u32 count, u64 least_hops)
{
	struct saved stream;
	struct child c;
	u64 hops;

	flags |= doubles ? APIC_DOUBLES : 0;
	MUST(saved_begin(&stream, STREAM_PAGES));
	MUST(travel_create(&c, APIC_TOKEN, flags, APIC_VPS) &&
	     travel_go(&c, APIC_VPS) && wait_for_start(&c));
	for (u32 i = 1; i <= count; i++) {
		test_context("round", i);
		hops = travel_seen(&c)->hops;
		travel_run();
		MUST(travel_round(&c, APIC_VPS, &stream, i % ANEW == 0) &&
		     all_is_well(&c) && travel_go(&c, APIC_VPS));
		if (i % 50)
			continue;
		MUST(goes_on(&c, hops));
		serial_print("round %u of %u\r\n", (u64)i, (u64)count);
	}
	MUST(goes_on(&c, travel_seen(&c)->hops) && goes_on(&c, least_hops));
	MUST(travel_stop(&c, APIC_VPS) && all_is_well(&c));
	serial_print("%u hops, %u doubled\r\n", travel_seen(&c)->hops,
	             travel_seen(&c)->doubled);
	saved_end(&stream);
	child_destroy(&c);
}

static void four_that_halt(void)
{
	rounds(APIC_HALTS, test_part(ROUNDS), test_part(ROUNDS));
}

/* Each hop waits for the turn of its VP. */
static void four_that_do_not(void)
{
	rounds(0, test_part(FEWER), test_part(FEWER) / 20);
}

static void four_by_the_page(void)
{
	rounds(APIC_HALTS | APIC_BY_PAGE, test_part(FEWER), test_part(FEWER));
}

static const struct test_case cases[] = {
	{ "four VPs pass a token and halt", four_that_halt },
	{ "four VPs pass a token and do not halt", four_that_do_not },
	{ "four VPs pass a token by the page", four_by_the_page },
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	doubles = arguments_number(image, table, "doubles", 0);
	patience = arguments_number(image, table, "patience", 1);
	return test_run(image, table, "token", cases, ARRAY_LEN(cases));
}
