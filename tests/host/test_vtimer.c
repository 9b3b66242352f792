/*
 * arch/x86_64/svm/vtimer.c: the root's APIC timer, kept by the TSC.
 */
#include "arch/x86_64/svm/vtimer.h"
#include "tests/host/fixture/test.h"

#define VECTOR 0x40u
#define DIVIDE_BY_16 3u

/* One count for two ticks of the TSC. */
static struct vtimer timer;

static int setup(void **state)
{
	(void)state;
	timer = (struct vtimer){ .has_deadline = true,
		                 .rate = 1ull << 31,
		                 .due = VTIMER_NEVER,
		                 .lvt = VECTOR,
		                 .divide = LAPIC_DIVIDE_BY_1 };
	return 0;
}

static void set(u32 offset, u32 value, u64 now)
{
	vtimer_write(&timer, offset, value, now);
}

static u32 get(u32 offset, u64 now)
{
	return vtimer_read(&timer, offset, now);
}

static void test_divisors(void **state)
{
	static const struct {
		u32 divide, by;
	} rows[] = { { 0, 2 },  { 1, 4 },  { 2, 8 },    { 3, 16 },
		     { 8, 32 }, { 9, 64 }, { 10, 128 }, { 11, 1 } };

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(vtimer_divisor(rows[i].divide), rows[i].by);
}

/* Never before its time: what is asked for has been counted to the end. */
static void test_conversions(void **state)
{
	static const u64 rates[] = { 1ull << 22, 12345678,   1ull << 31,
		                     0x7aaaaaaa, 1ull << 32, 5ull << 32 };
	static const u32 counts[] = { 1, 2, 1000, 10000000, 0xffffffff };

	(void)state;
	for (u32 r = 0; r < ARRAY_LEN(rates); r++)
		for (u32 c = 0; c < ARRAY_LEN(counts); c++) {
			u64 ticks;

			timer.rate = rates[r];
			timer.divide = DIVIDE_BY_16;
			ticks = vtimer_ticks(&timer, counts[c]);
			assert_true(vtimer_counts(&timer, ticks) >= counts[c]);
			assert_true(vtimer_counts(&timer, ticks - 2) <=
			            counts[c]);
		}
}

static void test_one_shot(void **state)
{
	(void)state;
	set(LAPIC_INITIAL_COUNT, 100, 1000);
	assert_int_equal(get(LAPIC_INITIAL_COUNT, 1000), 100);
	assert_int_equal(get(LAPIC_CURRENT_COUNT, 1100), 50);
	/* At its end, which nobody has told it of yet, and behind it. */
	assert_int_equal(get(LAPIC_CURRENT_COUNT, 1201), 0);
	assert_int_equal(get(LAPIC_CURRENT_COUNT, 1300), 0);
	assert_int_equal(vtimer_update(&timer, 1200), 0);
	assert_int_equal(vtimer_update(&timer, 1201), VECTOR);
	assert_int_equal(get(LAPIC_CURRENT_COUNT, 1300), 0);
	assert_int_equal(vtimer_update(&timer, 100000), 0);
	/* Stopped by a count of 0. */
	set(LAPIC_INITIAL_COUNT, 100, 1000);
	set(LAPIC_INITIAL_COUNT, 0, 1100);
	assert_int_equal(vtimer_update(&timer, 100000), 0);
}

/* Its time is rounded up, but the count is never more than was asked for. */
static void test_count_at_its_beginning(void **state)
{
	(void)state;
	timer.rate = 1ull << 32;
	set(LAPIC_INITIAL_COUNT, 100, 1000);
	assert_int_equal(get(LAPIC_CURRENT_COUNT, 1000), 100);
	assert_int_equal(get(LAPIC_CURRENT_COUNT, 1001), 100);
	assert_int_equal(get(LAPIC_CURRENT_COUNT, 1002), 99);
}

