/*
 * parent/supply.c: deposits from a firmware whose pages are not all RAM.
 */
#include "parent/supply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "parent/transport.h"
#include "tests/host/fake/firmware.h"

#define CHILD 2
#define BIN 128u
#define LAST_PAGE (FIRMWARE_PAGES - 1u)

static int setup(void **state)
{
	(void)state;
	fake_firmware_reset();
	return 0;
}

static void set_no_ram(u32 first, u32 count)
{
	for (u32 i = first; i < first + count; i++)
		fake_firmware.no_ram[i] = true;
}

/* After the end all is the firmware's but for what the hypervisor took. */
static void check_end(u32 deposited)
{
	assert_int_equal(fake_firmware_count(FIRMWARE_DEPOSITED), deposited);
	supply_end();
	assert_int_equal(fake_firmware_count(FIRMWARE_TAKEN), 0);
	assert_int_equal(fake_firmware_count(FIRMWARE_FREE),
	                 FIRMWARE_PAGES - deposited);
}

/* ---- Deposits ---- */

static void test_all_are_ram(void **state)
{
	struct supply_outcome o = supply_deposit(CHILD, 40);

	(void)state;
	assert_int_equal(o.done, 40);
	assert_int_equal(o.aside, 0);
	assert_int_equal(o.page, 0);
	assert_int_equal(o.status, HV_STATUS_SUCCESS);
	assert_int_equal(fake_firmware_count(FIRMWARE_TAKEN), 0);
	check_end(40);
}

static void test_none_are_asked_for(void **state)
{
	struct supply_outcome o = supply_deposit(CHILD, 0);

	(void)state;
	assert_int_equal(o.done, 0);
	assert_int_equal(fake_firmware.deposits, 0);
	check_end(0);
}

/* The first that the firmware hands out, or somewhere in the middle. */
static void test_a_bin_is_passed_over(void **state)
{
	static const u32 places[] = { 0, 1, 7, 15, 16, 17, 40 };
	struct supply_outcome o;

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(places); i++) {
		fake_firmware_reset();
		set_no_ram(FIRMWARE_PAGES - BIN - places[i], BIN);
		o = supply_deposit(CHILD, 48);
		assert_int_equal(o.done, 48);
		assert_in_range(o.aside, BIN / 2, 2 * BIN);
		assert_int_equal(o.status, HV_STATUS_OPERATION_DENIED);
		assert_true(fake_firmware.no_ram[fake_firmware_place(
			o.page << PAGE_SHIFT)]);
		/* Few calls, however large the bin. */
		assert_true(fake_firmware.deposits < 16);
		check_end(48);
	}
}

static void test_single_pages_are_passed_over(void **state)
{
	struct supply_outcome o;

	(void)state;
	for (u32 i = 0; i < FIRMWARE_PAGES; i += 32)
		set_no_ram(LAST_PAGE - i, 1);
	o = supply_deposit(CHILD, 100);
	assert_int_equal(o.done, 100);
	check_end(100);
}

/* What was set aside is not handed out to the next who asks. */
static void test_what_is_aside_stays_there(void **state)
{
	struct supply_outcome o;
	u32 deposits;

	(void)state;
	set_no_ram(FIRMWARE_PAGES - BIN, BIN);
	o = supply_deposit(CHILD, 16);
	assert_int_equal(o.done, 16);
	deposits = fake_firmware.deposits;
	o = supply_deposit(CHILD, 16);
	assert_int_equal(o.done, 16);
	assert_int_equal(o.aside, 0);
	assert_int_equal(fake_firmware.deposits, deposits + 1);
	check_end(32);
}

static void test_no_page_is_ram(void **state)
{
	struct supply_outcome o;

	(void)state;
	set_no_ram(0, FIRMWARE_PAGES);
	o = supply_deposit(CHILD, 16);
	assert_int_equal(o.done, 0);
	assert_int_equal(o.status, HV_STATUS_OPERATION_DENIED);
	assert_in_range(o.page, fake_firmware_gpn(0),
	                fake_firmware_gpn(LAST_PAGE));
	assert_true(fake_firmware.deposits < 300);
	check_end(0);
}

/* Refusals that are never neighbours are borne a few hundred times. */
static void test_refusals_without_end(void **state)
{
	struct supply_outcome o;

	(void)state;
	/* Holes in the firmware's memory: there is never more than one page. */
	for (u32 i = 0; i < FIRMWARE_PAGES; i += 2)
		fake_firmware.page[i] = FIRMWARE_DEPOSITED;
	set_no_ram(0, FIRMWARE_PAGES);
	o = supply_deposit(CHILD, 16);
	assert_int_equal(o.done, 0);
	assert_int_equal(o.status, HV_STATUS_OPERATION_DENIED);
	assert_true(o.page);
	assert_true(fake_firmware.deposits < 300);
	check_end(FIRMWARE_PAGES / 2);
}

static void test_firmware_has_none(void **state)
{
	struct supply_outcome o;

	(void)state;
	for (u32 i = 0; i < FIRMWARE_PAGES; i++)
		fake_firmware.page[i] = FIRMWARE_DEPOSITED;
	o = supply_deposit(CHILD, 16);
	assert_int_equal(o.done, 0);
	assert_int_equal(o.page, 0);
	assert_int_equal(fake_firmware.deposits, 0);
	check_end(FIRMWARE_PAGES);
}

