/*
 * A child whose TSC is scaled keeps its frequency, its time and its timers, wherever
 * it goes.
 */
#include "hv/base/tsc.h"
#include "hv/interrupt/lapic.h"
#include "hv/run/cpuid.h"
#include "hv/run/msr.h"
#include "hv/stream/compat.h"
#include "hv/vp/reference.h"
#include "include/x86.h"
#include "tests/host/fixture/apic_timer.h"
#include "tests/host/fixture/clock.h"
#include "tests/host/fixture/test.h"

typedef unsigned __int128 u128;

#define UNITS CLOCK_UNITS
#define GPN 0x300ull
#define MHZ 1000000ull
#define TSC_VALUE 0x123456789abcull

/* ---- Children ---- */

static u64 id;
static struct partition *p;

static void machine(u64 hz, bool scales)
{
	fake.facts.tsc_hz = fake.facts.compat.tsc_hz = hz;
	fake.facts.has_tsc_scaling = scales;
}

static void make(u32 vps)
{
	p = clock_make(&id, vps);
}

static void suspend(u64 value)
{
	for (u32 i = 0; i < PARTITION_VPS; i++)
		if (p->vps[i])
			assert_ok(guest_set(id, i, HV_REGISTER_EXPLICIT_SUSPEND,
			                    value));
}

/* What RDTSC gives: as the processor makes it of multiplier and offset. */
static u64 rdtsc(u32 vp)
{
	u64 ratio = p->clock.ratio ? p->clock.ratio : TSC_RATIO_ONE;

	return (u64)((u128)fake.tsc * ratio >> 48) +
	       p->vps[vp]->state.tsc_offset;
}

static struct guest_stream take(void)
{
	struct guest_stream s = { .data = NULL };
	u32 result;

	suspend(1);
	assert_ok(guest_save(id, 0, &s, &result));
	assert_int_equal(result, HV_STATE_COMPLETE);
	guest_destroy(id);
	return s;
}

static u32 put(struct guest_stream *s, u32 vps)
{
	u32 result;

	make(vps);
	assert_ok(guest_restore(id, 0, s, 4080, &result));
	return result;
}

/* Two VPs of the 2 GHz machine, whose TSCs are one. */
static struct guest_stream of_two_ghz(void)
{
	machine(2000 * MHZ, false);
	make(2);
	for (u32 i = 0; i < 2; i++)
		assert_ok(guest_set(id, i, HV_REGISTER_TSC, TSC_VALUE));
	return take();
}

static void assert_frequency(u64 hz)
{
	u64 value;
	u32 r[4];

	assert_int_equal(tsc_hz(&p->clock), hz);
	for (u32 msr = HV_MSR_TSC_FREQUENCY; msr <= HV_MSR_APIC_FREQUENCY;
	     msr++) {
		assert_int_equal(vp_msr_read(p->vps[0], msr, &value), MSR_OK);
		assert_int_equal(value, hz);
	}
	cpuid_answer(p->vps[0], 0x15, 0, r);
	assert_int_equal(r[ECX], hz >> 32 ? 0 : hz);
	cpuid_answer(p->vps[0], 0x16, 0, r);
	assert_int_equal(r[0], hz >> 32 ? hz / MHZ : 0);
}

/* It goes on from where it was, at its own frequency. */
static void test_frequency_stays_its_own(void **state)
{
	static const u64 hz[] = { 3000 * MHZ, 1000 * MHZ, 2394230011,
		                  2002 * MHZ, 50 * MHZ,   5200000123 };
	struct guest_stream s = of_two_ghz();

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(hz); i++) {
		machine(hz[i], true);
		fake.tsc += BIT(40);
		assert_int_equal(put(&s, 2), HV_STATE_COMPLETE);
		assert_frequency(2000 * MHZ);
		assert_int_equal(p->clock.ratio, tsc_ratio(2000 * MHZ, hz[i]));
		for (u32 vp = 0; vp < 2; vp++) {
			assert_int_equal(rdtsc(vp), TSC_VALUE);
			assert_int_equal(guest_get64(id, vp, HV_REGISTER_TSC),
			                 TSC_VALUE);
		}
		/* A second of this machine is one of the other's. */
		fake.tsc += hz[i];
		assert_in_range(rdtsc(1), TSC_VALUE + 2000 * MHZ - 1,
		                TSC_VALUE + 2000 * MHZ + 1);
		/* A day is: half of 2^-48 for each of its ticks. */
		fake.tsc += 86399 * hz[i];
		assert_in_range(rdtsc(0), TSC_VALUE + 86400 * 2000 * MHZ - 2,
		                TSC_VALUE + 86400 * 2000 * MHZ + 2);
		assert_int_equal(guest_get64(id, 1, HV_REGISTER_TSC), rdtsc(1));
		/* And one of its parent's making. */
		assert_ok(guest_set(id, 0, HV_REGISTER_TSC, 77));
		assert_int_equal(rdtsc(0), 77);
		fake.tsc += hz[i] / 1000;
		assert_in_range(rdtsc(0), 77 + 2 * MHZ - 1, 77 + 2 * MHZ + 1);
		guest_destroy(id);
	}
	guest_stream_free(&s);
}

