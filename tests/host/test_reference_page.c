/*
 * hv/vp/reference.c: the page that says what the counter does, without an exit.
 */
#include "hv/run/exit.h"
#include "hv/run/msr.h"
#include "hv/vp/reference.h"
#include "hv/vp/vp_check.h"
#include "tests/host/fixture/clock.h"
#include "tests/host/fixture/test.h"

#define TICKS CLOCK_TICKS
#define UNITS CLOCK_UNITS
#define GPN 0x300ull
#define MSR HV_MSR_REFERENCE_TSC

static u64 id;
static struct partition *p;

static void make(u32 vps)
{
	p = clock_make(&id, vps);
}

static void enable(u64 gpn)
{
	assert_int_equal(vp_msr_write(p->vps[0], MSR, gpn << PAGE_SHIFT | 1),
	                 MSR_OK);
}

/* As the guest sees it, at the place it asked for. */
static const struct hv_reference_tsc_page *page(void)
{
	u64 gpn = p->reference.msr >> PAGE_SHIFT;
	struct arch_mapping m;

	assert_true(gpa_has_overlay(&p->space, gpn));
	assert_true(arch_space_lookup(&p->space.arch, gpa_of_page(gpn), &m));
	assert_int_equal(m.rights, ARCH_READ);
	return arch_page(m.page);
}

static u64 tsc_of(u32 vp)
{
	return fake.tsc + p->vps[vp]->state.tsc_offset;
}

static u64 formula(u64 tsc)
{
	return (u64)((unsigned __int128)tsc * page()->scale >> 64) +
	       page()->offset;
}

static void assert_near(u64 a, u64 b)
{
	assert_in_range(a - b + 1, 0, 2);
}

/* ---- The page ---- */

static void test_page_is_the_counter(void **state)
{
	static const u64 hz[] = { 2000000000, 2394230011, 10000001, 999999937,
		                  5000000000 };
	u64 seed = 7;

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(hz); i++) {
		fake.facts.tsc_hz = hz[i];
		make(2);
		clock_suspend(id, 0, 0);
		enable(GPN);
		for (u32 k = 0; k < 2000; k++) {
			assert_int_not_equal(page()->sequence, 0);
			assert_near(formula(tsc_of(0)), reference_time(p));
			assert_near(formula(tsc_of(1)), reference_time(p));
			fake.tsc += fake_random(&seed) >>
			            (28 + fake_random(&seed) % 36);
		}
		/* Years later it is the same still. */
		fake.tsc += BIT(58);
		assert_near(formula(tsc_of(0)), reference_time(p));
	}
}

static void test_scale_is_the_frequency(void **state)
{
	(void)state;
	make(1);
	clock_suspend(id, 0, 0);
	enable(GPN);
	/* 10^7 * 2^64 / (2 * 10^9) */
	assert_int_equal(page()->scale, 92233720368547758);
	assert_int_equal(page()->rsvd, 0);
}

static void test_time_stands_still_page_is_invalid(void **state)
{
	u32 before;

	(void)state;
	make(2);
	enable(GPN);
	assert_int_equal(page()->sequence, 0);
	clock_suspend(id, 0, 0);
	before = page()->sequence;
	assert_int_not_equal(before, 0);
	clock_suspend(id, 1, 0);
	clock_suspend(id, 0, 1);
	assert_int_not_equal(page()->sequence, 0);
	clock_suspend(id, 1, 1);
	assert_int_equal(page()->sequence, 0);
	fake.tsc += 12345678;
	clock_suspend(id, 0, 0);
	assert_int_not_equal(page()->sequence, before);
	assert_near(formula(tsc_of(0)), reference_time(p));
}

/* One page for all: it holds where their TSCs are one. */
static void test_tscs_that_differ(void **state)
{
	(void)state;
	make(3);
	clock_suspend(id, 0, 0);
	enable(GPN);
	assert_int_not_equal(page()->sequence, 0);
	for (u32 vp = 0; vp < 3; vp++) {
		assert_ok(guest_set(id, vp, HV_REGISTER_TSC, 1000000));
		assert_int_equal(page()->sequence != 0, vp == 2);
	}
	assert_near(formula(tsc_of(0)), reference_time(p));
	/* Who differs is deleted. */
	assert_ok(guest_set(id, 1, HV_REGISTER_TSC, 5));
	assert_int_equal(page()->sequence, 0);
	assert_ok(guest_delete_vp(id, 1));
	assert_int_not_equal(page()->sequence, 0);
	assert_near(formula(tsc_of(2)), reference_time(p));
	/* A new one joins the others. */
	assert_ok(guest_create_vp(id, 1));
	assert_int_not_equal(page()->sequence, 0);
	assert_near(formula(tsc_of(1)), reference_time(p));
}

