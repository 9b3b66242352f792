/*
 * hv/stream/context.c: two pages of the caller's, and when they go back.
 */
#include "hv/stream/context.h"
#include "tests/host/fixture/test.h"

static void test_open_find_close(void **state)
{
	struct partition *root = fake_root();
	struct partition *p = guest_partition(guest_child(40, 1));
	u64 in_use = root->pool.in_use;
	struct context *c, *system;

	(void)state;
	assert_null(context_find(root, p));
	c = context_open(root, p);
	assert_ptr_equal(context_find(root, p), c);
	assert_ptr_equal(c->target, p);
	assert_ptr_equal(c->owner, root);
	assert_ptr_equal(c->payload, c->buffer);
	assert_int_equal(root->pool.in_use, in_use + 2);
	system = context_open(root, NULL);
	assert_ptr_not_equal(system, c);
	assert_ptr_equal(context_find(root, NULL), system);
	assert_int_equal(root->pool.in_use, in_use + 4);
	context_close(p);
	context_close(p);
	assert_null(context_find(root, p));
	assert_int_equal(root->pool.in_use, in_use + 2);
	context_close_system(root);
	assert_int_equal(root->pool.in_use, in_use);
}

static void test_open_closes_the_one_before(void **state)
{
	struct partition *root = fake_root();
	struct partition *p = guest_partition(guest_child(40, 1));
	u64 in_use = root->pool.in_use;
	struct context *c;

	(void)state;
	for (u32 i = 0; i < 10; i++) {
		c = context_open(root, p);
		assert_false(c->restoring);
		assert_int_equal(c->sequence, 0);
		c->restoring = true;
		c->sequence = 99;
	}
	assert_int_equal(root->pool.in_use, in_use + 2);
	context_close(p);
}

/* The first or the second page is missing. */
static void test_dry_pool(void **state)
{
	struct partition *root = fake_root();
	struct partition *p = guest_partition(guest_child(40, 1));
	struct pool pool = root->pool;

	(void)state;
	while (root->pool.available > 1)
		assert_non_null(pool_alloc(&root->pool));
	assert_null(context_open(root, p));
	assert_int_equal(root->pool.available, 1);
	assert_non_null(pool_alloc(&root->pool));
	assert_null(context_open(root, p));
	assert_null(context_find(root, p));
	assert_int_equal(root->pool.in_use, pool.in_use + pool.available);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_open_find_close),
		TEST(test_open_closes_the_one_before),
		TEST(test_dry_pool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