/* Who is told nothing new is left alone, as on a machine that cannot. */
static void test_same_frequency_is_not_scaled(void **state)
{
	static const u64 hz[] = { 2000 * MHZ, 2001 * MHZ, 1999500000 };
	struct guest_stream s = of_two_ghz();

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(hz); i++) {
		machine(hz[i], true);
		assert_int_equal(put(&s, 2), HV_STATE_COMPLETE);
		assert_int_equal(p->clock.ratio | p->clock.hz, 0);
		assert_frequency(hz[i]);
		assert_int_equal(rdtsc(0), TSC_VALUE);
		guest_destroy(id);
	}
	guest_stream_free(&s);
}

static void test_what_cannot_be_scaled(void **state)
{
	struct guest_stream s = of_two_ghz();
	struct stream_compat saved = fake.facts.compat;
	struct compat_walk walk = { 0 };
	u32 result;

	(void)state;
	machine(3000 * MHZ, false);
	assert_int_equal(put(&s, 2), HV_STATE_HARDWARE_FEATURE_MISMATCH);
	assert_int_equal(p->clock.ratio | p->clock.hz, 0);
	guest_destroy(id);
	/* 65536 times as fast as this one. */
	machine(2000 * MHZ / 65536 - 1, true);
	assert_int_equal(put(&s, 2), HV_STATE_HARDWARE_FEATURE_MISMATCH);
	guest_destroy(id);
	machine(2000 * MHZ / 65536 + 1, true);
	assert_ok(guest_restore(0, GUEST_SUMMARY, &s, 4080, &result));
	assert_int_equal(result, HV_STATE_RESTORABLE);
	/* A stream can say anything. */
	machine(3000 * MHZ, true);
	saved.tsc_hz = TSC_HZ_LIMIT;
	assert_true(compat_check(&saved, &walk));
	assert_int_equal(walk.first, HV_STATE_HARDWARE_FEATURE_MISMATCH);
	guest_stream_free(&s);
}

static void machine_of_svm(u64 hz)
{
	machine(hz, true);
	fake.facts.tsc_ratio_less_behind = 16;
	fake.facts.tsc_ratio_less_before = 8;
}

/* What RDTSC gives there (APM volume 2, 15.30.5): the MSR has 32 bits behind the point. */
static u64 svm_rdtsc(u32 vp)
{
	u64 msr = p->clock.ratio >> 16;

	return (u64)((u128)fake.tsc * msr >> 32) + p->vps[vp]->state.tsc_offset;
}

/* To the last bit, after however long: else a timer would be early, or saved time jump. */
static void test_shorter_ratio_is_the_processors(void **state)
{
	static const u64 hz[] = { 3000 * MHZ, 1000 * MHZ, 2394230011,
		                  50 * MHZ };
	struct guest_stream s = of_two_ghz();

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(hz); i++) {
		machine_of_svm(hz[i]);
		assert_int_equal(put(&s, 2), HV_STATE_COMPLETE);
		assert_frequency(2000 * MHZ);
		assert_int_equal(svm_rdtsc(0), TSC_VALUE);
		fake.tsc += 86400 * hz[i] + 1;
		assert_int_equal(guest_get64(id, 1, HV_REGISTER_TSC),
		                 svm_rdtsc(1));
		/* A part in 2^33 of the ratio, which is more the slower the child is. */
		assert_in_range(svm_rdtsc(0),
		                TSC_VALUE + 86400 * 2000 * MHZ - 100000,
		                TSC_VALUE + 86400 * 2000 * MHZ + 100000);
		guest_destroy(id);
	}
	machine_of_svm(2000 * MHZ / 256 - 1);
	assert_int_equal(put(&s, 2), HV_STATE_HARDWARE_FEATURE_MISMATCH);
	guest_destroy(id);
	machine_of_svm(2000 * MHZ / 256 + 1);
	assert_int_equal(put(&s, 2), HV_STATE_COMPLETE);
	guest_stream_free(&s);
}