/* A TSC that turns over: the page's product would, and its time with it. */
static void test_tsc_about_to_turn_over(void **state)
{
	(void)state;
	make(1);
	clock_suspend(id, 0, 0);
	enable(GPN);
	assert_ok(guest_set(id, 0, HV_REGISTER_TSC, BIT(63) - 1));
	assert_int_not_equal(page()->sequence, 0);
	assert_near(formula(tsc_of(0)), reference_time(p));
	assert_ok(guest_set(id, 0, HV_REGISTER_TSC, ~0ull - 1000));
	fake.tsc += 2000;
	if (page()->sequence != 0)
		assert_near(formula(tsc_of(0)), reference_time(p));
	assert_ok(guest_set(id, 0, HV_REGISTER_TSC, 10));
	assert_int_not_equal(page()->sequence, 0);
}

static void test_clock_that_is_too_slow(void **state)
{
	(void)state;
	fake.facts.tsc_hz = UNITS; /* the scale would need a 65th bit */
	make(1);
	clock_suspend(id, 0, 0);
	enable(GPN);
	assert_int_equal(page()->sequence, 0);
}

/* Two numbers mean that there is none: they are left out. */
static void test_sequence_turns_over(void **state)
{
	u32 expected[] = { 0xfffffffe, 1, 2 };

	(void)state;
	make(1);
	clock_suspend(id, 0, 0);
	enable(GPN);
	reference_set(p, reference_time(p), 0xfffffffd);
	for (u32 i = 0; i < ARRAY_LEN(expected); i++) {
		assert_int_equal(page()->sequence, expected[i]);
		reference_update(p);
	}
	reference_set(p, 5, 0xffffffff);
	assert_int_equal(page()->sequence, 1);
}

static void test_time_is_set(void **state)
{
	u32 before;

	(void)state;
	make(1);
	clock_suspend(id, 0, 0);
	enable(GPN);
	before = page()->sequence;
	reference_set(p, 1ull << 60, before);
	assert_int_equal(reference_time(p), 1ull << 60);
	assert_int_not_equal(page()->sequence, before);
	fake.tsc += 999 * TICKS;
	assert_int_equal(reference_time(p), (1ull << 60) + 999);
	assert_near(formula(tsc_of(0)), reference_time(p));
}

/* ---- A walk: whoever has read it knows when it no longer holds ---- */

static void one_step(u64 *seed)
{
	u32 vp = (u32)(fake_random(seed) % 3);
	u64 value = fake_random(seed) >> (1 + fake_random(seed) % 60);

	switch (fake_random(seed) % 8) {
	case 0:
	case 1:
		clock_suspend(id, vp, fake_random(seed) % 2);
		break;
	case 2:
		assert_ok(guest_set(id, vp, HV_REGISTER_TSC, value));
		break;
	case 3:
		for (u32 i = 0; i < 3; i++)
			assert_ok(guest_set(id, i, HV_REGISTER_TSC, value));
		break;
	case 4:
		vp_msr_write(p->vps[vp], MSR,
		             (GPN + value % 4) << PAGE_SHIFT |
		                     (value >> 5 & 1));
		break;
	case 5:
		if (vp)
			assert_ok(guest_delete_vp(id, vp));
		if (vp)
			assert_ok(guest_create_vp(id, vp));
		break;
	default:
		fake.tsc += fake_random(seed) % 100000000;
	}
}

static bool page_is_valid(void)
{
	return (p->reference.msr & 1) && page()->sequence;
}

static void test_sequence_changes_with_the_numbers(void **state)
{
	struct hv_reference_tsc_page seen = { .sequence = 0 };
	u64 seed = 77;
	u32 changes = 0, valid = 0;

	(void)state;
	make(3);
	enable(GPN);
	for (u32 i = 0; i < 30000; i++) {
		one_step(&seed);
		if (!page_is_valid())
			continue;
		valid++;
		assert_int_not_equal(page()->sequence, 0xffffffff);
		assert_true(p->reference.running);
		for (u32 vp = 0; vp < 3; vp++)
			assert_near(formula(tsc_of(vp)), reference_time(p));
		if (page()->sequence == seen.sequence)
			assert_memory_equal(page(), &seen, sizeof(seen));
		else
			changes++;
		seen = *page();
	}
	assert_true(valid > 2000 && changes > 1000);
}

