/*
 * hv/interrupt/synic.c, hv/interrupt/port.c: whoever sends much crowds out nobody. An intercepted VP, a
 * port, a timer has a place of its own and its turn, whatever the others do.
 */
#include "hv/interrupt/lapic.h"
#include "hv/interrupt/port.h"
#include "hv/interrupt/synic.h"
#include "hv/run/exit.h"
#include "hv/run/vp_run.h"
#include "hv/vp/partition.h"
#include "include/x86_apic.h"
#include "tests/host/fixture/guest_vp.h"
#include "tests/host/fixture/port.h"
#include "tests/host/fixture/stimer.h"
#include "tests/host/fixture/test.h"

#define SELF HV_PARTITION_ID_SELF
#define SIM_GPN TIMED_SIM_GPN
#define SINT TIMED_SINT
#define LAST_SINT 4u
#define VECTOR TIMED_VECTOR
#define FULL HV_STATUS_INSUFFICIENT_BUFFERS
#define MANY 1000u

static struct vp *root, *to;

static void switch_on(struct vp *vp)
{
	if (!vp->is_root)
		lapic_write_page(vp, LAPIC_SVR, 0x1ff);
	guest_write_msr(vp, HV_MSR_SCONTROL, 1);
	guest_write_msr(vp, HV_MSR_SIMP, SIM_GPN << PAGE_SHIFT | 1);
	guest_write_msr(vp, HV_MSR_SINT0, VECTOR - 1);
	for (u32 sint = SINT; sint <= LAST_SINT; sint++)
		guest_write_msr(vp, HV_MSR_SINT0 + sint, VECTOR + sint);
}

/* A child that receives, which runs. */
static void make(void)
{
	root = fake_root_vp();
	to = port_child(1)->vps[0];
	assert_ok(guest_set(to->partition->id, 0, HV_REGISTER_EXPLICIT_SUSPEND,
	                    0));
	switch_on(to);
}

static struct hv_message *slot(struct vp *vp, u32 sint)
{
	return guest_slot(vp, SIM_GPN, sint);
}

static struct hv_message take(struct vp *vp, u32 sint)
{
	return guest_take_message(vp, SIM_GPN, sint);
}

/* Until it is refused; how many were not. */
static u32 flood(struct vp *from, u32 connection)
{
	u32 sent = 0;

	while (sent < MANY) {
		enum hv_status status = port_post(from, connection, 7, 8);

		if (status != HV_STATUS_SUCCESS) {
			assert_int_equal(status, FULL);
			return sent;
		}
		sent++;
	}
	fail_msg("%u messages, and no end", sent);
	return sent;
}

/* ---- Ports ---- */

/* Each of the others has one place, and the flood has what is left. */
static void test_each_port_has_a_place(void **state)
{
	(void)state;
	for (u32 ports = 1; ports <= SYNIC_QUEUE; ports++) {
		make();
		for (u32 i = 1; i <= ports; i++)
			port_pair(to->partition->id, i, SINT);
		/* One more is in the slot. */
		assert_int_equal(flood(root, 1), SYNIC_QUEUE - ports + 2);
		for (u32 i = 2; i <= ports; i++)
			assert_ok(port_post(root, i, 100 + i, 8));
		assert_int_equal(to->synic.queued, SYNIC_QUEUE);
		for (u32 i = 1; i <= ports; i++)
			assert_int_equal(port_post(root, i, 7, 8), FULL);
		/* Nothing is lost, and who came first goes first. */
		for (u32 i = 0; i < SYNIC_QUEUE - ports + 2; i++)
			assert_int_equal(take(to, SINT).type, 7);
		for (u32 i = 2; i <= ports; i++)
			assert_int_equal(take(to, SINT).type, 100 + i);
		assert_int_equal(take(to, SINT).type, HV_MESSAGE_NONE);
		assert_int_equal(to->synic.queued, 0);
		for (u32 i = 1; i <= ports; i++) {
			assert_ok(port_leave(root, SELF, i));
			assert_ok(port_unmake(root, to->partition->id, i));
		}
	}
}

