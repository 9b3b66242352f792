/*
 * hv/vp/vp.c: time on a processor, and the TSC that a partition's VPs share.
 */
#include "hv/run/msr.h"
#include "hv/run/sched.h"
#include "tests/host/fixture/test.h"

#define TICKS 200ull /* of the fake's 2 GHz, in a unit of 100 ns */

static const u64 frequencies[] = { 2000000000, 2394230011, 10000000,
	                           10000001,   999999937,  5000000000 };

static u64 id;
static struct partition *p;

static void make(u32 vps, u64 suspended)
{
	id = guest_child(60 + 12 * vps, vps);
	p = guest_partition(id);
	for (u32 i = 0; i < vps; i++) {
		p->vps[i]->state.activity = 0;
		assert_ok(guest_set(id, i, HV_REGISTER_EXPLICIT_SUSPEND,
		                    suspended));
	}
}

/* The scheduler chooses, and that one executes. */
static struct vp *next(enum sched_event event)
{
	fake.cpu.current = sched_next(&fake.cpu, event).vp;
	return fake.cpu.current;
}

static void test_each_has_its_own_time(void **state)
{
	u64 ticks[3] = { 0, 0, 0 }, seed = 4, root;

	(void)state;
	make(3, 0);
	next(SCHED_SLICE_END);
	root = fake_root_vp()->runtime;
	for (u32 i = 0; i < 5000; i++) {
		struct vp *vp = fake.cpu.current;
		u64 by = fake_random(&seed) % 1000000;
		u64 before = vp_runtime(vp);

		fake.tsc += by;
		assert_in_range(vp_runtime(vp) - before, by / TICKS,
		                by / TICKS + 1);
		if (vp->is_root)
			root += by;
		else
			ticks[vp->index] += by;
		next(fake_random(&seed) % 2 ? SCHED_SLICE_END : SCHED_GO_ON);
	}
	for (u32 i = 0; i < 3; i++) {
		assert_int_equal(vp_runtime(p->vps[i]), ticks[i] / TICKS);
		assert_int_equal(guest_get64(id, i, HV_REGISTER_VP_RUNTIME),
		                 ticks[i] / TICKS);
		assert_true(ticks[i] > 100000000);
	}
	assert_int_equal(vp_runtime(fake_root_vp()), root / TICKS);
}

/* Others run, it is suspended, or the root has it all: that is not its time. */
static void test_waiting_is_no_time(void **state)
{
	u64 value;

	(void)state;
	make(1, 1);
	fake.tsc += 1000000;
	next(SCHED_SLICE_END);
	fake.tsc += 1000000;
	assert_int_equal(vp_runtime(p->vps[0]), 0);
	assert_ok(guest_set(id, 0, HV_REGISTER_EXPLICIT_SUSPEND, 0));
	assert_ptr_equal(next(SCHED_SLICE_END), p->vps[0]);
	fake.tsc += 70 * TICKS;
	assert_int_equal(vp_msr_read(p->vps[0], HV_MSR_VP_RUNTIME, &value),
	                 MSR_OK);
	assert_int_equal(value, 70);
	assert_true(next(SCHED_INTERRUPT)->is_root);
	fake.tsc += 1000000;
	assert_int_equal(vp_msr_read(p->vps[0], HV_MSR_VP_RUNTIME, &value),
	                 MSR_OK);
	assert_int_equal(value, 70);
	assert_int_equal(vp_msr_write(p->vps[0], HV_MSR_VP_RUNTIME, 5),
	                 MSR_FAULT);
	assert_int_equal(guest_set(id, 0, HV_REGISTER_VP_RUNTIME, 70),
	                 HV_STATUS_INVALID_PARAMETER);
	p->privileges &= ~HV_PRIVILEGE_ACCESS_VP_RUN_TIME_MSR;
	assert_int_equal(vp_msr_read(p->vps[0], HV_MSR_VP_RUNTIME, &value),
	                 MSR_UNKNOWN);
}