/* Each tick comes where it was to be, however late the one before was seen. */
static void test_periodic(void **state)
{
	u64 period, late, begin = 1000;
	u32 came = 0;

	(void)state;
	set(LAPIC_LVT_TIMER, VECTOR | LAPIC_LVT_PERIODIC, begin);
	set(LAPIC_INITIAL_COUNT, 500, begin);
	period = timer.due - begin;
	for (u64 now = begin; now < begin + 1000 * period; now += period / 3)
		came += vtimer_update(&timer, now) == VECTOR;
	assert_int_equal(came, 999);
	assert_int_equal((timer.due - begin) % period, 0);
	/* Those that were missed are one. */
	late = timer.due + 5 * period + 1;
	assert_int_equal(vtimer_update(&timer, late), VECTOR);
	assert_int_equal(vtimer_update(&timer, late), 0);
	assert_int_equal(timer.due, late - 1 + period);
	assert_int_equal(vtimer_update(&timer, timer.due - 1), 0);
	assert_int_equal((timer.due - begin) % period, 0);
}

static void test_masked(void **state)
{
	(void)state;
	set(LAPIC_LVT_TIMER, VECTOR | LAPIC_LVT_MASKED, 0);
	set(LAPIC_INITIAL_COUNT, 100, 0);
	assert_int_equal(get(LAPIC_CURRENT_COUNT, 100), 50);
	assert_int_equal(vtimer_update(&timer, 1000), 0);
	/* It is over, and does not come later. */
	set(LAPIC_LVT_TIMER, VECTOR, 1000);
	assert_int_equal(vtimer_update(&timer, 2000), 0);
}

static void test_divide_goes_on(void **state)
{
	(void)state;
	set(LAPIC_INITIAL_COUNT, 100, 0);
	set(LAPIC_DIVIDE, DIVIDE_BY_16, 100);
	assert_int_equal(get(LAPIC_DIVIDE, 100), DIVIDE_BY_16);
	assert_int_equal(get(LAPIC_CURRENT_COUNT, 100), 50);
	assert_int_equal(get(LAPIC_CURRENT_COUNT, 100 + 25 * 32), 25);
	assert_int_equal(vtimer_update(&timer, 100 + 50 * 32), 0);
	assert_int_equal(vtimer_update(&timer, 100 + 50 * 32 + 1), VECTOR);
}

/* Where the timer is stopped, or has less than one count to go. */
static void test_divide_at_the_ends(void **state)
{
	(void)state;
	set(LAPIC_DIVIDE, DIVIDE_BY_16, 0);
	assert_int_equal(vtimer_update(&timer, 100000), 0);
	set(LAPIC_DIVIDE, LAPIC_DIVIDE_BY_1, 0);
	set(LAPIC_INITIAL_COUNT, 100, 0);
	assert_int_equal(get(LAPIC_CURRENT_COUNT, 200), 0);
	set(LAPIC_DIVIDE, DIVIDE_BY_16, 200);
	assert_int_equal(vtimer_update(&timer, 200 + 32), 0);
	assert_int_equal(vtimer_update(&timer, 200 + 33), VECTOR);
	/* Bit 2 is none (APM volume 2, figure 16-10). */
	set(LAPIC_DIVIDE, 0xffffffff, 300);
	assert_int_equal(get(LAPIC_DIVIDE, 300), 0xb);
}

/*
 * SDM 10.5.4.1: a change between the modes stops it, either way; in this one writes of
 * the initial count are ignored, which reads as before.
 */
static void test_deadline(void **state)
{
	(void)state;
	set(LAPIC_INITIAL_COUNT, 100, 0);
	set(LAPIC_LVT_TIMER, VECTOR | LAPIC_LVT_DEADLINE, 0);
	assert_int_equal(vtimer_update(&timer, 1000), 0);
	set(LAPIC_INITIAL_COUNT, 7, 1000);
	assert_int_equal(get(LAPIC_INITIAL_COUNT, 1000), 100);
	assert_int_equal(vtimer_update(&timer, 2000), 0);
	timer.due = 2500;
	set(LAPIC_INITIAL_COUNT, 0, 2100);
	assert_int_equal(get(LAPIC_INITIAL_COUNT, 2100), 100);
	assert_int_equal(get(LAPIC_CURRENT_COUNT, 2400), 0);
	assert_int_equal(vtimer_update(&timer, 2499), 0);
	assert_int_equal(vtimer_update(&timer, 2500), VECTOR);
	assert_int_equal(vtimer_update(&timer, 9000), 0);
	timer.due = 3000;
	set(LAPIC_LVT_TIMER, VECTOR, 2600);
	assert_int_equal(vtimer_update(&timer, 4000), 0);
}