/* A SINT that nobody looks at is full for ever, and the next one works. */
static void test_a_sint_that_is_not_looked_at(void **state)
{
	(void)state;
	make();
	port_pair(to->partition->id, 1, SINT);
	port_pair(to->partition->id, 2, SINT + 1);
	flood(root, 1);
	for (u32 i = 0; i < MANY; i++) {
		assert_int_equal(port_post(root, 1, 7, 8), FULL);
		assert_ok(port_post(root, 2, 8, 8));
		assert_int_equal(take(to, SINT + 1).type, 8);
	}
}

/* It was not there when the flood came: the next place that gets free is its own. */
static void test_a_port_that_is_made_later(void **state)
{
	(void)state;
	make();
	port_pair(to->partition->id, 1, SINT);
	assert_int_equal(flood(root, 1), SYNIC_QUEUE + 1);
	port_pair(to->partition->id, 2, SINT);
	assert_int_equal(port_post(root, 2, 8, 8), FULL);
	assert_int_equal(take(to, SINT).type, 7);
	assert_int_equal(port_post(root, 1, 7, 8), FULL);
	assert_ok(port_post(root, 2, 8, 8));
	/* What a port has left behind, nobody can add to. */
	assert_ok(port_unmake(root, to->partition->id, 1));
	assert_int_equal(port_post(root, 2, 8, 8), FULL);
	assert_int_equal(take(to, SINT).type, 7);
	assert_ok(port_post(root, 2, 9, 8));
	for (u32 i = 0; i < SYNIC_QUEUE - 1; i++)
		assert_int_equal(take(to, SINT).type, 7);
	assert_int_equal(take(to, SINT).type, 8);
	assert_int_equal(take(to, SINT).type, 9);
	assert_int_equal(take(to, SINT).type, HV_MESSAGE_NONE);
}

/* To the root as many as it can have ports: messages of many children. */
static void test_the_root_has_more_places(void **state)
{
	(void)state;
	root = fake_root_vp();
	switch_on(root);
	for (u32 i = 1; i <= PORT_COUNT; i++) {
		assert_ok(port_make(root, SELF, i, SELF, port_message(SINT)));
		assert_ok(port_join(root, SELF, i, SELF, i, HV_PORT_MESSAGE));
	}
	assert_int_equal(flood(root, 1), 2);
	for (u32 i = 2; i <= PORT_COUNT; i++)
		assert_ok(port_post(root, i, 100 + i, 8));
	assert_int_equal(root->synic.queued, SYNIC_QUEUE_ROOT);
	assert_int_equal(take(root, SINT).type, 7);
	assert_int_equal(take(root, SINT).type, 7);
	for (u32 i = 2; i <= PORT_COUNT; i++)
		assert_int_equal(take(root, SINT).type, 100 + i);
	assert_int_equal(take(root, SINT).type, HV_MESSAGE_NONE);
}

/* Whoever asks: there is no place behind the last. */
static void test_there_is_an_end(void **state)
{
	struct hv_message m = { .type = 7, .payload_size = 8 };

	(void)state;
	make();
	guest_write_msr(to, HV_MSR_SINT0 + SINT, VECTOR | HV_SINT_MASKED);
	for (u32 i = 0; i < SYNIC_QUEUE; i++)
		assert_ok(synic_post(to, SINT, &m));
	for (u32 i = 0; i < 4 * SYNIC_QUEUE; i++)
		assert_int_equal(synic_post(to, SINT, &m), FULL);
	assert_int_equal(to->synic.queued, SYNIC_QUEUE);
}

/* ---- Intercepts ---- */

static struct partition *crowd;

static void intercept(u32 index)
{
	struct vp *vp = crowd->vps[index];

	if (!vp->intercept_suspend)
		assert_int_equal(exit_triple_fault(vp), EXIT_SUSPENDED);
}

/* The VP whose message is taken, and goes on; none: VPS. */
#define VPS 5u
static u32 handle(void)
{
	struct hv_message m = take(root, 0);
	u32 index;

	if (m.type == HV_MESSAGE_NONE)
		return VPS;
	assert_int_equal(m.sender, crowd->id);
	index = ((struct hv_intercept_header *)m.payload)->vp_index;
	assert_ok(
		guest_set(crowd->id, index, HV_REGISTER_INTERCEPT_SUSPEND, 0));
	return index;
}

static void make_crowd(void)
{
	root = fake_root_vp();
	switch_on(root);
	crowd = guest_partition(guest_child(140, VPS));
}

