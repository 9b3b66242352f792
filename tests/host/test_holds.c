/*
 * tests/books/holds.c: a processor that keeps all that the SDM and the APM let it keep.
 * Each case is an order of things of which one has been left out, or is in the wrong
 * place, and beside it the right one.
 */
#include "tests/books/holds.h"

#include "tests/host/fixture/test.h"

#define SPACE 0x10000ull
#define OTHER_SPACE 0x20000ull
#define VMCS 0x30000ull
#define OTHER_VMCS 0x40000ull
#define VP 1u
#define OTHER_VP 2u
#define ASID 1u

static struct holds *h;
static const struct holds_paging paging = { BIT(31), 0x1000, BIT(5) };

static int begin(void **state)
{
	(void)state;
	h = calloc(1, sizeof(*h));
	return h ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	free(h);
	return 0;
}

#define right(what) assert_null(what)

static void wrong(const char *what, const char *word)
{
	assert_non_null(what);
	assert_non_null(strstr(what, word));
}

static const char *enter(u32 cpu)
{
	return holds_enter_vpid(h, cpu, SPACE, VP, &paging, true);
}

/* ---- VMCSs ---- */

static void make_vmcs(u32 cpu, u64 page)
{
	right(holds_vmclear(h, cpu, page));
	right(holds_written(h, page));
	right(holds_vmclear(h, cpu, page));
	right(holds_vmptrld(h, cpu, page));
}

static void test_a_vmcs_needs_vmclear_once_it_was_written(void **state)
{
	(void)state;
	wrong(holds_vmptrld(h, 0, VMCS), "without VMCLEAR");
	right(holds_vmclear(h, 0, VMCS));
	right(holds_written(h, VMCS));
	wrong(holds_vmptrld(h, 0, VMCS), "without VMCLEAR");
	right(holds_vmclear(h, 0, VMCS));
	right(holds_vmptrld(h, 0, VMCS));
	wrong(holds_written(h, VMCS), "written while");
}

static void test_a_vmcs_is_active_on_one_processor(void **state)
{
	(void)state;
	make_vmcs(0, VMCS);
	/* Another one is current; the first is active still. */
	make_vmcs(0, OTHER_VMCS);
	wrong(holds_vmptrld(h, 1, VMCS), "VMPTRLD of a VMCS that another");
	wrong(holds_vmclear(h, 1, VMCS), "VMCLEAR of a VMCS that another");
	right(holds_vmclear(h, 0, VMCS));
	right(holds_vmptrld(h, 1, VMCS));
	wrong(holds_vmptrld(h, 0, VMCS), "another");
}

static void test_a_page_is_freed_without_a_vmcs_in_it(void **state)
{
	(void)state;
	make_vmcs(1, VMCS);
	wrong(holds_freed(h, VMCS), "freed while");
	right(holds_vmclear(h, 1, VMCS));
	right(holds_freed(h, VMCS));
	/* What is there now is no VMCS. */
	wrong(holds_vmptrld(h, 1, VMCS), "without VMCLEAR");
}

static void test_vmx_operation_is_left_without_a_vmcs(void **state)
{
	(void)state;
	right(holds_ended(h, 0));
	make_vmcs(1, VMCS);
	right(holds_ended(h, 0));
	wrong(holds_ended(h, 1), "left with a VMCS active");
	/* One that is not current is active still. */
	make_vmcs(1, OTHER_VMCS);
	right(holds_vmclear(h, 1, OTHER_VMCS));
	wrong(holds_ended(h, 1), "left with a VMCS active");
	right(holds_vmclear(h, 1, VMCS));
	right(holds_ended(h, 1));
}

static void test_the_vmcs_of_an_entry_is_the_one_that_was_loaded(void **state)
{
	(void)state;
	make_vmcs(0, VMCS);
	make_vmcs(0, OTHER_VMCS);
	wrong(holds_run(h, 0, VMCS, false), "not this VP's");
	right(holds_vmptrld(h, 0, VMCS));
	right(holds_run(h, 0, VMCS, false));
	wrong(holds_run(h, 1, VMCS, false), "not this VP's");
	/* VMCLEAR of the current one leaves none. */
	right(holds_vmclear(h, 0, VMCS));
	wrong(holds_run(h, 0, VMCS, false), "not this VP's");
}

