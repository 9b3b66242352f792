/*
 * arch/x86_64/svm/timer.c: the processor's timer in the hypervisor's hands, and the root's
 * own ticks out of them.
 */
#include "arch/x86_64/svm/timer.h"
#include "hv/vp/partition.h"
#include "tests/host/fake/apic.h"
#include "tests/host/fake/vendor.h"
#include "tests/host/fixture/test.h"

#define ROOT_VECTOR 0x40u
#define OWN_VECTOR 0xffu
#define TICKS 2u     /* of the TSC a count, as it is measured */
#define FIRST 10000u /* counts of the root's timer */

static u32 get(u32 offset)
{
	return apic_read(offset);
}

/* The root's timer runs as a one-shot that the firmware has set; divided by 1. */
static void begin(u32 lvt)
{
	fake_apic_reset(TICKS);
	apic_write(LAPIC_DIVIDE, LAPIC_DIVIDE_BY_1);
	apic_write(LAPIC_LVT_TIMER, lvt);
	apic_write(LAPIC_INITIAL_COUNT, FIRST);
	fake.tsc_step = 1;
	timer_begin();
	fake.tsc_step = 0;
}

static bool is_watched(void)
{
	return fake_vendor_exits(true, LAPIC_MSR(LAPIC_LVT_TIMER), true);
}

static void pass(u64 ticks)
{
	fake.tsc += ticks;
}

/* What the processor does when its own timer's interrupt is taken. */
static void take_own(void)
{
	apic_write(LAPIC_ISR + 7 * 16, 1u << 31);
	assert_true(timer_is_own(OWN_VECTOR));
	apic_write(LAPIC_ISR + 7 * 16, 0);
}

static void assert_near(u64 value, u64 wanted)
{
	assert_in_range(value, wanted - wanted / 100 - 2,
	                wanted + wanted / 100 + 2);
}

/* It is as it was, begun anew (SDM 10.5.4). */
static void test_measured_and_put_back(void **state)
{
	(void)state;
	begin(ROOT_VECTOR);
	assert_int_equal(get(LAPIC_LVT_TIMER), ROOT_VECTOR);
	assert_int_equal(get(LAPIC_INITIAL_COUNT), FIRST);
	assert_int_equal(get(LAPIC_DIVIDE), LAPIC_DIVIDE_BY_1);
	assert_false(timer_is_owned());
	/* Nobody asks for a time: it stays the root's. */
	timer_set(false, 0);
	assert_false(timer_is_owned());
	assert_false(is_watched());
}

static void test_a_run_ends(void **state)
{
	(void)state;
	begin(ROOT_VECTOR);
	timer_set(true, 4000);
	assert_true(timer_is_owned());
	assert_true(is_watched());
	assert_int_equal(get(LAPIC_LVT_TIMER), OWN_VECTOR);
	assert_near(get(LAPIC_INITIAL_COUNT), 4000 / TICKS);
	pass(4000);
	take_own();
	assert_int_equal(fake_apic.ends, 1);
	assert_int_equal(timer_expired(), SCHED_SLICE_END);
	assert_int_equal(fake.interrupts, 0);
	/* What comes next is the root's own tick. */
	assert_near(get(LAPIC_INITIAL_COUNT), FIRST - 4000 / TICKS);
	pass(FIRST * TICKS);
	take_own();
	assert_int_equal(timer_expired(), SCHED_GO_ON);
	assert_int_equal(fake.interrupts, 1);
	assert_int_equal(fake.interrupt_vector, ROOT_VECTOR);
}

static void test_the_roots_tick_comes_first(void **state)
{
	(void)state;
	begin(ROOT_VECTOR);
	timer_set(true, 10 * FIRST * TICKS);
	assert_near(get(LAPIC_INITIAL_COUNT), FIRST);
	pass(FIRST * TICKS + 200);
	take_own();
	assert_int_equal(timer_expired(), SCHED_GO_ON);
	assert_int_equal(fake.interrupts, 1);
	assert_near(get(LAPIC_INITIAL_COUNT), 9 * FIRST);
}

