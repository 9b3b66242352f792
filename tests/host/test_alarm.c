/*
 * hv/vp/alarm.c: whose alarm is first, against a list that is searched.
 */
#include "hv/base/cpu.h"
#include "hv/vp/alarm.h"
#include "tests/host/fixture/test.h"

#define VPS 200

static struct vp *vps;

static int setup(void **state)
{
	guest_setup(state);
	vps = calloc(VPS, sizeof(*vps));
	assert_non_null(vps);
	for (u32 i = 0; i < VPS; i++)
		vps[i].cpu = &fake.cpu;
	return 0;
}

static int teardown(void **state)
{
	free(vps);
	fake.cpu.alarm_count = 0;
	return fake_teardown(state);
}

static u64 least(void)
{
	u64 at = ~0ull;

	for (u32 i = 0; i < VPS; i++)
		if (vps[i].alarm && vps[i].alarm_at < at)
			at = vps[i].alarm_at;
	return at;
}

static u32 count(void)
{
	u32 n = 0;

	for (u32 i = 0; i < VPS; i++)
		n += vps[i].alarm != 0;
	return n;
}

static void expect_first(void)
{
	const struct vp *first = alarm_first(&fake.cpu);

	assert_int_equal(fake.cpu.alarm_count, count());
	if (count() == 0) {
		assert_null(first);
		return;
	}
	assert_non_null(first);
	assert_int_equal(first->alarm_at, least());
}

/* A small range of times: many are the same. */
static void test_any_order(void **state)
{
	static const u64 ranges[] = { 3, 50, ~0ull };
	u64 seed = 7;

	(void)state;
	for (u32 r = 0; r < ARRAY_LEN(ranges); r++) {
		for (u32 i = 0; i < 20000; i++) {
			struct vp *vp = &vps[fake_random(&seed) % VPS];

			if (fake_random(&seed) % 3)
				alarm_set(vp, fake_random(&seed) % ranges[r]);
			else
				alarm_clear(vp);
			expect_first();
		}
	}
}

/* They come off in the order of their times. */
static void test_in_order_of_time(void **state)
{
	u64 seed = 9, last = 0;
	struct vp *vp;

	(void)state;
	for (u32 i = 0; i < VPS; i++)
		alarm_set(&vps[i], fake_random(&seed) % 1000);
	for (u32 i = 0; i < VPS; i++) {
		vp = alarm_first(&fake.cpu);
		assert_true(vp->alarm_at >= last);
		last = vp->alarm_at;
		alarm_clear(vp);
	}
	assert_null(alarm_first(&fake.cpu));
}

static void test_one_a_vp(void **state)
{
	(void)state;
	alarm_clear(&vps[0]);
	assert_null(alarm_first(&fake.cpu));
	alarm_set(&vps[0], 5);
	alarm_set(&vps[1], 6);
	alarm_set(&vps[0], 7);
	assert_ptr_equal(alarm_first(&fake.cpu), &vps[1]);
	assert_int_equal(fake.cpu.alarm_count, 2);
	alarm_clear(&vps[1]);
	alarm_clear(&vps[1]);
	assert_ptr_equal(alarm_first(&fake.cpu), &vps[0]);
	assert_int_equal(vps[0].alarm_at, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_any_order, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(test_in_order_of_time, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(test_one_a_vp, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
