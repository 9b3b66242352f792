/*
 * hv/interrupt/stimer.c: the states that a timer can be in, and their way through a stream.
 */
#include "hv/interrupt/lapic.h"
#include "hv/interrupt/stimer.h"
#include "hv/run/msr.h"
#include "hv/run/vp_run.h"
#include "tests/host/fixture/stimer.h"
#include "tests/host/fixture/test.h"

#define SINT TIMED_SINT
#define VECTOR TIMED_VECTOR
#define DIRECT_VECTOR TIMED_DIRECT_VECTOR
#define ENABLE HV_STIMER_ENABLE
#define PERIODIC HV_STIMER_PERIODIC
#define TO_SINT TIMED_TO_SINT
#define DIRECT TIMED_DIRECT

static void test_states_that_no_timer_has(void **state)
{
	static const struct {
		struct stimer t;
		bool valid;
	} rows[] = {
		{ { 0, 0, 0, 0 }, true },
		{ { 0, 5, 0, 0 }, true },
		{ { TO_SINT | ENABLE, 5, 5, 0 }, true },
		{ { TO_SINT, 5, 0, 5 }, true },
		{ { TO_SINT | ENABLE | PERIODIC, 5, 10, 5 }, true },
		{ { TO_SINT | ENABLE, 0, 0, 0 }, true },
		{ { DIRECT | ENABLE, 5, 5, 0 }, true },
		{ { DIRECT, 5, 0, 5 }, true },
		{ { TO_SINT | ENABLE, 5, 0, 0 }, false },
		{ { TO_SINT | ENABLE, 0, 5, 0 }, false },
		{ { TO_SINT, 5, 5, 0 }, false },
		{ { ENABLE, 5, 5, 0 }, false },
		{ { 0, 5, 0, 5 }, false },
		{ { BIT(20) | TO_SINT, 5, 0, 0 }, false },
		{ { HV_STIMER_DIRECT | 15 << 4, 5, 0, 0 }, false },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(stimer_valid(&rows[i].t), rows[i].valid);
}

static u64 random_count(u64 *seed)
{
	switch (fake_random(seed) % 6) {
	case 0:
		return 0;
	case 1:
		return timed_now() + fake_random(seed) % 200;
	case 2:
		return fake_random(seed);
	case 3:
		return ~0ull - fake_random(seed) % 1000;
	default:
		return fake_random(seed) % 300;
	}
}

static u64 random_config(u64 *seed)
{
	u64 config = fake_random(seed) & HV_STIMER_ALLOWED;

	/* Mostly to where something can come. */
	if (fake_random(seed) % 2)
		config = (config & 0xfff) | TO_SINT;
	return fake_random(seed) % 16 ? config : fake_random(seed);
}

/* ---- Over save and restore ---- */

/* Away for any time: for the guest it is none. */
static void round_trip(u64 away)
{
	timed_id = guest_move(timed_id, 60, away);
	timed = guest_partition(timed_id)->vps[0];
	assert_ok(guest_set(timed_id, 0, HV_REGISTER_EXPLICIT_SUSPEND, 0));
}

/* Armed, expired, waiting, in its slot: each message once, in its turn. */
static void test_periodic_over_rounds(void **state)
{
	u64 seed = 12, begin, n = 0;
	struct hv_timer_message m;

	(void)state;
	timed_make();
	begin = timed_now();
	timed_start(0, TO_SINT | PERIODIC, 100);
	for (u32 i = 0; i < 1000; i++) {
		timed_pass(fake_random(&seed) % 150);
		if (fake_random(&seed) % 2)
			vp_update(timed);
		if (fake_random(&seed) % 2 && timed_take(&m))
			assert_int_equal(m.expiration_time, begin + 100 * ++n);
		round_trip(fake_random(&seed) % 100000);
	}
	for (vp_update(timed); timed_take(&m); vp_update(timed))
		assert_int_equal(m.expiration_time, begin + 100 * ++n);
	assert_int_equal(n, (timed_now() - begin) / 100);
	assert_true(n > 400);
}

static void test_direct_over_rounds(void **state)
{
	u64 seed = 13, begin, n = 0;

	(void)state;
	timed_make();
	begin = timed_now();
	timed_start(1, DIRECT | PERIODIC, 100);
	for (u32 i = 0; i < 500; i++) {
		timed_pass(fake_random(&seed) % 150);
		if (fake_random(&seed) % 2)
			vp_update(timed);
		if (fake_random(&seed) % 2 && timed_irr(DIRECT_VECTOR)) {
			timed_take_interrupt(DIRECT_VECTOR);
			n++;
		}
		round_trip(fake_random(&seed) % 100000);
	}
	for (vp_update(timed); timed_irr(DIRECT_VECTOR); vp_update(timed), n++)
		timed_take_interrupt(DIRECT_VECTOR);
	assert_int_equal(n, (timed_now() - begin) / 100);
	assert_true(n > 200);
}

/* ---- A walk ---- */

static void one_step(u64 *seed)
{
	u32 timer = fake_random(seed) % HV_STIMERS;
	struct hv_timer_message m;
	u8 vector;

	switch (fake_random(seed) % 8) {
	case 0:
		vp_msr_write(timed, timed_config(timer), random_config(seed));
		break;
	case 1:
		timed_put(timed_config(timer) + 1, random_count(seed));
		break;
	case 2:
		timed_put(HV_MSR_SINT0 + fake_random(seed) % 16,
		          VECTOR | (fake_random(seed) & HV_SINT_MASKED));
		break;
	case 3:
		timed_put(HV_MSR_SCONTROL, fake_random(seed) % 4 != 0);
		break;
	case 4:
		timed_take(&m);
		break;
	case 5:
		vector = lapic_pending(timed);
		if (vector) {
			lapic_accept(timed, vector);
			lapic_eoi(timed);
		}
		break;
	default:
		timed_pass(fake_random(seed) % 200);
		vp_update(timed);
	}
}

static void round_trip_is_exact(void)
{
	struct stimer timers[HV_STIMERS];
	struct synic synic = timed->synic;
	u64 time = timed_now();

	memcpy(timers, timed->stimer, sizeof(timers));
	round_trip(12345);
	assert_int_equal(timed_now(), time);
	assert_memory_equal(timers, timed->stimer, sizeof(timers));
	assert_memory_equal(synic.sint, timed->synic.sint, sizeof(synic.sint));
	assert_int_equal(synic.scontrol, timed->synic.scontrol);
}

/* Every state that a guest can bring about is one that a stream may carry. */
static void test_every_reachable_state_is_valid(void **state)
{
	u64 seed = 42;
	u32 expired = 0, due = 0;

	(void)state;
	timed_make();
	for (u32 i = 0; i < 200000; i++) {
		one_step(&seed);
		if (i % 500 == 0)
			round_trip_is_exact();
		for (u32 k = 0; k < HV_STIMERS; k++) {
			const struct stimer *t = &timed->stimer[k];

			assert_true(stimer_valid(t));
			expired += t->expired != 0;
			due += t->due != 0;
		}
	}
	assert_true(expired > 10000 && due > 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_states_that_no_timer_has),
		TEST(test_periodic_over_rounds),
		TEST(test_direct_over_rounds),
		TEST(test_every_reachable_state_is_valid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
