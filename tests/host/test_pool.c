/*
 * hv/memory/pool.c: two lists, zeroed pages, balances.
 */
#include "hv/memory/frame.h"
#include "hv/memory/pool.h"
#include "tests/host/fixture/test.h"

static hpa_t deposited(void)
{
	hpa_t page = hpa_of_page(guest_page());

	memset(arch_page(page), 0xee, PAGE_SIZE);
	frame_set_owner(page, FRAME_DEPOSITED);
	return page;
}

static void assert_zero(const void *page)
{
	static const u8 zero[PAGE_SIZE];

	assert_memory_equal(page, zero, PAGE_SIZE);
}

static void test_empty_pool_gives_nothing(void **state)
{
	struct pool pool;
	hpa_t page;

	(void)state;
	pool_init(&pool);
	assert_null(pool_alloc(&pool));
	assert_false(pool_withdraw(&pool, &page));
	assert_int_equal(pool.available + pool.in_use, 0);
}

static void test_pages_come_zeroed_and_each_once(void **state)
{
	struct pool pool;
	void *pages[40];

	(void)state;
	pool_init(&pool);
	for (u32 i = 0; i < 40; i++)
		pool_add(&pool, deposited());
	assert_int_equal(pool.available, 40);
	for (u32 i = 0; i < 40; i++) {
		pages[i] = pool_alloc(&pool);
		assert_non_null(pages[i]);
		assert_zero(pages[i]);
		memset(pages[i], (int)i + 1, PAGE_SIZE);
	}
	assert_null(pool_alloc(&pool));
	for (u32 i = 0; i < 40; i++)
		assert_int_equal(((u8 *)pages[i])[100], i + 1);
	assert_int_equal(pool.in_use, 40);
	for (u32 i = 0; i < 40; i++)
		pool_free(&pool, pages[i]);
	assert_int_equal(pool.in_use, 0);
	assert_int_equal(pool.withdrawable, 40);
	for (u32 i = 0; i < 40; i++)
		assert_zero(pool_alloc(&pool));
}

static void test_withdraw_takes_deposited_pages_only(void **state)
{
	hpa_t reserved = hpa_of(fake.reserved_base);
	hpa_t page, mine = deposited();
	struct pool pool;
	void *taken;

	(void)state;
	pool_init(&pool);
	pool_add(&pool, reserved);
	pool_add(&pool, mine);
	assert_true(pool_withdraw(&pool, &page));
	assert_int_equal(page.v, mine.v);
	assert_zero(arch_page(page));
	assert_false(pool_withdraw(&pool, &page));
	assert_int_equal(pool.available, 1);
	taken = pool_alloc(&pool);
	assert_int_equal(arch_page_hpa(taken).v, reserved.v);
	pool_free(&pool, taken);
	assert_false(pool_withdraw(&pool, &page));
}

/* What a parent can have back stays in use as short as possible. */
static void test_deposited_pages_are_used_first(void **state)
{
	hpa_t mine = deposited();
	struct pool pool;

	(void)state;
	pool_init(&pool);
	pool_add(&pool, mine);
	pool_add(&pool, hpa_of(fake.reserved_base));
	assert_int_equal(arch_page_hpa(pool_alloc(&pool)).v, mine.v);
	assert_int_equal(pool.withdrawable, 0);
}

static void add_page_zero(void *pool)
{
	pool_add(pool, hpa_of(0));
}

static void free_too_much(void *pool)
{
	pool_free(pool, arch_page(hpa_of(fake.reserved_base)));
}

static void test_our_own_mistakes_stop_us(void **state)
{
	struct pool pool;

	(void)state;
	pool_init(&pool);
	assert_true(fake_fails_check(add_page_zero, &pool));
	assert_true(fake_fails_check(free_too_much, &pool));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_empty_pool_gives_nothing),
		TEST(test_pages_come_zeroed_and_each_once),
		TEST(test_withdraw_takes_deposited_pages_only),
		TEST(test_deposited_pages_are_used_first),
		TEST(test_our_own_mistakes_stop_us),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