static void test_firmware_has_a_few(void **state)
{
	struct supply_outcome o;

	(void)state;
	for (u32 i = 5; i < FIRMWARE_PAGES; i++)
		fake_firmware.page[i] = FIRMWARE_DEPOSITED;
	set_no_ram(3, 1);
	o = supply_deposit(CHILD, 16);
	/* One page was refused, and one more set aside with it. */
	assert_in_range(o.done, 3, 4);
	check_end(FIRMWARE_PAGES - 5 + o.done);
}

/* Another answer than "this page is not RAM" is not about the page alone. */
static void test_another_answer_ends_it(void **state)
{
	static const enum hv_status answers[] = {
		HV_STATUS_INSUFFICIENT_MEMORY, HV_STATUS_OBJECT_IN_USE,
		HV_STATUS_INVALID_PARTITION_ID,
		HV_STATUS_SUCCESS, /* no reason at all */
	};
	struct supply_outcome o;

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(answers); i++) {
		fake_firmware_reset();
		fake_firmware.special_page = fake_firmware_gpn(LAST_PAGE - 20);
		fake_firmware.special_status = answers[i];
		o = supply_deposit(CHILD, 40);
		assert_int_equal(o.done, 20);
		assert_int_equal(o.page, fake_firmware.special_page);
		assert_int_equal(o.status, answers[i]);
		assert_int_equal(o.aside, 0);
		assert_int_equal(fake_firmware_count(FIRMWARE_TAKEN), 0);
		check_end(20);
	}
}

/* ---- Runs ---- */

#define RUN 64u

/* The hypervisor refuses this page of a run: what is where then. */
static void check_replace(u32 refused)
{
	u64 old, new;
	u32 place;

	fake_firmware_reset();
	old = transport_take(RUN, TRANSPORT_ANYWHERE);
	place = (u32)fake_firmware_place(old);
	new = supply_replace(old, RUN, old + refused * PAGE_SIZE,
	                     TRANSPORT_ANYWHERE);
	assert_true(new);
	/* The next run ends right below the refused page. */
	assert_int_equal(new, old - (RUN - refused) * PAGE_SIZE);
	for (u32 i = refused; i < RUN; i++)
		assert_int_equal(fake_firmware.page[place + i], FIRMWARE_TAKEN);
	assert_int_equal(fake_firmware_count(FIRMWARE_TAKEN),
	                 RUN + RUN - refused);
	transport_give(new, RUN);
	check_end(0);
}

static void test_replace(void **state)
{
	(void)state;
	for (u32 refused = 0; refused < RUN; refused++)
		check_replace(refused);
}

static void test_replace_keeps_the_limit(void **state)
{
	u64 last = FIRMWARE_BASE + 1000 * PAGE_SIZE - 1;
	u64 old = transport_take(RUN, last), new;

	(void)state;
	assert_int_equal(old, last + 1 - RUN * PAGE_SIZE);
	new = supply_replace(old, RUN, old, last);
	assert_int_equal(new, old - RUN * PAGE_SIZE);
	transport_give(new, RUN);
	check_end(0);
}

static void test_nothing_to_replace_with(void **state)
{
	u64 old = transport_take(FIRMWARE_PAGES, TRANSPORT_ANYWHERE);

	(void)state;
	assert_int_equal(supply_replace(old, FIRMWARE_PAGES,
	                                old + 100 * PAGE_SIZE,
	                                TRANSPORT_ANYWHERE),
	                 0);
	assert_int_equal(fake_firmware_count(FIRMWARE_FREE), 100);
	check_end(0);
}

/* When nothing more can be kept, nothing is lost. */
static void test_too_much_is_aside(void **state)
{
	u64 page, run;
	u32 count = 0;

	(void)state;
	do {
		page = transport_take(1, TRANSPORT_ANYWHERE);
		assert_true(page);
		count++;
	} while (supply_set_aside(page, 1));
	assert_true(count > 200);
	assert_int_equal(fake_firmware_count(FIRMWARE_TAKEN), count - 1);
	run = transport_take(RUN, TRANSPORT_ANYWHERE);
	assert_int_equal(
		supply_replace(run, RUN, run + PAGE_SIZE, TRANSPORT_ANYWHERE),
		0);
	assert_int_equal(fake_firmware_count(FIRMWARE_TAKEN), count - 1);
	check_end(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_all_are_ram, setup),
		cmocka_unit_test_setup(test_none_are_asked_for, setup),
		cmocka_unit_test_setup(test_a_bin_is_passed_over, setup),
		cmocka_unit_test_setup(test_single_pages_are_passed_over,
		                       setup),
		cmocka_unit_test_setup(test_what_is_aside_stays_there, setup),
		cmocka_unit_test_setup(test_no_page_is_ram, setup),
		cmocka_unit_test_setup(test_refusals_without_end, setup),
		cmocka_unit_test_setup(test_firmware_has_none, setup),
		cmocka_unit_test_setup(test_firmware_has_a_few, setup),
		cmocka_unit_test_setup(test_another_answer_ends_it, setup),
		cmocka_unit_test_setup(test_replace, setup),
		cmocka_unit_test_setup(test_replace_keeps_the_limit, setup),
		cmocka_unit_test_setup(test_nothing_to_replace_with, setup),
		cmocka_unit_test_setup(test_too_much_is_aside, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
