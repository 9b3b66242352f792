/*
 * hv/run/sched.c on a slow machine: below another hypervisor, where each exit and each
 * switch takes a hundred times as long as what a VP executes meanwhile. A program
 * that is busy in the root, and one in a child, go through what a machine does.
 */
#include "hv/run/exit.h"
#include "hv/run/sched.h"
#include "hv/vp/partition.h"
#include "hv/vp/ready.h"
#include "tests/host/fixture/test.h"
#include "tests/host/oracle/sched.h"

#define MICROSECOND (SCHED_TEST_SLICE / 1000)
#define MILLISECOND SCHED_TEST_SLICE
#define NEVER (~0ull)

/* What it costs on a processor of its own; times `slowness` on this one. */
#define EXIT_COST (3 * MICROSECOND)
#define SWITCH_COST (12 * MICROSECOND)

#define TICK (10 * MILLISECOND)
#define HANDLER_CPUIDS 8
#define BETWEEN_CPUIDS (2 * MICROSECOND)

/* A program, and the handler that a tick of the machine's timer starts in it. */
struct program {
	struct vp *vp;
	bool ticks;         /* the timer's interrupts are its own */
	u64 exits_after;    /* of its own running, NEVER: it makes no exits */
	u32 handler;        /* CPUIDs that the handler is still to execute */
	u64 next_exit;      /* ticks of its running until then */
	u64 own;            /* what it ran outside of the handler */
	u64 held;           /* time that the processor was its, with our work */
	u32 handlers;       /* that came to their end */
	u64 entries, exits; /* exits: that were carried out */
};

static struct {
	u64 slowness;
	u64 next_tick;
	bool tick_pending;
	struct program root, child;
} m;

static void spend(struct program *p, u64 ticks)
{
	fake.tsc += ticks;
	p->held += ticks;
	while (fake.tsc >= m.next_tick) {
		m.next_tick += TICK;
		m.tick_pending = true;
	}
}

static void start(u64 slowness)
{
	u64 id = guest_child(80, 1);

	m.slowness = slowness;
	m.root = (struct program){ .vp = fake_root_vp(),
		                   .ticks = true,
		                   .exits_after = NEVER };
	m.child = (struct program){ .vp = guest_partition(id)->vps[0],
		                    .exits_after = NEVER };
	m.root.next_exit = m.child.next_exit = NEVER;
	m.next_tick = fake.tsc + TICK;
	m.tick_pending = false;
	m.child.vp->explicit_suspend = 0;
	m.child.vp->state.activity = 0;
	ready_wake(m.child.vp);
}

/* An interrupt gets in before the next instruction. */
static void take_tick(struct program *p)
{
	if (!p->ticks || !m.tick_pending || p->handler)
		return;
	m.tick_pending = false;
	p->handler = HANDLER_CPUIDS;
	p->next_exit = BETWEEN_CPUIDS;
}

static void carried_out(struct program *p)
{
	p->exits++;
	p->next_exit = p->exits_after;
	if (!p->handler)
		return;
	if (--p->handler)
		p->next_exit = BETWEEN_CPUIDS;
	else
		p->handlers++;
}

/* Ticks until its next instruction that exits, or an interrupt. */
static u64 until_event(const struct program *p)
{
	u64 tick = m.next_tick - fake.tsc;

	if (!p->ticks && m.tick_pending)
		return 0;
	return p->handler || p->next_exit < tick ? p->next_exit : tick;
}

/* It runs, until its timer or an exit: which is what the scheduler is told. */
static enum sched_event run(struct program *p, const struct sched_plan *plan)
{
	u64 left = plan->timed ? plan->ticks : NEVER;

	p->entries++;
	for (;;) {
		u64 ticks;

		take_tick(p);
		ticks = until_event(p);
		ticks = ticks < left ? ticks : left;
		if (!p->handler)
			p->own += ticks;
		if (p->next_exit != NEVER)
			p->next_exit -= ticks;
		left -= left != NEVER ? ticks : 0;
		spend(p, ticks);
		if (!p->ticks && m.tick_pending)
			return SCHED_INTERRUPT;
		if (left == 0)
			return SCHED_SLICE_END;
		if (p->next_exit == 0)
			return SCHED_GO_ON;
	}
}

/* For so long: entry, exit, our work, and the next entry, as enter.c does it. */
static void go(u64 ticks)
{
	u64 end = fake.tsc + ticks;
	struct sched_plan plan = sched_next(&fake.cpu, SCHED_GO_ON);

	while (fake.tsc < end) {
		struct program *p = plan.vp == m.root.vp ? &m.root : &m.child;
		enum sched_event event;

		if (fake.cpu.current != plan.vp)
			spend(p, m.slowness * SWITCH_COST);
		fake.cpu.current = plan.vp;
		sched_entered(&fake.cpu);
		event = run(p, &plan);
		sched_exited(&fake.cpu, fake.tsc);
		spend(p, m.slowness * EXIT_COST);
		if (event == SCHED_GO_ON)
			carried_out(p);
		plan = sched_next(&fake.cpu, event);
	}
	fake.cpu.current = fake_root_vp();
}

static u64 share(const struct program *p)
{
	return p->held * 100 / (m.root.held + m.child.held);
}