static void test_vmresume_is_of_one_that_was_launched(void **state)
{
	(void)state;
	make_vmcs(0, VMCS);
	wrong(holds_run(h, 0, VMCS, true), "VMRESUME");
	right(holds_run(h, 0, VMCS, false));
	/* An entry that failed has not launched it. */
	right(holds_run(h, 0, VMCS, false));
	holds_has_run(h, 0);
	wrong(holds_run(h, 0, VMCS, false), "VMLAUNCH");
	right(holds_run(h, 0, VMCS, true));
	make_vmcs(0, OTHER_VMCS);
	right(holds_vmptrld(h, 0, VMCS));
	right(holds_run(h, 0, VMCS, true));
	right(holds_vmclear(h, 0, VMCS));
	right(holds_vmptrld(h, 0, VMCS));
	right(holds_run(h, 0, VMCS, false));
}

/* ---- Of a space ---- */

static void test_a_change_needs_invept_where_it_may_be_cached(void **state)
{
	(void)state;
	right(enter(0));
	right(enter(1));
	holds_changed(h, SPACE);
	holds_drop_space(h, 0, SPACE);
	right(holds_flushed(h, SPACE, false));
	right(enter(0));
	wrong(enter(1), "INVEPT");
	holds_drop_all(h, 1);
	right(enter(1));
	/* A processor on which it has never been has nothing of it. */
	right(enter(2));
}

static void test_invept_comes_behind_the_change(void **state)
{
	(void)state;
	right(enter(0));
	holds_drop_space(h, 0, SPACE);
	/* Another entry in between may fill. */
	right(enter(0));
	holds_changed(h, SPACE);
	right(holds_flushed(h, SPACE, false));
	wrong(enter(0), "INVEPT");
}

static void test_invept_is_of_that_space(void **state)
{
	(void)state;
	right(enter(0));
	holds_changed(h, SPACE);
	right(holds_flushed(h, SPACE, false));
	holds_drop_space(h, 0, OTHER_SPACE);
	holds_drop_vp(h, 0, VP);
	holds_drop_vps(h, 0);
	wrong(enter(0), "INVEPT");
}

static void test_what_is_of_another_space_stays(void **state)
{
	(void)state;
	right(enter(0));
	holds_changed(h, OTHER_SPACE);
	right(holds_flushed(h, OTHER_SPACE, false));
	right(enter(0));
}

static void test_a_top_table_is_used_again(void **state)
{
	(void)state;
	right(enter(0));
	holds_new_space(h, SPACE);
	wrong(enter(0), "INVEPT");
	holds_drop_space(h, 0, SPACE);
	right(enter(0));
}

static void test_nobody_is_inside_while_it_is_flushed(void **state)
{
	(void)state;
	holds_changed(h, SPACE);
	wrong(holds_flushed(h, SPACE, true), "is in a guest");
}

static void test_a_table_is_freed_behind_the_flush(void **state)
{
	(void)state;
	holds_changed(h, SPACE);
	right(holds_table_freed(h, OTHER_SPACE, false));
	wrong(holds_table_freed(h, SPACE, false), "before the flush");
	right(holds_flushed(h, SPACE, false));
	right(holds_table_freed(h, SPACE, false));
	wrong(holds_table_freed(h, SPACE, true), "in a guest");
}

static void test_a_change_is_flushed_before_the_lock_is_given_away(void **state)
{
	(void)state;
	right(holds_leave(h));
	holds_changed(h, SPACE);
	holds_changed(h, SPACE);
	holds_changed(h, OTHER_SPACE);
	right(holds_flushed(h, SPACE, false));
	wrong(holds_leave(h), "not flushed");
	right(holds_flushed(h, OTHER_SPACE, false));
	right(holds_leave(h));
	/* A flush too many is none too few the next time. */
	right(holds_flushed(h, SPACE, false));
	holds_changed(h, SPACE);
	wrong(holds_leave(h), "not flushed");
}

/* ---- Of a VP ---- */

static const char *enter_with(struct holds_paging p)
{
	return holds_enter_vpid(h, 0, SPACE, VP, &p, true);
}

static void test_a_new_vp_needs_invvpid(void **state)
{
	(void)state;
	right(enter(0));
	holds_new_vp(h, VP);
	wrong(enter(0), "INVVPID");
	holds_drop_vp(h, 0, OTHER_VP);
	wrong(enter(0), "INVVPID");
	holds_drop_vp(h, 0, VP);
	right(enter(0));
	holds_new_vp(h, VP);
	holds_drop_vps(h, 0);
	right(enter(0));
	/* Linear translations are of both tables: INVEPT drops them (28.3.3.1). */
	holds_new_vp(h, VP);
	holds_drop_space(h, 0, SPACE);
	right(enter(0));
	holds_new_vp(h, VP);
	holds_drop_space(h, 0, OTHER_SPACE);
	wrong(enter(0), "INVVPID");
	holds_drop_all(h, 0);
	right(enter(0));
}

