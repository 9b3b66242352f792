/*
 * hv/memory/gpa.c over arch/x86_64/common/slat.c: overlays, walks.
 */
#include "hv/memory/frame.h"
#include "hv/memory/gpa.h"
#include "hv/vp/partition.h"
#include "tests/host/fixture/test.h"

static struct gpa_overlay records[GPA_OVERLAYS];

static struct partition *child(u32 pages)
{
	memset(records, 0, sizeof(records));
	return guest_partition(guest_child(pages, 0));
}

static const u8 overlay_page[PAGE_SIZE] __attribute__((aligned(4096))) = { 1 };

static u64 seen_at(struct partition *p, u64 gpn)
{
	struct arch_mapping m;

	return arch_space_lookup(&p->space.arch, gpa_of_page(gpn), &m)
	               ? m.page.v
	               : 0;
}

static void test_overlay_covers_and_uncovers(void **state)
{
	struct partition *p = child(30);
	hpa_t a = hpa_of_page(guest_page()), b = hpa_of_page(guest_page());
	u64 overlay = arch_page_hpa(overlay_page).v;
	u64 in_use;
	struct arch_mapping m;

	(void)state;
	assert_ok(gpa_map(&p->space, 8, a, 7));
	in_use = p->pool.in_use;
	assert_ok(gpa_overlay_set(&p->space, &records[0], 8, overlay_page, 1));
	assert_int_equal(seen_at(p, 8), overlay);
	assert_true(gpa_has_overlay(&p->space, 8));
	assert_null(gpa_pin(&p->space, gpa_of(0x8000), 8, 1));
	assert_true(gpa_lookup(&p->space, 8, &m));
	assert_int_equal(m.page.v, a.v);
	/* Under the overlay the parent's mapping lives on. */
	assert_ok(gpa_map(&p->space, 8, b, 3));
	assert_int_equal(seen_at(p, 8), overlay);
	assert_int_equal(frame_mappings(a), 0);
	/* Moved: the old place shows what was mapped, the new is covered. */
	assert_ok(gpa_overlay_set(&p->space, &records[0], 1 << 20, overlay_page,
	                          1));
	assert_int_equal(seen_at(p, 8), b.v);
	assert_int_equal(seen_at(p, 1 << 20), overlay);
	assert_false(gpa_lookup(&p->space, 1 << 20, &m));
	gpa_overlay_clear(&p->space, &records[0]);
	assert_int_equal(seen_at(p, 1 << 20), 0);
	gpa_overlay_clear(&p->space, &records[0]);
	assert_int_equal(p->pool.in_use, in_use);
	assert_int_equal(p->space.mapped, 1);
}

static void test_overlay_refusals(void **state)
{
	struct partition *p = child(30);

	(void)state;
	assert_ok(gpa_overlay_set(&p->space, &records[0], 9, overlay_page, 1));
	assert_ok(gpa_overlay_set(&p->space, &records[0], 9, overlay_page, 1));
	assert_int_equal(
		gpa_overlay_set(&p->space, &records[1], 9, overlay_page, 1),
		HV_STATUS_INVALID_PARAMETER);
	assert_int_equal(gpa_overlay_set(&p->space, &records[1], gpa_limit(),
	                                 overlay_page, 1),
	                 HV_STATUS_INVALID_PARAMETER);
}

/*
 * Where there is no memory for its tables an overlay is there and does not show: until
 * somebody asks again with memory, or a page is mapped beneath it.
 */
static void test_overlay_in_a_dry_pool(void **state)
{
	struct partition *p = child(30);
	hpa_t page = hpa_of_page(guest_page());
	u64 far = 1ull << 27;
	struct arch_mapping m;

	(void)state;
	assert_ok(gpa_overlay_set(&p->space, &records[0], 9, overlay_page, 1));
	while (p->pool.available)
		assert_non_null(pool_alloc(&p->pool));
	/* The tables of the old place, three of them, are those of the new one. */
	assert_ok(
		gpa_overlay_set(&p->space, &records[0], far, overlay_page, 1));
	assert_false(gpa_has_overlay(&p->space, 9));
	assert_true(gpa_has_overlay(&p->space, far));
	assert_true(arch_space_lookup(&p->space.arch, gpa_of_page(far), &m));
	assert_false(gpa_overlay_show(&p->space, far));
	assert_ok(gpa_overlay_set(&p->space, &records[1], 2 * far, overlay_page,
	                          1));
	assert_true(gpa_has_overlay(&p->space, 2 * far));
	assert_false(
		arch_space_lookup(&p->space.arch, gpa_of_page(2 * far), &m));
	assert_false(gpa_overlay_show(&p->space, 2 * far));
	assert_false(gpa_overlay_show(&p->space, 2 * far + 1));
	assert_int_equal(gpa_map(&p->space, 2 * far, page, 7),
	                 HV_STATUS_INSUFFICIENT_MEMORY);
	assert_int_equal(frame_mappings(page), 0);
	/* One that never showed goes without a trace. */
	gpa_overlay_clear(&p->space, &records[1]);
	assert_false(gpa_has_overlay(&p->space, 2 * far));
	assert_ok(gpa_overlay_set(&p->space, &records[1], 2 * far, overlay_page,
	                          1));
	guest_deposit(p->id, 2);
	assert_false(gpa_overlay_show(&p->space, 2 * far));
	guest_deposit(p->id, 1);
	assert_true(gpa_overlay_show(&p->space, 2 * far));
	assert_true(
		arch_space_lookup(&p->space.arch, gpa_of_page(2 * far), &m));
	assert_int_equal(m.rights, 1);
	assert_ptr_equal(arch_page(m.page), overlay_page);
	assert_ok(gpa_map(&p->space, 2 * far, page, 7));
	gpa_overlay_clear(&p->space, &records[1]);
	assert_true(
		arch_space_lookup(&p->space.arch, gpa_of_page(2 * far), &m));
	assert_int_equal(m.page.v, page.v);
}