/* Over, and in IRR: raised a second time it would be one too many. */
static void test_a_one_shot_that_is_over(void **state)
{
	(void)state;
	for (u32 waits = 0; waits < 2; waits++) {
		begin(ROOT_VECTOR);
		fake.interrupts = 0;
		pass(FIRST * TICKS);
		apic_write(LAPIC_IRR + ROOT_VECTOR / 32 * 16,
		           waits << ROOT_VECTOR % 32);
		timer_set(true, 1000);
		/* Of our own, for what is over. */
		assert_int_equal(fake.interrupts, 1 - waits);
		fake.interrupts = 0;
		pass(1000);
		assert_int_equal(timer_expired(), SCHED_SLICE_END);
		assert_int_equal(fake.interrupts, 1 - waits);
	}
}

static void test_others_are_not_ours(void **state)
{
	(void)state;
	begin(ROOT_VECTOR);
	assert_false(timer_waits());
	apic_write(LAPIC_ISR + 7 * 16, 1u << 31);
	assert_false(timer_is_own(OWN_VECTOR));
	timer_set(true, 1000);
	assert_false(timer_is_own(ROOT_VECTOR));
	apic_write(LAPIC_ISR + 7 * 16, 0);
	assert_false(timer_is_own(OWN_VECTOR)); /* a spurious one */
	assert_int_equal(fake_apic.ends, 0);
	apic_write(LAPIC_IRR + 7 * 16, 1u << 31);
	assert_true(timer_waits());
}

static void test_given_back(void **state)
{
	(void)state;
	begin(ROOT_VECTOR | LAPIC_LVT_PERIODIC);
	timer_set(true, 1000);
	timer_end();
	assert_false(timer_is_owned());
	assert_int_equal(get(LAPIC_LVT_TIMER),
	                 ROOT_VECTOR | LAPIC_LVT_PERIODIC);
	assert_int_equal(get(LAPIC_INITIAL_COUNT), FIRST);
	/* And lost, where the APIC is reset. */
	timer_set(true, 1000);
	timer_lose();
	assert_false(timer_is_owned());
}

static void test_it_stays_the_roots(void **state)
{
	struct pool *pool = &fake_root()->pool;
	void *tables[2] = { NULL, NULL };

	(void)state;
	begin(ROOT_VECTOR);
	/* Of the two that hide its page. */
	for (u32 i = 0; pool->available; i++)
		tables[i % 2] = pool_alloc(pool);
	timer_set(true, 1000);
	assert_false(timer_is_owned());
	assert_int_equal(get(LAPIC_LVT_TIMER), ROOT_VECTOR);
	pool_free(pool, tables[0]);
	pool_free(pool, tables[1]);
	fake_apic.base &= ~LAPIC_BASE_ENABLE;
	timer_set(true, 1000);
	assert_false(timer_is_owned());
	fake_apic.base |= LAPIC_BASE_ENABLE;
	timer_set(true, 1000);
	assert_true(timer_is_owned());
}