static void test_without_vpids_each_entry_drops(void **state)
{
	(void)state;
	right(holds_enter_vpid(h, 0, SPACE, VP, &paging, false));
	holds_new_vp(h, VP);
	right(holds_enter_vpid(h, 0, SPACE, VP, &paging, false));
}

static void test_paging_that_we_change_needs_invvpid(void **state)
{
	static const struct holds_paging flushes[] = {
		{ 0, 0x1000, BIT(5) },                 /* PG */
		{ BIT(31), 0x2000, BIT(5) },           /* CR3 */
		{ BIT(31), 0x1000, 0 },                /* PAE */
		{ BIT(31), 0x1000, BIT(5) | BIT(7) },  /* PGE */
		{ BIT(31), 0x1000, BIT(5) | BIT(20) }, /* SMEP on */
	};
	static const struct holds_paging keeps[] = {
		{ BIT(31) | BIT(16) | BIT(3), 0x1000, BIT(5) }, /* WP, TS */
		{ BIT(31), 0x1000, BIT(5) | BIT(17) },          /* PCIDE on */
		{ BIT(31), 0x1000, BIT(5) | BIT(9) | BIT(21) }, /* SSE, SMAP */
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(flushes); i++) {
		holds_drop_all(h, 0);
		holds_exited(h, VP, &paging);
		right(enter(0));
		wrong(enter_with(flushes[i]), "INVVPID");
		holds_exited(h, VP, &paging);
		holds_drop_vp(h, 0, VP);
		right(enter_with(flushes[i]));
	}
	for (u32 i = 0; i < ARRAY_LEN(keeps); i++) {
		holds_drop_all(h, 0);
		holds_exited(h, VP, &paging);
		right(enter(0));
		right(enter_with(keeps[i]));
	}
	/* And off again: PCIDE drops, SMEP does not. */
	holds_drop_all(h, 0);
	holds_exited(h, VP, &keeps[1]);
	right(enter_with(keeps[1]));
	wrong(enter(0), "INVVPID");
	holds_drop_all(h, 0);
	holds_exited(h, VP, &flushes[4]);
	right(enter_with(flushes[4]));
	right(enter(0));
}

static void test_what_the_guest_changes_it_has_flushed(void **state)
{
	struct holds_paging p = { BIT(31), 0x5000, BIT(5) };

	(void)state;
	right(enter(0));
	holds_exited(h, VP, &p);
	right(enter_with(p));
}

/* What it left in one of them is old: it has run on the other, and flushed only that. */
static void test_a_vp_that_moves(void **state)
{
	(void)state;
	right(enter(0));
	right(enter(1));
	right(enter(1));
	wrong(enter(0), "VP");
	holds_drop_vp(h, 0, VP);
	right(enter(0));
	wrong(enter(1), "VP");
	holds_drop_all(h, 1);
	right(enter(1));
}

/* ---- By ASID ---- */

static const char *run(u32 cpu, u32 asid, u64 space, u32 vp,
                       enum holds_drop drop)
{
	return holds_enter_asid(h, cpu, space, vp, &paging, asid, drop);
}

static void test_an_asid_is_of_one_vp(void **state)
{
	(void)state;
	holds_exited(h, VP, &paging);
	holds_exited(h, OTHER_VP, &paging);
	right(run(0, ASID, SPACE, VP, HOLDS_DROP_NONE));
	right(run(0, ASID, SPACE, VP, HOLDS_DROP_NONE));
	wrong(run(0, ASID, SPACE, OTHER_VP, HOLDS_DROP_NONE), "ASID");
	wrong(run(0, ASID, OTHER_SPACE, VP, HOLDS_DROP_NONE), "ASID");
	/* Another number, another processor. */
	right(run(0, ASID + 1, SPACE, OTHER_VP, HOLDS_DROP_NONE));
	right(run(1, ASID, SPACE, OTHER_VP, HOLDS_DROP_NONE));
	right(run(0, ASID, SPACE, OTHER_VP, HOLDS_DROP_ASID));
	right(run(0, ASID, SPACE, VP, HOLDS_DROP_ALL));
	right(run(0, ASID + 1, SPACE, VP, HOLDS_DROP_NONE));
}