/* Every mapped page once, in order; overlays without a page under are none. */
static void test_next_finds_exactly_the_mapped(void **state)
{
	static const u64 mapped[] = { 0,   1,    7,          511,
		                      512, 5000, 1ull << 27, (1ull << 33) + 3 };
	struct partition *p = child(60);
	hpa_t page = hpa_of_page(guest_page());
	struct arch_mapping m;
	enum arch_next r;
	u32 found = 0, calls = 0;
	u64 gpn = 0;

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(mapped); i++)
		assert_ok(gpa_map(&p->space, mapped[i], page, 1));
	assert_ok(gpa_overlay_set(&p->space, &records[0], 7, overlay_page, 1));
	assert_ok(
		gpa_overlay_set(&p->space, &records[1], 300, overlay_page, 1));
	assert_ok(gpa_overlay_set(&p->space, &records[2], 1ull << 30,
	                          overlay_page, 1));
	do {
		u32 budget = 3;

		r = gpa_next(&p->space, &gpn, &m, &budget);
		assert_true(++calls < 20000);
		if (r != ARCH_NEXT_FOUND)
			continue;
		assert_true(found < ARRAY_LEN(mapped));
		assert_int_equal(gpn, mapped[found++]);
		assert_int_equal(m.page.v, page.v);
		gpn++;
	} while (r != ARCH_NEXT_END);
	assert_int_equal(found, ARRAY_LEN(mapped));
}

/* ---- A model, against which random operations are compared ---- */

#define PLACES 64 /* 97 pages apart */
#define KINDS 12  /* of overlays */

static struct {
	u64 page[PLACES]; /* what the parent mapped there, 0: nothing */
	u32 place[KINDS]; /* where an overlay is, PLACES: nowhere */
} model;

/* The overlay at a place, KINDS: none. */
static u32 model_overlay(u32 place)
{
	u32 kind = 0;

	while (kind < KINDS && model.place[kind] != place)
		kind++;
	return kind;
}

static void random_step(struct partition *p, const u64 *pages, u64 r)
{
	u32 at = r >> 8 & 63, kind = (u32)(r >> 16) % KINDS;
	u64 gpn = at * 97;
	u32 there = model_overlay(at);
	bool free = there == KINDS || there == kind;

	if ((r & 3) == 0) {
		model.page[at] = pages[r >> 20 & 7];
		assert_ok(gpa_map(&p->space, gpn, hpa_of_page(model.page[at]),
		                  7));
	} else if ((r & 3) == 1) {
		model.page[at] = 0;
		gpa_unmap(&p->space, gpn);
	} else if ((r & 3) == 2) {
		assert_int_equal(gpa_overlay_set(&p->space, &records[kind], gpn,
		                                 overlay_page, 1),
		                 free ? HV_STATUS_SUCCESS
		                      : HV_STATUS_INVALID_PARAMETER);
		model.place[kind] = free ? at : model.place[kind];
	} else if ((r & 7) == 7) {
		gpa_overlay_clear(&p->space, &records[kind]);
		model.place[kind] = PLACES;
	}
}

static void expect_as_model(struct partition *p, u32 at)
{
	u64 gpn = at * 97, covered = arch_page_hpa(overlay_page).v;
	bool has_overlay = model_overlay(at) < KINDS;
	struct arch_mapping m;

	assert_int_equal(gpa_has_overlay(&p->space, gpn), has_overlay);
	assert_int_equal(gpa_lookup(&p->space, gpn, &m), model.page[at] != 0);
	if (model.page[at])
		assert_int_equal(m.page.v >> PAGE_SHIFT, model.page[at]);
	if (has_overlay || model.page[at])
		assert_int_equal(seen_at(p, gpn),
		                 has_overlay ? covered
		                             : model.page[at] << PAGE_SHIFT);
}

