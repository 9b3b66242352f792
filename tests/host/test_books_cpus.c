/*
 * tests/books: what is wrong between two processors is found, and said.
 */
#include "hv/stream/context.h"
#include "tests/host/fake/others.h"
#include "tests/host/fixture/books.h"
#include "tests/host/fixture/test.h"

static struct cpu *two;

/* The other one has entered, and runs a VP of the child's. */
static void go_on_two(void)
{
	two = fake_processor_add(7);
	fake_run_on(w.other, two);
}

static void be_in_anothers_ring(void)
{
	go_on_two();
	list_remove(&w.vp->ready);
	list_add_before(&two->ready, &w.vp->ready);
}

static void be_of_no_processor(void)
{
	static struct cpu none;

	w.other->cpu = &none;
}

static void run_anothers_vp(void)
{
	go_on_two();
	two->current = w.vp;
}

static void have_anothers_root(void)
{
	go_on_two();
	two->root = fake.cpu.root;
}

static void count_a_vp_of_another(void)
{
	go_on_two();
	two->vps++;
	fake.cpu.vps--;
}

static void ask_another(void)
{
	go_on_two();
	w.other->hold_end = 1;
	list_add_before(&fake.cpu.asked, &w.other->asked);
}

static void ask_for_who_is_not_held(void)
{
	go_on_two();
	list_add_before(&two->asked, &w.other->asked);
}

static void ask_without_its_knowing(void)
{
	static struct list nowhere;

	go_on_two();
	w.other->hold_end = 1;
	list_init(&nowhere);
	list_add_before(&nowhere, &w.other->asked);
}

static void suspend_all(void)
{
	for (u32 i = 0; i < 2; i++)
		w.child->vps[i]->explicit_suspend = HV_SUSPENDED;
}

static void be_beside_without_a_process(void)
{
	go_on_two();
	suspend_all();
	w.child->beside = true;
}

static void run_while_memory_is_worked_on(void)
{
	go_on_two();
	suspend_all();
	w.child->beside = w.child->context->beside = true;
}

static void run_soon_while_memory_is_worked_on(void)
{
	fake_processor_add(7);
	w.child->beside = w.child->context->beside = true;
	w.vp->explicit_suspend = 0;
}

static void be_beside_without_a_processor(void)
{
	suspend_all();
	w.child->beside = w.child->context->beside = true;
}

static const struct books_row rows[] = {
	{ "who is in the ring is another processor's", be_in_anothers_ring },
	{ "a VP of no processor", be_of_no_processor },
	{ "who runs is another processor's", run_anothers_vp },
	{ "a root VP of another processor", have_anothers_root },
	{ "its number of VPs of children is wrong", count_a_vp_of_another },
	{ "who is asked for should not be", ask_another },
	{ "who is asked for should not be", ask_for_who_is_not_held },
	{ "a VP is asked for, and its processor does not know",
	  ask_without_its_knowing },
	{ "its memory is worked on, and its process is not, or the other "
	  "way round",
	  be_beside_without_a_process },
	{ "its memory is worked on, and it runs",
	  run_while_memory_is_worked_on },
	{ "its memory is worked on, and it may run",
	  run_soon_while_memory_is_worked_on },
	{ "more is worked on than there are processors for it",
	  be_beside_without_a_processor },
};

static void test_two_processors_that_are_right(void **state)
{
	struct books b;

	(void)state;
	books_make_world();
	go_on_two();
	assert_string_equal(books_say(false, &b), "");
	assert_int_equal(b.vps, 4);
	suspend_all();
	two->current = two->root;
	w.child->beside = w.child->context->beside = true;
	assert_string_equal(books_say(false, &b), "");
}

static void test_each_thing_that_is_wrong_is_said(void **state)
{
	books_spoil(state, rows, ARRAY_LEN(rows));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_two_processors_that_are_right),
		TEST(test_each_thing_that_is_wrong_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
