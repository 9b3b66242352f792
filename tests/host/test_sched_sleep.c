/*
 * hv/run/sched.c, hv/vp/ready.c, hv/vp/alarm.c: who sleeps, and what wakes it.
 */
#include "hv/interrupt/lapic.h"
#include "hv/interrupt/stimer.h"
#include "hv/interrupt/synic.h"
#include "hv/run/sched.h"
#include "hv/run/vp_life.h"
#include "hv/vp/partition.h"
#include "hv/vp/ready.h"
#include "include/x86_apic.h"
#include "tests/host/fixture/test.h"
#include "tests/host/oracle/sched.h"

#define SLICE SCHED_TEST_SLICE

static struct vp *vps[3];

static void fixed(struct vp *vp)
{
	struct lapic_message m = { .delivery = LAPIC_FIXED, .vector = 0x50 };

	lapic_deliver(vp, &m);
}

static void nmi(struct vp *vp)
{
	struct lapic_message m = { .delivery = LAPIC_DELIVER_NMI };

	lapic_deliver(vp, &m);
}

static void extint(struct vp *vp)
{
	struct lapic_message m = { .delivery = LAPIC_DELIVER_EXTINT,
		                   .vector = 0x51 };

	*vp_apic_register(vp, LAPIC_LVT_LINT0) = 0x700;
	lapic_deliver(vp, &m);
}

static void init(struct vp *vp)
{
	struct lapic_message m = { .delivery = LAPIC_DELIVER_INIT };

	lapic_deliver(vp, &m);
}

static void message(struct vp *vp)
{
	struct hv_message m = { .type = 1 };

	vp->synic.simp = vp->synic.scontrol = 1;
	vp->synic.sint[3] = 0x52;
	assert_ok(synic_post(vp, 3, &m));
}

static void event(struct vp *vp)
{
	vp->synic.siefp = vp->synic.scontrol = 1;
	vp->synic.sint[4] = 0x53;
	assert_ok(synic_signal(vp, 4, 9));
}

static void parent(struct vp *vp)
{
	assert_ok(guest_set(vp->partition->id, vp->index,
	                    HV_REGISTER_INTERNAL_ACTIVITY_STATE, 0));
}

static void sleep_deeply(struct vp *vp)
{
	struct vp_state *s = vp_state_write(vp);

	*vp_apic_register(vp, LAPIC_SVR) = 0x1ff;
	s->rflags = 0x202;
	s->activity = HV_ACTIVITY_HALT_SUSPEND;
	assert_null(sched_next(&fake.cpu, SCHED_GO_ON).exit_hlt ? vp : NULL);
	assert_false(list_linked(&vp->ready));
	assert_null(sched_wrong(vp));
}

static void test_what_wakes_a_sleeper(void **state)
{
	static void (*const events[])(struct vp *) = {
		fixed, nmi, extint, init, message, event, parent,
	};
	struct sched_plan plan;

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(events); i++) {
		sched_child(vps, 1, "r");
		sleep_deeply(vps[0]);
		events[i](vps[0]);
		assert_null(sched_wrong(vps[0]));
		fake.cpu.root_halted = true;
		plan = sched_next(&fake.cpu, SCHED_HALT);
		assert_ptr_equal(plan.vp, vps[0]);
		assert_null(sched_wrong(vps[0]));
		fake.cpu.root_halted = false;
		guest_destroy(vps[0]->partition->id);
	}
}

/*
 * Its timer waits for a slot, so it has none; a message by a port finds the slot
 * free, and delivers for the timer too: no interrupt tells, as the SINT is polled.
 */