/* From 2 GHz over 3 and 1 back to 2, each time it says of itself what it is. */
static void test_saved_again(void **state)
{
	static const u64 hz[] = { 3000 * MHZ, 1000 * MHZ, 2000 * MHZ };
	struct guest_stream s = of_two_ghz(), t;
	u64 tsc = TSC_VALUE;

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(hz); i++) {
		machine(hz[i], true);
		fake.tsc += BIT(44);
		assert_int_equal(put(&s, 2), HV_STATE_COMPLETE);
		assert_int_equal(rdtsc(0), tsc);
		assert_int_equal(p->clock.ratio != 0, hz[i] != 2000 * MHZ);
		suspend(0);
		fake.tsc += 17 * hz[i] + 12345;
		tsc = rdtsc(0);
		t = take();
		guest_stream_free(&s);
		s = t;
	}
	/* 12345 ticks of each machine, and 51 seconds. */
	assert_in_range(tsc - TSC_VALUE,
	                51 * 2000 * MHZ + 12345 * 2 / 3 + 24690 + 12345 - 3,
	                51 * 2000 * MHZ + 12345 * 2 / 3 + 24690 + 12345 + 3);
	machine(2000 * MHZ, false);
	assert_int_equal(put(&s, 2), HV_STATE_COMPLETE);
	assert_frequency(2000 * MHZ);
	assert_int_equal(rdtsc(1), tsc);
	guest_stream_free(&s);
}

/* The second restore of a partition is not of the first one's frequency. */
static void test_restored_over_a_scaled_one(void **state)
{
	struct guest_stream s = of_two_ghz(), fast;
	u32 result;

	(void)state;
	machine(3000 * MHZ, true);
	make(2);
	fast = take();
	assert_int_equal(put(&s, 2), HV_STATE_COMPLETE);
	assert_frequency(2000 * MHZ);
	assert_ok(guest_restore(id, 0, &fast, 4080, &result));
	assert_int_equal(result, HV_STATE_COMPLETE);
	assert_int_equal(p->clock.ratio, 0);
	assert_frequency(3000 * MHZ);
	guest_stream_free(&s);
	guest_stream_free(&fast);
}

/* New VPs have the clock of the others; the first one begins with 0. */
static void test_vps_made_later(void **state)
{
	struct guest_stream s = of_two_ghz();

	(void)state;
	machine(3000 * MHZ, true);
	assert_int_equal(put(&s, 2), HV_STATE_COMPLETE);
	fake.tsc += 999;
	assert_ok(guest_delete_vp(id, 1));
	assert_ok(guest_create_vp(id, 1));
	assert_int_equal(rdtsc(1), rdtsc(0));
	assert_ok(guest_delete_vp(id, 1));
	assert_ok(guest_delete_vp(id, 0));
	assert_ok(guest_create_vp(id, 0));
	assert_int_equal(rdtsc(0), 0);
	fake.tsc += 3000;
	assert_int_equal(guest_get64(id, 0, HV_REGISTER_TSC), rdtsc(0));
	assert_in_range(rdtsc(0), 1999, 2001);
	guest_stream_free(&s);
}

/* ---- Time ---- */

static const u64 machines[] = { 3000 * MHZ, 1000 * MHZ, 2394230011, 50 * MHZ,
	                        5200000123 };

static void make_scaled(u64 here, u32 vps)
{
	struct guest_stream s = of_two_ghz();

	machine(here, true);
	assert_int_equal(put(&s, vps), HV_STATE_COMPLETE);
	guest_stream_free(&s);
}

static u64 formula(void)
{
	const struct hv_reference_tsc_page *page = p->reference.page;

	return (u64)((u128)rdtsc(0) * page->scale >> 64) + page->offset;
}

static void test_reference_time(void **state)
{
	u64 seed = 5, before, start;

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(machines); i++) {
		make_scaled(machines[i], 2);
		suspend(0);
		assert_int_equal(vp_msr_write(p->vps[0], HV_MSR_REFERENCE_TSC,
		                              GPN << PAGE_SHIFT | 1),
		                 MSR_OK);
		assert_int_equal(p->reference.page->scale, 92233720368547758);
		before = reference_time(p);
		fake.tsc += 10 * machines[i];
		assert_in_range(reference_time(p) - before, 10 * UNITS - 1,
		                10 * UNITS + 1);
		/* What the guest reads is what the counter says, for years. */
		for (u32 k = 0; k < 2000; k++) {
			assert_int_not_equal(p->reference.page->sequence, 0);
			assert_in_range(formula() - reference_time(p) + 1, 0,
			                2);
			fake.tsc += fake_random(&seed) >>
			            (28 + fake_random(&seed) % 36);
		}
		fake.tsc += BIT(54);
		assert_in_range(formula() - reference_time(p) + 1, 0, 2);
		start = fake.tsc;
		for (u32 k = 0; k < 1000; k++) {
			u64 now = reference_time(p);
			u64 left = 1 + fake_random(&seed) % (100 * UNITS);
			u64 ticks = reference_ticks(p, now + left);

			fake.tsc = start + ticks;
			assert_true(reference_time(p) >= now + left);
			/* No more than a unit later than it has to be. */
			fake.tsc -= machines[i] / UNITS + 2 < ticks
			                    ? machines[i] / UNITS + 2
			                    : ticks;
			assert_true(reference_time(p) <= now + left);
			start += fake_random(&seed) % 100000;
			fake.tsc = start;
		}
		guest_destroy(id);
	}
}