/* All ports of the root are full, and each intercept arrives at once. */
static void test_no_port_keeps_an_intercept_away(void **state)
{
	struct vp *by;

	(void)state;
	make_crowd();
	by = port_child(1)->vps[0];
	by->partition->privileges |= HV_PRIVILEGE_POST_MESSAGES;
	assert_ok(port_make(root, SELF, 1, by->partition->id,
	                    port_message(SINT)));
	assert_ok(port_join(root, by->partition->id, 1, SELF, 1,
	                    HV_PORT_MESSAGE));
	assert_int_equal(flood(by, 1), SYNIC_QUEUE_ROOT + 1);
	for (u32 i = 0; i < MANY; i++) {
		intercept(i % VPS);
		assert_int_equal(port_post(by, 1, 7, 8), FULL);
		assert_int_equal(handle(), i % VPS);
	}
}

/* One that does nothing else comes behind each of the others again and again. */
static void test_no_vp_keeps_an_intercept_away(void **state)
{
	u32 waits[VPS] = { 0 };
	u64 seed = 5;

	(void)state;
	make_crowd();
	for (u32 i = 0; i < 20 * MANY; i++) {
		u32 got;

		intercept(0);
		if (fake_random(&seed) % 3 == 0)
			intercept((u32)(fake_random(&seed) % VPS));
		intercept(0);
		got = handle();
		for (u32 k = 0; k < VPS; k++) {
			waits[k] = k != got && crowd->vps[k]->intercept_suspend
			                   ? waits[k] + 1
			                   : 0;
			assert_true(waits[k] < VPS);
		}
	}
}

/* ---- Timers ---- */

/* Messages by a port without end: a timer's comes behind one of them. */
static void test_no_port_keeps_a_timer_away(void **state)
{
	(void)state;
	timed_make();
	root = fake_root_vp();
	to = timed;
	port_pair(to->partition->id, 1, SINT);
	for (u32 i = 0; i < 50; i++) {
		u32 others = 0;

		flood(root, 1);
		timed_start(0, TIMED_TO_SINT, timed_now() + 10);
		timed_pass(10);
		vp_update(timed);
		while (take(to, SINT).type != HV_MESSAGE_TIMER_EXPIRED) {
			assert_true(++others <= 2);
			flood(root, 1);
		}
	}
}

/* One of a period that nobody can follow, and three that are due once. */
static void test_no_timer_keeps_another_away(void **state)
{
	(void)state;
	timed_make();
	timed_start(0, TIMED_TO_SINT | HV_STIMER_PERIODIC, 1);
	timed_pass(100000);
	vp_update(timed);
	for (u32 round = 0; round < 50; round++) {
		u32 seen = 0;

		for (u32 i = 1; i < HV_STIMERS; i++)
			timed_start(i, TIMED_TO_SINT, timed_now() + i);
		timed_pass(10);
		vp_update(timed);
		for (u32 i = 0; i < HV_STIMERS + 1; i++) {
			struct hv_timer_message m;

			assert_true(timed_take(&m));
			seen |= 1u << m.timer;
			timed_pass(1);
			vp_update(timed);
		}
		assert_int_equal(seen, 15);
	}
}

/* ---- Anything at random ---- */

#define SOURCES (1 + HV_STIMERS)
#define SINTS (LAST_SINT + 1)
#define SENT 40000u

/* What the model knows of the ports' messages to a SINT: their numbers. */
static struct {
	u32 sent[SENT];
	u32 count, taken;
	u32 waits[SOURCES]; /* messages of others taken while it waited */
} sints[SINTS];

static u32 ports, port_sint[SYNIC_QUEUE + 1];
static u32 number; /* of the last message: its type */

static bool timer_waits(u32 sint, const struct stimer *t)
{
	return t->expired && (t->config >> HV_STIMER_SINT_SHIFT & 15) == sint;
}

/* Besides the message that is in the slot. */
static bool waits(u32 sint, u32 source)
{
	u32 type = slot(to, sint)->type;
	u32 in_slot = type != HV_MESSAGE_NONE && !(type >> 31);

	return source ? timer_waits(sint, &to->stimer[source - 1])
	              : sints[sint].taken + in_slot < sints[sint].count;
}