static void test_random_operations_match_a_model(void **state)
{
	struct partition *p = child(64);
	u64 pages[8], seed = 42;

	(void)state;
	memset(&model, 0, sizeof(model));
	for (u32 kind = 0; kind < KINDS; kind++)
		model.place[kind] = PLACES;
	for (u32 i = 0; i < ARRAY_LEN(pages); i++)
		pages[i] = guest_page();
	for (u32 round = 0; round < 20000; round++) {
		u64 r = fake_random(&seed);

		random_step(p, pages, r);
		expect_as_model(p, r >> 8 & 63);
	}
	for (u32 at = 0; at < PLACES; at++) {
		expect_as_model(p, at);
		gpa_unmap(&p->space, at * 97);
	}
	for (u32 kind = 0; kind < KINDS; kind++)
		gpa_overlay_clear(&p->space, &records[kind]);
	assert_int_equal(p->space.overlay_count, 0);
	assert_int_equal(p->space.mapped, 0);
	assert_int_equal(p->pool.in_use, 1);
	for (u32 i = 0; i < ARRAY_LEN(pages); i++)
		assert_int_equal(frame_mappings(hpa_of_page(pages[i])), 0);
}

/* As many as there can be, put and taken in no order. */
static void test_all_overlays_at_once(void **state)
{
	struct partition *p = child(64);
	const u32 step = 37; /* coprime to the number of overlays */

	(void)state;
	for (u32 i = 0; i < GPA_OVERLAYS; i++)
		assert_ok(gpa_overlay_set(
			&p->space, &records[i * step % GPA_OVERLAYS],
			i * step % GPA_OVERLAYS * 3, overlay_page, 1));
	for (u64 gpn = 0; gpn < 3 * GPA_OVERLAYS; gpn++)
		assert_int_equal(gpa_has_overlay(&p->space, gpn), gpn % 3 == 0);
	for (u32 i = 0; i < GPA_OVERLAYS; i++) {
		gpa_overlay_clear(&p->space, &records[i * step % GPA_OVERLAYS]);
		assert_false(gpa_has_overlay(&p->space,
		                             i * step % GPA_OVERLAYS * 3));
	}
	assert_int_equal(p->space.overlay_count, 0);
	assert_int_equal(p->pool.in_use, 1);
}

#define RUN_FROM 440ull
#define RUN_OTHER 600ull
/*
 * Nothing is mapped there but an overlay, seen as the pages beside it: behind the first
 * page of a table, and in the middle of one, less than 64 pages from the page where a
 * run begins.
 */
static const u64 run_holes[] = { 514, 578 };
#define RUN_END 640ull

/* Every page of a run is there, with the rights of the first. */
static void check_run(const struct partition *p, u64 gpn)
{
	struct arch_cursor cursor = { .table = NULL };
	struct arch_mapping m, one;
	u32 count = gpa_run_near(&p->space, &cursor, gpn, 300, &m);

	assert_int_equal(count > 0, gpa_lookup(&p->space, gpn, &one));
	if (count > 0)
		assert_int_equal(m.page.v, one.page.v);
	for (u32 i = 0; i < count; i++) {
		assert_true(gpa_lookup(&p->space, gpn + i, &one));
		assert_int_equal(one.rights, m.rights);
	}
}

static bool is_run_hole(u64 gpn)
{
	return gpn == run_holes[0] || gpn == run_holes[1];
}

static void test_a_run_is_of_pages_alike(void **state)
{
	struct partition *p = child(30);
	hpa_t page = hpa_of_page(guest_page());
	struct arch_cursor cursor = { .table = NULL };
	struct arch_mapping m;

	(void)state;
	for (u64 gpn = RUN_FROM; gpn < RUN_END; gpn++)
		if (!is_run_hole(gpn))
			assert_ok(gpa_map(&p->space, gpn, page,
			                  gpn == RUN_OTHER ? 1 : 7));
	for (u32 i = 0; i < ARRAY_LEN(run_holes); i++)
		assert_ok(gpa_overlay_set(&p->space, &records[i], run_holes[i],
		                          overlay_page, 7));
	for (u64 gpn = RUN_FROM - 4; gpn < RUN_END + 4; gpn++)
		check_run(p, gpn);
	for (u32 i = 0; i < ARRAY_LEN(run_holes); i++)
		gpa_overlay_clear(&p->space, &records[i]);
	for (u64 gpn = RUN_FROM - 4; gpn < RUN_END + 4; gpn++)
		check_run(p, gpn);
	/* Up to the end of a table, to a hole, to another right, and as many as wanted. */
	assert_int_equal(gpa_run_near(&p->space, &cursor, RUN_FROM, 300, &m),
	                 512 - RUN_FROM);
	assert_int_equal(gpa_run_near(&p->space, &cursor, 520, 300, &m),
	                 run_holes[1] - 520);
	assert_int_equal(gpa_run_near(&p->space, &cursor, 580, 300, &m),
	                 RUN_OTHER - 580);
	assert_int_equal(gpa_run_near(&p->space, &cursor, 520, 10, &m), 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_overlay_covers_and_uncovers),
		TEST(test_overlay_refusals),
		TEST(test_overlay_in_a_dry_pool),
		TEST(test_next_finds_exactly_the_mapped),
		TEST(test_random_operations_match_a_model),
		TEST(test_all_overlays_at_once),
		TEST(test_a_run_is_of_pages_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