#define VECTOR APIC_TIMER_VECTOR

static struct vp *timer_start(u64 here, u32 lvt)
{
	make_scaled(here, 2);
	apic_timer_begin(p->vps[0], lvt);
	return p->vps[0];
}

/* A deadline is of the child's own TSC, and is met when that says so. */
static void test_deadline(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(machines); i++) {
		struct vp *vp =
			timer_start(machines[i], VECTOR | APIC_TIMER_DEADLINE);
		u64 due = rdtsc(0) + 123457 + i, rest;

		assert_int_equal(vp_msr_write(vp, 0x6e0, due), MSR_OK);
		rest = lapic_timer_rest(vp);
		fake.tsc += rest - 1;
		assert_true(rdtsc(0) <= due);
		if (rdtsc(0) < due)
			assert_int_equal(guest_take_ticks(vp, VECTOR), 0);
		fake.tsc += 1;
		assert_true(rdtsc(0) >= due);
		assert_int_equal(lapic_timer_rest(vp), 0);
		assert_int_equal(guest_take_ticks(vp, VECTOR), 1);
		/* One that is never: no product turns over. */
		assert_int_equal(vp_msr_write(vp, 0x6e0, UINT64_MAX), MSR_OK);
		assert_true(lapic_timer_rest(vp) > BIT(50));
		guest_destroy(id);
	}
}

/* So many a second as it was promised, and one for the time it was held. */
static void test_periodic(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(machines); i++) {
		struct vp *vp =
			timer_start(machines[i], VECTOR | APIC_TIMER_PERIODIC);
		u32 n = 0;

		suspend(0);
		assert_true(lapic_write_msr(vp, APIC_TIMER_INITIAL, 2 * MHZ));
		for (u32 k = 0; k < 1000; k++) {
			fake.tsc += machines[i] / 1000;
			n += guest_take_ticks(vp, VECTOR);
		}
		assert_in_range(n, 999, 1001);
		/* A few ticks into the next one. */
		fake.tsc += lapic_timer_rest(vp) + 10;
		guest_take_ticks(vp, VECTOR);
		suspend(1);
		fake.tsc += machines[i];
		suspend(0);
		assert_int_equal(guest_take_ticks(vp, VECTOR), 1);
		assert_in_range(lapic_timer_rest(vp), 1, machines[i] / 1000);
		guest_destroy(id);
	}
}

/* The count is in the child's ticks, whatever the TSC is set to. */
static void test_count(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(machines); i++) {
		struct vp *vp = timer_start(machines[i], VECTOR);
		u64 value;

		assert_true(
			lapic_write_msr(vp, APIC_TIMER_INITIAL, 2000 * MHZ));
		fake.tsc += machines[i] / 2;
		assert_true(lapic_read_msr(vp, APIC_TIMER_CURRENT, &value));
		assert_in_range(value, 1000 * MHZ - 50, 1000 * MHZ + 50);
		assert_ok(guest_set(id, 0, HV_REGISTER_TSC, 5));
		assert_true(lapic_read_msr(vp, APIC_TIMER_CURRENT, &value));
		assert_in_range(value, 1000 * MHZ - 50, 1000 * MHZ + 50);
		assert_in_range(lapic_timer_rest(vp), machines[i] / 2 - 50,
		                machines[i] / 2 + 50);
		guest_destroy(id);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_frequency_stays_its_own),
		TEST(test_same_frequency_is_not_scaled),
		TEST(test_shorter_ratio_is_the_processors),
		TEST(test_what_cannot_be_scaled),
		TEST(test_saved_again),
		TEST(test_restored_over_a_scaled_one),
		TEST(test_vps_made_later),
		TEST(test_reference_time),
		TEST(test_deadline),
		TEST(test_periodic),
		TEST(test_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
