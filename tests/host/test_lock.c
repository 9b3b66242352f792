/*
 * hv/base/lock.h: all orders in which three processors can take their steps, each of which
 * takes the lock twice; and some threads, for what the order of memory has to do with it, and
 * for what is one step here: to draw a ticket, and to be served.
 */
#include "hv/base/lock.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "tests/host/fixture/test.h"

#define PROCESSORS 3
#define ROUNDS 2

enum place {
	COMES,  /* or waits, without a ticket */
	LOOKED, /* nobody has a ticket: lock_try is half done */
	DREW,   /* a ticket */
	HOLDS,
	IS_THROUGH,
};

struct processor_model {
	enum place place;
	u32 ticket;
	u32 left;  /* turns */
	u32 later; /* others came in front, since it drew */
};

struct world {
	struct lock lock;
	struct processor_model all[PROCESSORS];
};

/* What one of them can do next, if it can. */
enum step { TRY, LOOK, GRAB, DRAW, TRY_TICKET, GIVE, STEPS };

#define SEEN_BITS 20
static struct world seen[1u << SEEN_BITS];
static bool is_seen[1u << SEEN_BITS];
static u32 seen_count, ended_count, most_later;

static u32 hash_of(const struct world *w)
{
	const u8 *bytes = (const u8 *)w;
	u32 hash = 2166136261u;

	for (size_t i = 0; i < sizeof(*w); i++)
		hash = (hash ^ bytes[i]) * 16777619u;
	return (hash ^ hash >> SEEN_BITS) & ((1u << SEEN_BITS) - 1);
}

static bool note_seen(const struct world *w)
{
	u32 at = hash_of(w);

	while (is_seen[at]) {
		if (memcmp(&seen[at], w, sizeof(*w)) == 0)
			return false;
		at = (at + 1) & ((1u << SEEN_BITS) - 1);
	}
	assert_true(++seen_count < 1u << (SEEN_BITS - 1));
	is_seen[at] = true;
	seen[at] = *w;
	return true;
}

/* It has the lock now: nobody else does, and it was its turn. */
static bool takes(struct world *w, struct processor_model *m)
{
	bool drew = m->place == DREW;

	for (u32 i = 0; i < PROCESSORS; i++) {
		struct processor_model *other = &w->all[i];

		if (other == m)
			continue;
		assert_int_not_equal(other->place, HOLDS);
		if (other->place != DREW)
			continue;
		if (drew)
			assert_true(m->ticket < other->ticket);
		else
			most_later = ++other->later > most_later ? other->later
			                                         : most_later;
	}
	m->place = HOLDS;
	m->later = 0;
	return true;
}

static bool do_step(struct world *w, struct processor_model *m, enum step step)
{
	struct lock *l = &w->lock;

	if (m->place == COMES && step == TRY)
		return lock_try(l) && takes(w, m);
	if (m->place == COMES && step == LOOK) {
		m->place = LOOKED;
		return !lock_is_waited_for(l);
	}
	if (m->place == LOOKED && step == GRAB) {
		m->place = COMES;
		return !lock_grab(l) || takes(w, m);
	}
	if (m->place == COMES && step == DRAW) {
		m->ticket = lock_draw(l);
		m->place = DREW;
		return true;
	}
	if (m->place == DREW && step == TRY_TICKET)
		return lock_try_ticket(l, m->ticket) && takes(w, m);
	if (m->place == HOLDS && step == GIVE) {
		lock_give(l);
		m->ticket = 0;
		m->place = --m->left ? COMES : IS_THROUGH;
		return true;
	}
	return false;
}

static void go_on_from(const struct world *w)
{
	bool stands = true, through = true;

	if (!note_seen(w))
		return;
	for (u32 i = 0; i < PROCESSORS; i++) {
		through = through && w->all[i].place == IS_THROUGH;
		for (u32 step = 0; step < STEPS; step++) {
			struct world next = *w;

			if (!do_step(&next, &next.all[i], step))
				continue;
			stands = false;
			go_on_from(&next);
		}
	}
	ended_count += through;
	assert_int_equal(stands, through);
}

/*
 * Never do two have it, nobody is left behind, tickets count in their order, and whoever has
 * one is overtaken by each of the others once: by one that had looked before.
 */
static void test_all_orders(void **state)
{
	static struct world w;

	(void)state;
	for (u32 i = 0; i < PROCESSORS; i++)
		w.all[i].left = ROUNDS;
	go_on_from(&w);
	assert_true(seen_count > 1000 && ended_count > 1);
	assert_int_equal(most_later, PROCESSORS - 1);
}

static void test_numbers_that_end(void **state)
{
	struct lock l = { .turns = ~0u, .tickets = ~0u, .served = ~0u };
	u32 first = lock_draw(&l), second = lock_draw(&l);

	(void)state;
	assert_int_equal(first, ~0u);
	assert_int_equal(second, 0);
	assert_false(lock_try(&l));
	assert_false(lock_try_ticket(&l, second));
	assert_true(lock_try_ticket(&l, first));
	assert_false(lock_grab(&l));
	assert_false(lock_try_ticket(&l, second));
	lock_give(&l);
	assert_int_equal(lock_turns(&l), 0);
	assert_false(lock_try(&l));
	assert_true(lock_try_ticket(&l, second));
	lock_give(&l);
	assert_true(lock_try(&l));
	assert_int_equal(lock_turns(&l), 1);
}

#define THREADS 4
#define TURNS 200000
/* With the host's processor kept, so that others try at the same time. */
#define TRIES 64

static struct lock shared;
static u64 counted; /* by whoever has it: no two at once */

static void wait_for(struct lock *l, bool with_ticket)
{
	u32 ticket = with_ticket ? lock_draw(l) : 0, tries = 0;

	while (!(with_ticket ? lock_try_ticket(l, ticket) : lock_try(l)))
		if (++tries % TRIES == 0)
			(void)sched_yield();
}

/* Long enough that another who has it at the same time is seen, and its count is lost. */
static void count_slowly(void)
{
	u64 now = __atomic_load_n(&counted, __ATOMIC_RELAXED);

	for (u32 i = 0; i < 8; i++)
		__asm__ volatile("pause");
	__atomic_store_n(&counted, now + 1, __ATOMIC_RELAXED);
}

static void *run_thread(void *of)
{
	u32 each = *(u32 *)of;

	for (u32 i = 1; i <= TURNS; i++) {
		wait_for(&shared, i % each == 0);
		count_slowly();
		lock_give(&shared);
	}
	return NULL;
}

static void test_threads(void **state)
{
	static u32 each[THREADS] = { 2, 3, 7, TURNS + 1 };
	pthread_t threads[THREADS];

	(void)state;
	for (u32 i = 0; i < THREADS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, run_thread, &each[i]),
			0);
	for (u32 i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(counted, THREADS * TURNS);
	assert_int_equal(lock_turns(&shared), THREADS * TURNS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_orders),
		cmocka_unit_test(test_numbers_that_end),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
