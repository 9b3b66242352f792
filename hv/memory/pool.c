/*
 * Page pools: two linked lists, threaded through the free pages themselves, so
 * that a pool of any size costs its owner nothing.
 */
#include "hv/memory/pool.h"

#include "hv/arch.h"
#include "hv/base/check.h"
#include "hv/memory/frame.h"

/* No list can contain page 0: it is the root's or nobody's. */
#define POOL_END 0

/*
 * The link is in the page itself, which nobody else reaches: it is in no
 * map.
 */
static void list_push(hpa_t *list, hpa_t page)
{
	u64 *link = arch_page(page);

	*link = list->v;
	*list = page;
}

static hpa_t list_pop(hpa_t *list)
{
	hpa_t page = *list;
	u64 *link = arch_page(page);

	list->v = *link;
	*link = 0;
	return page;
}

void pool_init(struct pool *pool)
{
	*pool = (struct pool){ .reserved = hpa_of(POOL_END) };
}

static void pool_put(struct pool *pool, hpa_t page)
{
	bool deposited = frame_owner(page) == FRAME_DEPOSITED;

	/* Before it is linked, as the link is its first word; and now, not when
	 * it is taken, so that what a VP or a table held never comes to the
	 * root with a page that it withdraws. */
	arch_zero_page(arch_page(page));
	list_push(deposited ? &pool->deposited : &pool->reserved, page);
	pool->withdrawable += deposited;
	pool->available++;
}

void pool_add(struct pool *pool, hpa_t page)
{
	CHECK(page.v != POOL_END);
	pool_put(pool, page);
}

void *pool_alloc(struct pool *pool)
{
	hpa_t page;

	if (pool->available == 0)
		return NULL;
	/* A partition lives on what was deposited for it; what came at boot,
	 * which the root alone has, is the last to go. */
	if (pool->withdrawable > 0) {
		page = list_pop(&pool->deposited);
		pool->withdrawable--;
	} else {
		page = list_pop(&pool->reserved);
	}
	pool->available--;
	pool->in_use++;
	return arch_page(page);
}

void pool_free(struct pool *pool, void *page)
{
	CHECK(pool->in_use > 0);
	pool->in_use--;
	pool_put(pool, arch_page_hpa(page));
}

bool pool_withdraw(struct pool *pool, hpa_t *page)
{
	if (pool->withdrawable == 0)
		return false;
	*page = list_pop(&pool->deposited);
	pool->withdrawable--;
	pool->available--;
	return true;
}