/* The handler of each tick comes to its end, and the program behind it goes on. */
static void test_a_handler_gets_through(void **state)
{
	static const u64 slowness[] = { 1, 10, 50, 100 };

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(slowness); i++) {
		start(slowness[i]);
		go(100 * TICK);
		assert_in_range(m.root.handlers, 98, 100);
		/* Of 10 ms at least one, for each of the programs. */
		assert_true(m.root.own >= 100 * MILLISECOND);
		assert_true(m.child.own >= 100 * MILLISECOND);
		assert_in_range(share(&m.root), 30, 75);
		guest_destroy(m.child.vp->partition->id);
	}
}

/* Both are busy, and nothing else is going on: what they run is the same. */
static void test_both_have_their_share(void **state)
{
	(void)state;
	for (u64 slowness = 1; slowness <= 100; slowness += 33) {
		start(slowness);
		m.next_tick = NEVER;
		go(1000 * MILLISECOND);
		assert_in_range(m.root.own * 100 / m.child.own, 90, 110);
		guest_destroy(m.child.vp->partition->id);
	}
}

/* A child that only exits leaves the root more than a third of the time. */
static void test_a_child_that_only_exits(void **state)
{
	(void)state;
	for (u64 slowness = 1; slowness <= 100; slowness *= 10)
		for (u64 after = 0; after < 3; after++) {
			start(slowness);
			m.next_tick = NEVER;
			m.child.exits_after = after * MICROSECOND / 4;
			m.child.next_exit = 0;
			go(1000 * MILLISECOND);
			assert_in_range(share(&m.root), 34, 60);
			assert_true(m.child.exits > 100);
			guest_destroy(m.child.vp->partition->id);
		}
}

/* The root may take longer, and the child goes on all the same. */
static void test_a_root_that_only_exits(void **state)
{
	(void)state;
	for (u64 slowness = 1; slowness <= 100; slowness *= 10) {
		start(slowness);
		m.next_tick = NEVER;
		m.root.exits_after = m.root.next_exit = 0;
		go(1000 * MILLISECOND);
		assert_in_range(share(&m.child), 15, 60);
		assert_true(m.child.own >= 100 * MILLISECOND);
		guest_destroy(m.child.vp->partition->id);
	}
}

/* One exit takes longer than any slice: still one a slice is carried out. */
static void test_an_exit_longer_than_a_slice(void **state)
{
	(void)state;
	start(5000);
	m.next_tick = NEVER;
	m.root.exits_after = m.root.next_exit = MICROSECOND;
	m.child.exits_after = m.child.next_exit = MICROSECOND;
	go(100000 * MILLISECOND);
	assert_true(m.root.exits > 100 && m.child.exits > 100);
	assert_in_range(m.root.exits * 100 / m.child.exits, 45, 220);
	guest_destroy(m.child.vp->partition->id);
}

/* Behind an exit at the end of its slice a VP runs on, and not a second time. */
static void test_the_last_run_of_a_slice(void **state)
{
	u64 least = SCHED_RUN_MICROSECONDS * MICROSECOND;
	struct sched_plan plan;

	(void)state;
	start(1);
	fake.cpu.current = m.child.vp;
	plan = sched_next(&fake.cpu, SCHED_SLICE_END);
	assert_ptr_equal(plan.vp, m.root.vp);
	assert_int_equal(plan.ticks, MILLISECOND);
	/* Nearly over: as long as any run. */
	sched_run(plan.vp, MILLISECOND - 1);
	plan = sched_next(&fake.cpu, SCHED_GO_ON);
	assert_ptr_equal(plan.vp, m.root.vp);
	assert_int_equal(plan.ticks, least);
	/* Over. */
	sched_run(plan.vp, 1);
	plan = sched_next(&fake.cpu, SCHED_GO_ON);
	assert_ptr_equal(plan.vp, m.root.vp);
	assert_int_equal(plan.ticks, least);
	sched_run(plan.vp, 1);
	plan = sched_next(&fake.cpu, SCHED_GO_ON);
	assert_ptr_equal(plan.vp, m.child.vp);
	assert_int_equal(plan.ticks, MILLISECOND);
	fake.cpu.current = fake_root_vp();
}

/* What an entry waits for is not of its slice: the clock too begins there. */
static void test_a_slice_begins_at_the_entry(void **state)
{
	u64 limit = SCHED_CHILD_LIMIT_MICROSECONDS * MICROSECOND;
	struct sched_plan plan;

	(void)state;
	start(1);
	plan = sched_next(&fake.cpu, SCHED_SLICE_END);
	assert_ptr_equal(plan.vp, m.child.vp);
	fake.tsc += 9 * MILLISECOND;
	sched_run(plan.vp, MILLISECOND / 4);
	plan = sched_next(&fake.cpu, SCHED_GO_ON);
	assert_ptr_equal(plan.vp, m.child.vp);
	assert_int_equal(plan.ticks, MILLISECOND * 3 / 4);
	/* An exit that takes long: the clock leaves it less than it has. */
	fake.tsc += MILLISECOND;
	sched_run(plan.vp, 0);
	plan = sched_next(&fake.cpu, SCHED_GO_ON);
	assert_ptr_equal(plan.vp, m.child.vp);
	assert_int_equal(plan.ticks, limit - MILLISECOND * 5 / 4);
	fake.cpu.current = fake_root_vp();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_handler_gets_through),
		TEST(test_both_have_their_share),
		TEST(test_a_child_that_only_exits),
		TEST(test_a_root_that_only_exits),
		TEST(test_an_exit_longer_than_a_slice),
		TEST(test_the_last_run_of_a_slice),
		TEST(test_a_slice_begins_at_the_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