/* Refused is only who has one waiting, and left nothing but others' places. */
static void post_one(u32 port)
{
	bool holds = synic_holds(to, port);
	u32 sint = port_sint[port], idle = 0;
	enum hv_status status = port_post(root, port, number + 1, 8);

	if (status == HV_STATUS_SUCCESS) {
		assert_true(sints[sint].count < SENT);
		sints[sint].sent[sints[sint].count++] = ++number;
		return;
	}
	assert_int_equal(status, FULL);
	assert_true(holds);
	for (u32 i = 1; i <= ports; i++)
		idle += !synic_holds(to, i);
	assert_int_equal(to->synic.queued + idle, SYNIC_QUEUE);
}

static void take_one(u32 sint)
{
	bool waited[SOURCES];
	struct hv_message m;
	u32 source = 0;

	for (u32 i = 0; i < SOURCES; i++)
		waited[i] = waits(sint, i);
	m = take(to, sint);
	if (m.type == HV_MESSAGE_NONE) {
		for (u32 i = 0; i < SOURCES; i++)
			assert_false(waited[i]);
		return;
	}
	if (m.type == HV_MESSAGE_TIMER_EXPIRED)
		source = 1 + (u32)m.payload[0];
	else
		assert_int_equal(m.type, sints[sint].sent[sints[sint].taken++]);
	for (u32 i = 0; i < SOURCES; i++) {
		sints[sint].waits[i] =
			waited[i] && i != source ? sints[sint].waits[i] + 1 : 0;
		/* One was in the slot already. */
		assert_true(sints[sint].waits[i] <= SOURCES);
	}
}

static u32 any_sint(u64 *seed)
{
	return SINT + (u32)(fake_random(seed) % (SINTS - SINT));
}

static void step(u64 *seed)
{
	u32 timer = (u32)(fake_random(seed) % HV_STIMERS);
	u64 config;

	switch (fake_random(seed) % 8) {
	case 0:
		config = (u64)any_sint(seed) << HV_STIMER_SINT_SHIFT |
		         (fake_random(seed) % 2 ? HV_STIMER_PERIODIC : 0);
		guest_write_msr(
			to, timed_config(timer) + 1,
			1 + fake_random(seed) % 50 +
				(config & HV_STIMER_PERIODIC
		                         ? 0
		                         : reference_time(to->partition)));
		guest_write_msr(to, timed_config(timer),
		                config | HV_STIMER_ENABLE);
		for (u32 i = 0; i < SINTS; i++)
			sints[i].waits[1 + timer] = 0;
		break;
	case 1:
		fake.tsc += fake_random(seed) % 100 * TIMED_TICKS;
		vp_update(to);
		break;
	case 2:
		post_one(1 + (u32)(fake_random(seed) % ports));
		break;
	case 3:
	case 4:
		for (u32 i = 0; i < 20; i++)
			post_one(1);
		break;
	default:
		take_one(any_sint(seed));
	}
}

static void test_at_random(void **state)
{
	u64 seed = 77;

	(void)state;
	for (u32 round = 0; round < 16; round++) {
		make();
		memset(sints, 0, sizeof(sints));
		number = 0;
		ports = 1 + (u32)(fake_random(&seed) % SYNIC_QUEUE);
		for (u32 i = 1; i <= ports; i++) {
			port_sint[i] = any_sint(&seed);
			port_pair(to->partition->id, i, port_sint[i]);
		}
		for (u32 i = 0; i < 3000; i++)
			step(&seed);
		for (u32 i = 0; i < HV_STIMERS; i++)
			guest_write_msr(to, timed_config(i), 0);
		for (u32 sint = SINT; sint < SINTS; sint++) {
			while (slot(to, sint)->type != HV_MESSAGE_NONE)
				take_one(sint);
			assert_int_equal(sints[sint].taken, sints[sint].count);
		}
		assert_int_equal(to->synic.queued, 0);
		for (u32 i = 1; i <= ports; i++)
			assert_ok(port_leave(root, SELF, i));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_each_port_has_a_place),
		TEST(test_a_sint_that_is_not_looked_at),
		TEST(test_a_port_that_is_made_later),
		TEST(test_the_root_has_more_places),
		TEST(test_there_is_an_end),
		TEST(test_no_port_keeps_an_intercept_away),
		TEST(test_no_vp_keeps_an_intercept_away),
		TEST(test_no_port_keeps_a_timer_away),
		TEST(test_no_timer_keeps_another_away),
		TEST(test_at_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