static void test_a_timer_that_a_message_arms(void **state)
{
	const u64 polled = HV_SINT_POLLING | 0x52;
	struct hv_message m = { .type = 1 }, *slots;
	struct vp *vp;

	(void)state;
	sched_child(vps, 1, "r");
	vp = vps[0];
	vp->synic.simp = vp->synic.scontrol = 1;
	vp->synic.sint[3] = vp->synic.sint[4] = polled;
	slots = vp->pages[VP_PAGE_SIM];
	slots[3].type = 1;
	reference_update(vp->partition);
	assert_true(stimer_write_msr(vp, HV_MSR_STIMER0_CONFIG + 1, 1000));
	assert_true(stimer_write_msr(vp, HV_MSR_STIMER0_CONFIG,
	                             HV_STIMER_ENABLE | HV_STIMER_PERIODIC |
	                                     3u << HV_STIMER_SINT_SHIFT));
	fake.tsc += 3 * SLICE;
	sleep_deeply(vp);
	assert_int_equal(fake.cpu.alarm_count, 0);
	slots[3].type = 0;
	assert_ok(synic_post(vp, 4, &m));
	assert_int_equal(slots[3].type, HV_MESSAGE_TIMER_EXPIRED);
	assert_null(sched_wrong(vp));
}

/* With a timer far away, and then with none. */
static void test_an_alarm_moves_with_the_timer(void **state)
{
	struct sched_plan plan;

	(void)state;
	sched_child(vps, 1, "r");
	sched_halt_with_timer(vps[0], 9 * SLICE);
	plan = sched_next(&fake.cpu, SCHED_GO_ON);
	assert_int_equal(plan.ticks, 9 * SLICE);
	lapic_timer_start(vps[0], 3 * SLICE);
	ready_wake(vps[0]);
	plan = sched_next(&fake.cpu, SCHED_GO_ON);
	assert_int_equal(plan.ticks, 3 * SLICE);
	lapic_timer_start(vps[0], 0);
	ready_wake(vps[0]);
	plan = sched_next(&fake.cpu, SCHED_GO_ON);
	assert_false(plan.timed);
	assert_int_equal(fake.cpu.alarm_count, 0);
}

static void test_deleted_in_its_sleep(void **state)
{
	(void)state;
	sched_child(vps, 2, "rr");
	sched_halt_with_timer(vps[0], SLICE);
	sched_halt_with_timer(vps[1], 2 * SLICE);
	sched_next(&fake.cpu, SCHED_GO_ON);
	assert_int_equal(fake.cpu.alarm_count, 2);
	vp_delete(vps[0]);
	assert_int_equal(sched_next(&fake.cpu, SCHED_GO_ON).ticks, 2 * SLICE);
	vp_delete(vps[1]);
	assert_int_equal(fake.cpu.alarm_count, 0);
}

/* The timer of who runs bounds its slice, though it has no alarm. */
static void test_the_timer_of_who_runs(void **state)
{
	struct sched_plan plan;

	(void)state;
	sched_child(vps, 1, "r");
	sched_halt_with_timer(vps[0], SLICE / 3);
	vps[0]->state.activity = 0;
	fake.cpu.root_halted = true;
	plan = sched_next(&fake.cpu, SCHED_HALT);
	assert_ptr_equal(plan.vp, vps[0]);
	assert_int_equal(plan.ticks, SLICE / 3);
	sched_run(vps[0], SLICE / 3);
	plan = sched_next(&fake.cpu, SCHED_SLICE_END);
	assert_ptr_equal(plan.vp, vps[0]);
	assert_int_equal(lapic_pending(vps[0]), 0x40);
	assert_int_equal(plan.ticks, SLICE - SLICE / 3);
	fake.cpu.current = fake_root_vp();
}

/* A deadline that is never: no sum turns over. */
static void test_a_timer_that_is_never_due(void **state)
{
	(void)state;
	sched_child(vps, 1, "r");
	sched_halt_with_timer(vps[0], 0);
	*vp_apic_register(vps[0], LAPIC_LVT_TIMER) = 0x40 | 2u << 17;
	lapic_timer_set_deadline(vps[0], ~0ull - 1);
	sched_next(&fake.cpu, SCHED_GO_ON);
	assert_null(sched_wrong(vps[0]));
	assert_true(vps[0]->alarm_at > ~0ull >> 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_wakes_a_sleeper),
		TEST(test_a_timer_that_a_message_arms),
		TEST(test_an_alarm_moves_with_the_timer),
		TEST(test_deleted_in_its_sleep),
		TEST(test_the_timer_of_who_runs),
		TEST(test_a_timer_that_is_never_due),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
