/*
 * tests/books: what is wrong in a machine is found, and said.
 */
#include "tests/host/fixture/books.h"

#include "hv/memory/frame.h"
#include "hv/stream/context.h"
#include "hv/vp/alarm.h"
#include "hv/vp/ready.h"
#include "tests/host/fixture/test.h"

static void test_a_machine_that_is_right(void **state)
{
	struct books b;

	(void)state;
	assert_string_equal(books_say(false, &b), "");
	assert_int_equal(b.mapped, 0);
	assert_int_equal(b.vps, 1);
	books_make_world();
	assert_string_equal(books_say(false, &b), "");
	assert_int_equal(b.mapped, 1);
	assert_int_equal(b.vps, 3);
	assert_int_equal(b.charged[w.child->slot], w.child->pool.in_use);
	assert_int_equal(b.used, w.child->pool.in_use + w.root->pool.in_use);
	assert_int_equal(b.free,
	                 w.child->pool.available + w.root->pool.available);
	/* What an overlay hides is mapped. */
	assert_int_equal(guest_map(w.child->id, BOOKS_OVERLAY_GPN, w.mapped, 7),
	                 0);
	assert_string_equal(books_say(false, &b), "");
	assert_int_equal(b.mapped, 2);
	alarm_clear(w.other);
	guest_destroy(w.child->id);
	assert_string_equal(books_say(false, &b), "");
	assert_int_equal(b.mapped, 0);
}

/* ---- Pages ---- */

static void lose_a_page(void)
{
	(void)pool_alloc(&w.child->pool);
}

static void free_a_page_twice(void)
{
	u64 *first = arch_page(w.child->pool.deposited);

	*first = w.child->pool.deposited.v;
}

static void free_a_page_in_use(void)
{
	u64 *first = arch_page(w.child->pool.deposited);

	*first = arch_page_hpa(w.vp->pages[VP_PAGE_SIM]).v;
}

static void leave_what_was_in_a_page(void)
{
	((u64 *)arch_page(w.child->pool.deposited))[7] = 1;
}

static void cut_a_list(void)
{
	*(u64 *)arch_page(w.child->pool.deposited) = 0;
}

static void count_one_page_less(void)
{
	w.child->pool.available--;
	w.child->pool.withdrawable--;
}

static void deposit_into_nothing(void)
{
	hpa_t page = hpa_of_page(w.spare);

	assert_true(arch_space_unmap(&w.root->space.arch, gpa_of(page.v)));
	arch_space_flush(&w.root->space.arch);
	frame_set_owner(page, FRAME_DEPOSITED);
}

/* ---- Maps ---- */

static void leave_a_deposited_page_mapped(void)
{
	hpa_t page = w.child->pool.deposited;

	assert_true(arch_space_map(&w.root->space.arch, gpa_of(page.v), page,
	                           ARCH_READ | ARCH_WRITE | ARCH_EXECUTE));
	arch_space_flush(&w.root->space.arch);
}

static void map_the_hypervisor_for_the_root(void)
{
	assert_true(arch_space_map(&w.root->space.arch,
	                           gpa_of(w.spare << PAGE_SHIFT),
	                           arch_page_hpa(w.vp), ARCH_READ));
	arch_space_flush(&w.root->space.arch);
}

static void map_the_hypervisor_for_a_child(void)
{
	assert_true(arch_space_map(&w.child->space.arch, gpa_of(0x9000),
	                           hpa_of(fake.reserved_base), ARCH_READ));
}

static void map_a_deposited_page_for_a_child(void)
{
	assert_true(arch_space_map(&w.child->space.arch, gpa_of(0x9000),
	                           w.child->pool.deposited, ARCH_READ));
}

static void forget_to_count_a_mapping(void)
{
	assert_true(arch_space_map(&w.child->space.arch, gpa_of(0x9000),
	                           hpa_of_page(w.spare), ARCH_READ));
	w.child->space.mapped++;
}

static void count_a_mapping_that_is_none(void)
{
	assert_true(frame_add_mapping(hpa_of_page(w.spare)));
}

static void count_less_than_is_mapped(void)
{
	w.child->space.mapped--;
}

static void take_a_page_from_the_root(void)
{
	assert_true(arch_space_unmap(&w.root->space.arch,
	                             gpa_of(w.spare << PAGE_SHIFT)));
	arch_space_flush(&w.root->space.arch);
}

static void forget_a_flush(void)
{
	assert_true(arch_space_unmap(&w.child->space.arch,
	                             gpa_of_page(BOOKS_MAPPED_GPN)));
}