static void set_deadline(u64 deadline, u64 offset, u64 now)
{
	vtimer_set_deadline(&timer, deadline, offset, now);
}

static void test_deadline_register(void **state)
{
	(void)state;
	/* Of another mode: nothing is written, and 0 read. */
	set_deadline(500, 0, 100);
	assert_int_equal(vtimer_deadline(&timer, 0), 0);
	assert_int_equal(vtimer_update(&timer, 1000), 0);
	set(LAPIC_LVT_TIMER, VECTOR | LAPIC_LVT_DEADLINE, 0);
	set_deadline(500, 0, 100);
	assert_int_equal(vtimer_deadline(&timer, 0), 500);
	assert_int_equal(vtimer_update(&timer, 499), 0);
	assert_int_equal(vtimer_update(&timer, 500), VECTOR);
	assert_int_equal(vtimer_deadline(&timer, 0), 0);
	/* One that has passed is due at once; one of 0 is none. */
	set_deadline(500, 0, 600);
	assert_int_equal(vtimer_update(&timer, 600), VECTOR);
	set_deadline(900, 0, 600);
	set_deadline(0, 0, 700);
	assert_int_equal(vtimer_update(&timer, 5000), 0);
	/* Masked, it passes unseen. */
	set(LAPIC_LVT_TIMER,
	    VECTOR | LAPIC_LVT_DEADLINE | (u32)LAPIC_LVT_MASKED, 0);
	set_deadline(900, 0, 600);
	assert_int_equal(vtimer_update(&timer, 900), 0);
	assert_int_equal(vtimer_deadline(&timer, 0), 0);
}

/* The guest's TSC is ahead, or behind; either may have run over where ours has not. */
static void test_deadline_by_its_tsc(void **state)
{
	static const u64 offsets[] = { 1ull << 40, -(1ull << 40), 5, -1ull };
	const u64 now = 1ull << 20;

	(void)state;
	set(LAPIC_LVT_TIMER, VECTOR | LAPIC_LVT_DEADLINE, 0);
	for (u32 i = 0; i < ARRAY_LEN(offsets); i++) {
		u64 guest = now + offsets[i];

		set_deadline(guest + 100, offsets[i], now);
		assert_int_equal(vtimer_deadline(&timer, offsets[i]),
		                 guest + 100);
		assert_int_equal(vtimer_update(&timer, now + 99), 0);
		assert_int_equal(vtimer_update(&timer, now + 100), VECTOR);
		/* It has been, or is far away. */
		set_deadline(1, offsets[i], now);
		assert_int_equal(vtimer_update(&timer, now), VECTOR);
		set_deadline(~0ull, offsets[i], now);
		assert_int_equal(vtimer_update(&timer, 1ull << 39), 0);
	}
}

static void test_deadline_moves_with_it(void **state)
{
	(void)state;
	set(LAPIC_LVT_TIMER, VECTOR | LAPIC_LVT_DEADLINE, 0);
	set_deadline(10000, 0, 1000);
	vtimer_move(&timer, 0, 3000, 1000);
	assert_int_equal(vtimer_deadline(&timer, 3000), 10000);
	assert_int_equal(vtimer_update(&timer, 6999), 0);
	/* The TSC is written with more than it: its time has come. */
	vtimer_move(&timer, 3000, 9500, 2000);
	assert_int_equal(vtimer_update(&timer, 2000), VECTOR);
	/* None stays none, and a count knows nothing of it. */
	vtimer_move(&timer, 9500, 0, 2000);
	assert_int_equal(vtimer_update(&timer, 1ull << 60), 0);
	set(LAPIC_LVT_TIMER, VECTOR, 2000);
	set(LAPIC_INITIAL_COUNT, 100, 2000);
	vtimer_move(&timer, 0, 9500, 2000);
	assert_int_equal(get(LAPIC_CURRENT_COUNT, 2100), 50);
}