/* ---- The overlay ---- */

static void test_overlay(void **state)
{
	u64 below = guest_page(), value;
	struct arch_mapping m;

	(void)state;
	make(1);
	clock_suspend(id, 0, 0);
	memset(guest_at(below << PAGE_SHIFT), 0x77, PAGE_SIZE);
	assert_ok(guest_map(id, GPN, below, 7));
	enable(GPN);
	assert_int_not_equal(page()->sequence, 0x77777777);
	assert_null(gpa_pin(&p->space, gpa_of_page(GPN), 8, ARCH_READ));
	enable(GPN + 1);
	assert_false(gpa_has_overlay(&p->space, GPN));
	assert_int_equal(guest_at(below << PAGE_SHIFT)[3], 0x77);
	assert_non_null(gpa_pin(&p->space, gpa_of_page(GPN), 8, 7));
	assert_true(page()->sequence > 0);
	assert_int_equal(vp_msr_write(p->vps[0], MSR, (GPN + 1) << PAGE_SHIFT),
	                 MSR_OK);
	assert_false(gpa_has_overlay(&p->space, GPN + 1));
	assert_false(
		arch_space_lookup(&p->space.arch, gpa_of_page(GPN + 1), &m));
	assert_int_equal(vp_msr_read(p->vps[0], MSR, &value), MSR_OK);
	assert_int_equal(value, (GPN + 1) << PAGE_SHIFT);
}

static void test_what_can_be_written(void **state)
{
	struct vp *vp;
	u64 value;

	(void)state;
	make(1);
	vp = p->vps[0];
	/* The guest's reserved bits do not stay, the parent's are refused. */
	assert_int_equal(vp_msr_write(vp, MSR, GPN << PAGE_SHIFT | 0xfff),
	                 MSR_OK);
	assert_int_equal(vp_msr_read(vp, MSR, &value), MSR_OK);
	assert_int_equal(value, GPN << PAGE_SHIFT | 1);
	for (u32 bit = 1; bit < 12; bit++) {
		assert_int_equal(
			guest_set(id, 0, HV_REGISTER_REFERENCE_TSC, BIT(bit)),
			HV_STATUS_INVALID_PARAMETER);
		assert_false(vp_check_page_value(BIT(bit)));
	}
	/* Beyond the space, and where another overlay is. */
	assert_int_equal(vp_msr_write(vp, MSR, gpa_limit() << PAGE_SHIFT),
	                 MSR_FAULT);
	assert_int_equal(vp_msr_write(vp, MSR, ~0ull), MSR_FAULT);
	assert_true(vp_check_page_value((gpa_limit() - 1) << PAGE_SHIFT | 1));
	assert_int_equal(vp_msr_write(vp, HV_MSR_GUEST_OS_ID, 1), MSR_OK);
	assert_int_equal(vp_msr_write(vp, HV_MSR_HYPERCALL, 0x5001), MSR_OK);
	assert_int_equal(vp_msr_write(vp, MSR, 0x5001), MSR_FAULT);
	assert_int_equal(guest_set(id, 0, HV_REGISTER_REFERENCE_TSC, 0x5001),
	                 HV_STATUS_INVALID_PARAMETER); /* D27 */
	assert_int_equal(guest_get64(id, 0, HV_REGISTER_REFERENCE_TSC), value);
	assert_true(gpa_has_overlay(&p->space, GPN));
	/* Without the privilege there is none; the root has one. */
	p->privileges &= ~HV_PRIVILEGE_ACCESS_REFERENCE_TSC;
	assert_int_equal(vp_msr_read(vp, MSR, &value), MSR_UNKNOWN);
	assert_int_equal(vp_msr_read(fake_root_vp(), MSR, &value), MSR_OK);
}

