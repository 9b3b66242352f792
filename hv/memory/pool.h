/*
 * A pool of whole pages: every partition has one. The pages were deposited by
 * the partition's parent (or reserved at boot, in the root's pool) and go back
 * through HvWithdrawMemory. Free pages are zero but for their first word, which
 * links them.
 */
#ifndef HV_POOL_H
#define HV_POOL_H

#include "hv/base/addr.h"

struct pool {
	hpa_t reserved;   /* list of free pages that came from boot */
	hpa_t deposited;  /* list of free pages that came from a deposit */
	u64 available;    /* pages on both lists */
	u64 in_use;       /* pages taken out */
	u64 withdrawable; /* pages on the deposited list */
};

/* Empty. */
void pool_init(struct pool *pool);

/* Puts a page in and zeroes it. */
void pool_add(struct pool *pool, hpa_t page);

/* A zeroed page, or NULL when the pool is dry. */
void *pool_alloc(struct pool *pool);

/* Back to the pool it came from; the page is zeroed. */
void pool_free(struct pool *pool, void *page);

/* Takes a free deposited page out for good, all zero. False: there is none. */
bool pool_withdraw(struct pool *pool, hpa_t *page);

#endif