/* ---- Overlays ---- */

static void leave_a_record(void)
{
	static struct gpa_overlay nobodys;

	nobodys = w.vp->synic.sim_overlay;
	w.child->space.overlays[0] = &nobodys;
}

static void let_a_page_be_written(void)
{
	w.vp->synic.sim_overlay.rights |= ARCH_EXECUTE;
}

static void forget_an_overlay(void)
{
	w.child->space.overlay_count = 0;
	w.child->space.overlay_filter = 0;
}

static void cover_another_page(void)
{
	assert_true(arch_space_map(&w.child->space.arch,
	                           gpa_of_page(BOOKS_OVERLAY_GPN),
	                           arch_page_hpa(w.vp->pages[VP_PAGE_SIEF]),
	                           ARCH_READ | ARCH_WRITE));
	arch_space_flush(&w.child->space.arch);
}

/* ---- Lists ---- */

static void leave_a_vp_in_the_ring(void)
{
	w.child->vps[0] = NULL;
	w.child->vp_count--;
}

static void leave_an_alarm(void)
{
	w.child->vps[1] = NULL;
	w.child->vp_count--;
}

static void leave_a_sender_in_a_queue(void)
{
	ready_forget(w.vp);
	list_add_before(&fake_root_vp()->synic.queue, &w.vp->message_link);
	leave_a_vp_in_the_ring();
}

static void queue_a_message_nowhere(void)
{
	static struct list nowhere;

	list_init(&nowhere);
	list_add_before(&nowhere, &w.vp->message_link);
}

static void be_in_the_ring_with_an_alarm(void)
{
	list_add_before(&fake.cpu.ready, &w.other->ready);
}

static void keep_an_alarm_that_is_none(void)
{
	fake.cpu.alarm_count = 0;
}

static void turn_the_ring_around(void)
{
	w.vp->ready.previous = &w.vp->ready;
}

static void count_a_child_less(void)
{
	w.root->child_count--;
}

static void have_the_process_of_another(void)
{
	w.child->context->target = w.root;
}

static void be_another_vp(void)
{
	w.other->index = 0;
}

static const struct books_row rows[] = {
	{ "pages of its pool are in use that nobody has, or the other way "
	  "round",
	  lose_a_page },
	{ "it is free, and something else", free_a_page_twice },
	{ "it is free, and something else", free_a_page_in_use },
	{ "it is free, and not zero", leave_what_was_in_a_page },
	{ "a list of free pages is short", cut_a_list },
	{ "a list of free pages is long", count_one_page_less },
	{ "it was deposited, and is lost", deposit_into_nothing },
	{ "the root has it, and it is not its", leave_a_deposited_page_mapped },
	{ "the root has a page in another place than its own",
	  map_the_hypervisor_for_the_root },
	{ "a child has a page that is not the root's",
	  map_the_hypervisor_for_a_child },
	{ "a child has a page that is not the root's",
	  map_a_deposited_page_for_a_child },
	{ "children map it more or less often than is counted",
	  forget_to_count_a_mapping },
	{ "children map it more or less often than is counted",
	  count_a_mapping_that_is_none },
	{ "its number of mappings is wrong", count_less_than_is_mapped },
	{ "it is the root's, which has it not", take_a_page_from_the_root },
	{ "a flush is due", forget_a_flush },
	{ "an overlay is nobody's", leave_a_record },
	{ "an overlay is another page, or has other rights",
	  let_a_page_be_written },
	{ "an overlay is in no list", forget_an_overlay },
	{ "another page is mapped where an overlay is", cover_another_page },
	{ "what is in the ring is no VP", leave_a_vp_in_the_ring },
	{ "what has an alarm is no VP", leave_an_alarm },
	{ "what is in a queue of messages is no VP",
	  leave_a_sender_in_a_queue },
	{ "a message is in another queue", queue_a_message_nowhere },
	{ "who is in the ring should not be", be_in_the_ring_with_an_alarm },
	{ "a VP has an alarm that is not there", keep_an_alarm_that_is_none },
	{ "the ring has a break", turn_the_ring_around },
	{ "its number of children is wrong", count_a_child_less },
	{ "a process of another partition", have_the_process_of_another },
	{ "a VP of another partition, or index", be_another_vp },
};

static void test_each_thing_that_is_wrong_is_said(void **state)
{
	books_spoil(state, rows, ARRAY_LEN(rows));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_machine_that_is_right),
		TEST(test_each_thing_that_is_wrong_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