/* As INIT leaves it, with all masked (SDM 10.4.7.3): children have their slices all the same. */
static void test_of_an_apic_that_is_off(void **state)
{
	(void)state;
	begin(ROOT_VECTOR);
	timer_lose();
	apic_write(LAPIC_LVT_TIMER, LAPIC_LVT_MASKED);
	apic_write(LAPIC_SVR, 0xff);
	timer_set(true, 1000);
	assert_true(timer_is_owned());
	assert_int_equal(get(LAPIC_SVR), 0xff | LAPIC_SVR_ENABLE);
	/* The root finds it as it left it, and can have it on. */
	assert_int_equal(vendor_apic_read(LAPIC_SVR), 0xff);
	assert_int_equal(vendor_apic_read(LAPIC_LVT_TIMER), LAPIC_LVT_MASKED);
	vendor_apic_write(LAPIC_LVT_TIMER, ROOT_VECTOR);
	assert_int_equal(vendor_apic_read(LAPIC_LVT_TIMER),
	                 ROOT_VECTOR | LAPIC_LVT_MASKED);
	vendor_apic_write(LAPIC_SVR, 0xff | LAPIC_SVR_ENABLE);
	vendor_apic_write(LAPIC_LVT_TIMER, ROOT_VECTOR);
	assert_int_equal(vendor_apic_read(LAPIC_LVT_TIMER), ROOT_VECTOR);
	/* One that was on is not taken for one that is off. */
	timer_lose();
	apic_write(LAPIC_LVT_TIMER, ROOT_VECTOR);
	timer_set(true, 1000);
	assert_int_equal(vendor_apic_read(LAPIC_SVR), 0xff | LAPIC_SVR_ENABLE);
}

/* The root writes and reads its registers, which are not the APIC's any more. */
static void test_the_roots_registers(void **state)
{
	(void)state;
	begin(ROOT_VECTOR | LAPIC_LVT_MASKED);
	timer_set(true, 1000);
	assert_true(timer_has(LAPIC_LVT_TIMER) && timer_has(LAPIC_DIVIDE));
	assert_false(timer_has(LAPIC_SVR));
	timer_write(LAPIC_LVT_TIMER, ROOT_VECTOR + 1);
	timer_write(LAPIC_INITIAL_COUNT, 200);
	assert_int_equal(timer_read(LAPIC_LVT_TIMER), ROOT_VECTOR + 1);
	assert_near(get(LAPIC_INITIAL_COUNT), 200);
	pass(100 * TICKS);
	assert_near(timer_read(LAPIC_CURRENT_COUNT), 100);
	assert_int_equal(fake.interrupts, 0);
	pass(110 * TICKS);
	assert_int_equal(timer_read(LAPIC_CURRENT_COUNT), 0);
	assert_int_equal(fake.interrupts, 1);
	assert_int_equal(fake.interrupt_vector, ROOT_VECTOR + 1);
	/* The processor's own register has never been written to. */
	assert_int_equal(get(LAPIC_LVT_TIMER), OWN_VECTOR);
}

/* A time that is over already, or beyond what the timer can count to. */
static void test_times_at_the_ends(void **state)
{
	(void)state;
	begin(ROOT_VECTOR | LAPIC_LVT_MASKED);
	timer_set(true, 1);
	assert_int_equal(get(LAPIC_INITIAL_COUNT), 1);
	assert_int_equal(fake.interrupts, 0);
	timer_set(true, 0);
	assert_int_equal(fake.interrupts, 1);
	assert_int_equal(fake.interrupt_vector, OWN_VECTOR);
	assert_true(timer_is_near());
	take_own();
	timer_expired();
	timer_write(LAPIC_INITIAL_COUNT, 0);
	/* One that comes too early is left to come, and looks again. */
	assert_near(get(LAPIC_INITIAL_COUNT), FIRST);
	take_own();
	assert_int_equal(timer_expired(), SCHED_GO_ON);
	timer_set(true, 1ull << 50);
	assert_int_equal(get(LAPIC_INITIAL_COUNT), 0xffffffff);
	assert_false(timer_is_near());
	take_own();
	assert_int_equal(timer_expired(), SCHED_GO_ON);
	timer_set(true, ~0ull);
	assert_false(timer_is_near());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_measured_and_put_back),
		TEST(test_a_run_ends),
		TEST(test_the_roots_tick_comes_first),
		TEST(test_a_one_shot_that_is_over),
		TEST(test_others_are_not_ours),
		TEST(test_given_back),
		TEST(test_it_stays_the_roots),
		TEST(test_the_roots_registers),
		TEST(test_times_at_the_ends),
		TEST(test_of_an_apic_that_is_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