static void test_processor_without_deadlines(void **state)
{
	(void)state;
	timer.has_deadline = false;
	set(LAPIC_LVT_TIMER, VECTOR | LAPIC_LVT_DEADLINE, 0);
	assert_int_equal(get(LAPIC_LVT_TIMER, 0), VECTOR);
	set_deadline(500, 0, 100);
	assert_int_equal(vtimer_update(&timer, 1000), 0);
}

static void test_reset(void **state)
{
	(void)state;
	set(LAPIC_LVT_TIMER, VECTOR | LAPIC_LVT_PERIODIC, 0);
	set(LAPIC_INITIAL_COUNT, 100, 0);
	vtimer_reset(&timer);
	assert_int_equal(vtimer_update(&timer, 1000), 0);
	assert_int_equal(get(LAPIC_LVT_TIMER, 0), LAPIC_LVT_MASKED);
	assert_int_equal(get(LAPIC_INITIAL_COUNT, 0), 0);
	assert_int_equal(get(LAPIC_DIVIDE, 0), 0);
	/* How fast it counts is the processor's. */
	assert_int_equal(timer.rate, 1ull << 31);
}

static bool takes(u32 offset, u64 value)
{
	return vtimer_takes(&timer, offset, value);
}

static void test_reserved_bits(void **state)
{
	(void)state;
	assert_true(takes(LAPIC_LVT_TIMER, 0x710ff));
	assert_false(takes(LAPIC_LVT_TIMER, 0x80040));
	assert_false(takes(LAPIC_LVT_TIMER, 0x440));
	assert_false(takes(LAPIC_LVT_TIMER, BIT(32)));
	timer.has_deadline = false;
	assert_false(takes(LAPIC_LVT_TIMER, LAPIC_LVT_DEADLINE | VECTOR));
	assert_true(takes(LAPIC_LVT_TIMER, LAPIC_LVT_PERIODIC | VECTOR));
	assert_true(takes(LAPIC_INITIAL_COUNT, 0xffffffff));
	assert_false(takes(LAPIC_INITIAL_COUNT, BIT(32)));
	assert_true(takes(LAPIC_DIVIDE, 0xb));
	assert_false(takes(LAPIC_DIVIDE, 4));
	assert_false(takes(LAPIC_CURRENT_COUNT, 0));
}

static void test_registers(void **state)
{
	(void)state;
	assert_true(vtimer_has(LAPIC_LVT_TIMER));
	assert_true(vtimer_has(LAPIC_CURRENT_COUNT));
	assert_true(vtimer_has(LAPIC_INITIAL_COUNT));
	assert_true(vtimer_has(LAPIC_DIVIDE));
	assert_false(vtimer_has(LAPIC_LVT_THERMAL));
	assert_false(vtimer_has(LAPIC_EOI));
	/* Bits that are none, and a register that is not written. */
	set(LAPIC_LVT_TIMER, 0xffffffff, 0);
	assert_int_equal(get(LAPIC_LVT_TIMER, 0), 0x700ff);
	set(LAPIC_LVT_TIMER, VECTOR, 0);
	set(LAPIC_CURRENT_COUNT, 7, 0);
	assert_int_equal(get(LAPIC_CURRENT_COUNT, 0), 0);
}

#define CASE(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_divisors),
		CASE(test_conversions),
		CASE(test_one_shot),
		CASE(test_periodic),
		CASE(test_masked),
		CASE(test_divide_goes_on),
		CASE(test_deadline),
		CASE(test_registers),
		CASE(test_deadline_register),
		CASE(test_deadline_by_its_tsc),
		CASE(test_deadline_moves_with_it),
		CASE(test_processor_without_deadlines),
		CASE(test_reset),
		CASE(test_reserved_bits),
		CASE(test_count_at_its_beginning),
		CASE(test_divide_at_the_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
