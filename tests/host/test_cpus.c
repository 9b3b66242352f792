/*
 * hv/base/cpus.c: the machine's processors, and which of them a new VP of a child gets.
 */
#include "hv/base/cpus.h"
#include "hv/vp/partition.h"
#include "tests/host/fake/others.h"
#include "tests/host/fixture/test.h"

static void test_in_their_order(void **state)
{
	struct cpu *others[2];

	(void)state;
	assert_int_equal(cpus_count(), 1);
	assert_ptr_equal(cpus_at(0), &fake.cpu);
	assert_null(cpus_at(1));
	for (u32 i = 0; i < 2; i++) {
		others[i] = fake_processor_add(7 - i);
		assert_int_equal(cpus_count(), 2 + i);
	}
	assert_ptr_equal(cpus_at(0), &fake.cpu);
	assert_ptr_equal(cpus_at(1), others[0]);
	assert_ptr_equal(cpus_at(2), others[1]);
	assert_null(cpus_at(3));
	assert_null(cpus_at(HANDOFF_PROCESSORS - 1));
	assert_null(cpus_at(HANDOFF_PROCESSORS));
	assert_null(cpus_at(~0u));
	/* A new machine has none. */
	cpus_init();
	assert_int_equal(cpus_count(), 0);
	assert_null(cpus_at(0));
}

/* Each has a VP of the root, with its own number, that is in no ring. */
static void test_the_roots_vps(void **state)
{
	struct cpu *other = fake_processor_add(5);
	struct partition *root = fake_root();

	(void)state;
	assert_int_equal(root->vp_count, 2);
	assert_ptr_equal(root->vps[1], other->root);
	assert_ptr_equal(root->vps[1], other->current);
	assert_ptr_equal(root->vps[1]->cpu, other);
	assert_true(root->vps[1]->is_root);
	assert_false(list_linked(&other->ready) || list_linked(&other->asked));
	/* They are not counted: all that a processor has to do is children's. */
	assert_int_equal(fake.cpu.vps, 0);
	assert_int_equal(other->vps, 0);
}

static void add_again(void *cpu)
{
	cpus_add(cpu);
}

static void test_a_place_is_taken_once(void **state)
{
	struct cpu *other = fake_processor_add(5);

	(void)state;
	assert_true(fake_fails_check(add_again, other));
	other->index = HANDOFF_PROCESSORS;
	assert_true(fake_fails_check(add_again, other));
	other->index = HANDOFF_PROCESSORS - 1;
	assert_false(fake_fails_check(add_again, other));
}

static void test_the_least_loaded(void **state)
{
	static const struct {
		u32 vps[3];
		u32 least;
	} rows[] = {
		{ { 0, 0, 0 }, 2 }, { { 0, 0, 1 }, 1 }, { { 0, 1, 1 }, 0 },
		{ { 3, 2, 3 }, 1 }, { { 1, 1, 0 }, 2 }, { { 4, 5, 4 }, 2 },
		{ { 4, 4, 5 }, 1 },
	};

	(void)state;
	assert_ptr_equal(cpus_least(), &fake.cpu);
	fake_processor_add(1);
	fake_processor_add(2);
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		for (u32 c = 0; c < 3; c++)
			cpus_at(c)->vps = rows[i].vps[c];
		assert_ptr_equal(cpus_least(), cpus_at(rows[i].least));
	}
}

/* Wherever the call is made: the VPs of a child come to all processors in turn. */
static void test_a_child_is_spread(void **state)
{
	struct cpu *other = fake_processor_add(1);
	struct partition *p;
	u64 id = guest_child(100, 4);

	(void)state;
	p = guest_partition(id);
	for (u32 i = 0; i < 4; i++)
		assert_ptr_equal(p->vps[i]->cpu, i % 2 ? &fake.cpu : other);
	assert_int_equal(fake.cpu.vps, 2);
	assert_int_equal(other->vps, 2);
	/* Its place is free again, and the next one gets it. */
	assert_ok(guest_delete_vp(id, 1));
	assert_int_equal(fake.cpu.vps, 1);
	assert_int_equal(other->vps, 2);
	assert_ok(guest_create_vp(id, 1));
	assert_ptr_equal(p->vps[1]->cpu, &fake.cpu);
	assert_int_equal(fake.cpu.vps, 2);
}

/* One that was not made counts nothing, and those of a partition that goes no more. */
static void test_all_places_come_back(void **state)
{
	struct cpu *other = fake_processor_add(1);
	u64 id = guest_child(40, 1);
	enum hv_status status;
	u32 made = 0;

	(void)state;
	assert_int_not_equal(guest_create_vp(id, 0), HV_STATUS_SUCCESS);
	do {
		status = guest_create_vp(id, ++made);
	} while (status == HV_STATUS_SUCCESS);
	assert_int_equal(status, HV_STATUS_INSUFFICIENT_MEMORY);
	assert_int_equal(fake.cpu.vps + other->vps, made);
	guest_destroy(id);
	assert_int_equal(fake.cpu.vps, 0);
	assert_int_equal(other->vps, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_in_their_order),
		TEST(test_the_roots_vps),
		TEST(test_a_place_is_taken_once),
		TEST(test_the_least_loaded),
		TEST(test_a_child_is_spread),
		TEST(test_all_places_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