static void test_an_asid_of_a_vp_that_moves(void **state)
{
	(void)state;
	holds_exited(h, VP, &paging);
	right(run(0, ASID, SPACE, VP, HOLDS_DROP_NONE));
	right(run(1, ASID, SPACE, VP, HOLDS_DROP_NONE));
	wrong(run(0, ASID, SPACE, VP, HOLDS_DROP_NONE), "ASID");
	right(run(0, ASID + 1, SPACE, VP, HOLDS_DROP_NONE));
}

static void test_an_asid_is_flushed_behind_changes(void **state)
{
	(void)state;
	holds_exited(h, VP, &paging);
	right(run(0, ASID, SPACE, VP, HOLDS_DROP_NONE));
	holds_changed(h, OTHER_SPACE);
	right(holds_flushed(h, OTHER_SPACE, false));
	right(run(0, ASID, SPACE, VP, HOLDS_DROP_NONE));
	holds_changed(h, SPACE);
	right(holds_flushed(h, SPACE, false));
	wrong(run(0, ASID, SPACE, VP, HOLDS_DROP_NONE), "ASID");
	/* Not that of another processor. */
	right(run(1, ASID, SPACE, VP, HOLDS_DROP_ALL));
	wrong(run(0, ASID, SPACE, VP, HOLDS_DROP_NONE), "ASID");
	right(run(0, ASID, SPACE, VP, HOLDS_DROP_ASID));
	holds_new_vp(h, VP);
	wrong(run(0, ASID, SPACE, VP, HOLDS_DROP_NONE), "ASID");
	right(run(0, ASID, SPACE, VP, HOLDS_DROP_ALL));
	holds_exited(h, VP, &(struct holds_paging){ BIT(31), 0x9000, BIT(5) });
	wrong(run(0, ASID, SPACE, VP, HOLDS_DROP_NONE), "ASID");
}

/* ---- Bounds ---- */

/* More than are written down: what is forgotten is not found, and nothing else is. */
static void test_many_are_forgotten_and_never_wrong(void **state)
{
	(void)state;
	for (u32 i = 1; i < 4 * HOLDS_SPACES; i++) {
		u64 space = (u64)i << PAGE_SHIFT;

		right(holds_enter_vpid(h, 0, space, VP, &paging, false));
		holds_changed(h, space);
		right(holds_flushed(h, space, false));
		right(holds_leave(h));
	}
	for (u32 i = 1; i < 2 * HOLDS_VMCSS; i++)
		right(holds_vmclear(h, 0, (u64)i << PAGE_SHIFT));
	right(holds_enter_vpid(h, HOLDS_CPUS, SPACE, VP, &paging, true));
	right(holds_enter_vpid(h, 0, SPACE, HOLDS_VPS, &paging, true));
	right(run(0, HOLDS_ASIDS, SPACE, VP, HOLDS_DROP_NONE));
	right(holds_vmptrld(h, HOLDS_CPUS, VMCS));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_a_vmcs_needs_vmclear_once_it_was_written),
		CASE(test_a_vmcs_is_active_on_one_processor),
		CASE(test_a_page_is_freed_without_a_vmcs_in_it),
		CASE(test_vmx_operation_is_left_without_a_vmcs),
		CASE(test_the_vmcs_of_an_entry_is_the_one_that_was_loaded),
		CASE(test_vmresume_is_of_one_that_was_launched),
		CASE(test_a_change_needs_invept_where_it_may_be_cached),
		CASE(test_invept_comes_behind_the_change),
		CASE(test_invept_is_of_that_space),
		CASE(test_what_is_of_another_space_stays),
		CASE(test_a_top_table_is_used_again),
		CASE(test_nobody_is_inside_while_it_is_flushed),
		CASE(test_a_table_is_freed_behind_the_flush),
		CASE(test_a_change_is_flushed_before_the_lock_is_given_away),
		CASE(test_a_new_vp_needs_invvpid),
		CASE(test_without_vpids_each_entry_drops),
		CASE(test_paging_that_we_change_needs_invvpid),
		CASE(test_what_the_guest_changes_it_has_flushed),
		CASE(test_an_asid_is_of_one_vp),
		CASE(test_an_asid_is_flushed_behind_changes),
		CASE(test_an_asid_of_a_vp_that_moves),
		CASE(test_a_vp_that_moves),
		CASE(test_many_are_forgotten_and_never_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