/* The page is the first VP's to bring: a write looks for no memory. */
static void test_page_and_pool(void **state)
{
	struct exit_memory e = { .gpa = gpa_of_page(GPN),
		                 .access = HV_INTERCEPT_READ };
	struct arch_mapping m;
	u64 value = 1;

	(void)state;
	make(1);
	assert_non_null(p->reference.page);
	while (p->pool.available > 0)
		assert_non_null(pool_alloc(&p->pool));
	assert_int_equal(vp_msr_write(p->vps[0], MSR, GPN << PAGE_SHIFT | 1),
	                 MSR_OK);
	assert_int_equal(vp_msr_read(p->vps[0], MSR, &value), MSR_OK);
	assert_int_equal(value, GPN << PAGE_SHIFT | 1);
	assert_true(gpa_has_overlay(&p->space, GPN));
	/* Without tables it does not show: its parent is told what is missing. */
	assert_int_equal(exit_memory(p->vps[0], &e), EXIT_SUSPENDED);
	assert_int_equal(p->vps[0]->message.type, HV_MESSAGE_UNMAPPED_GPA);
	guest_deposit(id, 3);
	assert_ok(guest_set(id, 0, HV_REGISTER_INTERCEPT_SUSPEND, 0));
	assert_int_equal(exit_memory(p->vps[0], &e), EXIT_AGAIN);
	assert_true(arch_space_lookup(&p->space.arch, gpa_of_page(GPN), &m));
	assert_int_equal(m.rights, ARCH_READ);
	assert_ptr_equal(arch_page(m.page), p->reference.page);
	/* And there it refuses a write. */
	e.mapped = true;
	e.access = HV_INTERCEPT_WRITE;
	assert_int_equal(exit_memory(p->vps[0], &e), EXIT_FAULT_GP);
}

/* It comes with the first VP and goes with the last, if it is not on. */
static void test_page_goes_with_the_last_vp(void **state)
{
	u64 in_use;

	(void)state;
	make(0);
	in_use = p->pool.in_use;
	for (u32 on = 0; on < 2; on++) {
		assert_ok(guest_create_vp(id, 3));
		assert_ok(guest_create_vp(id, 5));
		assert_int_equal(p->pool.in_use,
		                 in_use + 2 * (1 + VP_PAGES) + 1);
		if (on)
			assert_ok(guest_set(id, 3, HV_REGISTER_REFERENCE_TSC,
			                    1ull << 39 | 1));
		assert_ok(guest_delete_vp(id, 3));
		assert_non_null(p->reference.page);
		assert_ok(guest_delete_vp(id, 5));
		assert_int_equal(!p->reference.page, !on);
		assert_true(on || p->pool.in_use == in_use);
	}
	assert_ok(guest_create_vp(id, 3));
	assert_int_equal(p->pool.in_use, in_use + 1 + VP_PAGES + 1 + 3);
	guest_destroy(id);
}

/* Whatever was on, all pages come back. */
static void test_finalize(void **state)
{
	(void)state;
	for (u32 on = 0; on < 2; on++) {
		make(1);
		clock_suspend(id, 0, 0);
		enable(GPN);
		if (!on)
			assert_int_equal(vp_msr_write(p->vps[0], MSR, 0),
			                 MSR_OK);
		assert_non_null(p->reference.page);
		guest_destroy(id);
	}
}

/* A restored guest that was reading when it was saved notices. */
static void test_sequence_over_a_round(void **state)
{
	struct guest_stream s = { .data = NULL };
	u32 result, before;
	u64 time;

	(void)state;
	make(1);
	clock_suspend(id, 0, 0);
	enable(GPN);
	fake.tsc += 123456 * TICKS;
	before = page()->sequence;
	clock_suspend(id, 0, 1);
	time = reference_time(p);
	assert_ok(guest_save(id, 0, &s, &result));
	assert_int_equal(result, HV_STATE_COMPLETE);
	guest_destroy(id);
	fake.tsc += BIT(40);
	make(1);
	assert_ok(guest_restore(id, 0, &s, 4080, &result));
	assert_int_equal(result, HV_STATE_COMPLETE);
	guest_stream_free(&s);
	assert_int_equal(reference_time(p), time);
	assert_int_equal(page()->sequence, 0);
	clock_suspend(id, 0, 0);
	assert_int_not_equal(page()->sequence, 0);
	assert_int_not_equal(page()->sequence, before);
	fake.tsc += 50 * TICKS;
	assert_int_equal(reference_time(p), time + 50);
	assert_near(formula(tsc_of(0)), reference_time(p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_page_is_the_counter),
		TEST(test_scale_is_the_frequency),
		TEST(test_time_stands_still_page_is_invalid),
		TEST(test_tscs_that_differ),
		TEST(test_tsc_about_to_turn_over),
		TEST(test_clock_that_is_too_slow),
		TEST(test_sequence_turns_over),
		TEST(test_time_is_set),
		TEST(test_sequence_changes_with_the_numbers),
		TEST(test_overlay),
		TEST(test_what_can_be_written),
		TEST(test_page_and_pool),
		TEST(test_page_goes_with_the_last_vp),
		TEST(test_finalize),
		TEST(test_sequence_over_a_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