/* What was put back is read, at any frequency, and goes on from there. */
static void test_runtime_is_put_back(void **state)
{
	u64 seed = 6;

	(void)state;
	make(1, 1);
	for (u32 i = 0; i < ARRAY_LEN(frequencies); i++) {
		fake.facts.tsc_hz = frequencies[i];
		for (u32 k = 0; k < 3000; k++) {
			u64 units = fake_random(&seed) >>
			            (10 + fake_random(&seed) % 54);

			vp_set_runtime(p->vps[0], units);
			assert_int_equal(vp_runtime(p->vps[0]), units);
		}
	}
	/* Of a VP that has the processor, from this moment on. */
	fake.facts.tsc_hz = frequencies[0];
	fake.cpu.current = p->vps[0];
	fake.tsc += 12345678;
	vp_set_runtime(p->vps[0], 1000);
	assert_int_equal(vp_runtime(p->vps[0]), 1000);
	fake.tsc += 7 * TICKS;
	assert_int_equal(vp_runtime(p->vps[0]), 1007);
	fake.cpu.current = fake.cpu.root;
}

static void test_runtime_over_a_round(void **state)
{
	struct guest_stream s = { .data = NULL };

	(void)state;
	make(1, 1);
	fake.facts.tsc_hz = 2394230011;
	fake.facts.compat.tsc_hz = 2394230011;
	vp_set_runtime(p->vps[0], 123456789);
	guest_save_whole(id, &s);
	guest_destroy(id);
	fake.tsc += 1ull << 40;
	make(1, 1);
	guest_restore_whole(id, &s, 4080);
	assert_int_equal(vp_runtime(p->vps[0]), 123456789);
	guest_stream_free(&s);
}

/* ---- The TSC ---- */

static u64 tsc(u32 vp)
{
	return guest_get64(id, vp, HV_REGISTER_TSC);
}

static void test_new_vp_joins_the_tsc(void **state)
{
	(void)state;
	make(1, 1);
	assert_int_equal(tsc(0), 0);
	fake.tsc += 777;
	assert_ok(guest_create_vp(id, 1));
	assert_int_equal(tsc(1), 777);
	assert_ok(guest_set(id, 0, HV_REGISTER_TSC, 1ull << 50));
	assert_ok(guest_set(id, 1, HV_REGISTER_TSC, 1ull << 50));
	fake.tsc += 5;
	assert_ok(guest_create_vp(id, 63));
	assert_int_equal(tsc(63), (1ull << 50) + 5);
	assert_ok(guest_delete_vp(id, 0));
	assert_ok(guest_delete_vp(id, 63));
	fake.tsc += 5;
	assert_ok(guest_create_vp(id, 0));
	assert_int_equal(tsc(0), (1ull << 50) + 10);
	/* With the last one its time has gone. */
	assert_ok(guest_delete_vp(id, 0));
	assert_ok(guest_delete_vp(id, 1));
	assert_ok(guest_create_vp(id, 1));
	assert_int_equal(tsc(1), 0);
}

/* A new VP does not disturb what the hardware has of another. */
static void test_join_one_that_runs(void **state)
{
	(void)state;
	make(1, 0);
	assert_ok(guest_set(id, 0, HV_REGISTER_TSC, 1000));
	fake_enter(p->vps[0])->rip = 0x77;
	fake_exit(p->vps[0]);
	assert_ok(guest_create_vp(id, 1));
	assert_int_equal(tsc(1), 1000);
	assert_int_equal(vp_state_read(p->vps[0])->rip, 0x77);
}

static void test_frequency_msrs(void **state)
{
	static const u32 msrs[] = { HV_MSR_TSC_FREQUENCY,
		                    HV_MSR_APIC_FREQUENCY };
	u64 value;

	(void)state;
	make(1, 1);
	fake.facts.tsc_hz = 2394230011;
	for (u32 i = 0; i < ARRAY_LEN(msrs); i++) {
		struct vp *vp = p->vps[0];

		assert_int_equal(vp_msr_read(vp, msrs[i], &value), MSR_OK);
		assert_int_equal(value, 2394230011);
		assert_int_equal(vp_msr_write(vp, msrs[i], value), MSR_FAULT);
		p->privileges &= ~HV_PRIVILEGE_ACCESS_FREQUENCY_MSRS;
		assert_int_equal(vp_msr_read(p->vps[0], msrs[i], &value),
		                 MSR_UNKNOWN);
		p->privileges |= HV_PRIVILEGE_ACCESS_FREQUENCY_MSRS;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_each_has_its_own_time),
		TEST(test_waiting_is_no_time),
		TEST(test_runtime_is_put_back),
		TEST(test_runtime_over_a_round),
		TEST(test_new_vp_joins_the_tsc),
		TEST(test_join_one_that_runs),
		TEST(test_frequency_msrs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
