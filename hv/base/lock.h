/*
 * A lock of the machine's: who waits for it spins, and gets it in the order of coming. The
 * holder waits for nobody who may wait for it in turn, so each wait is bounded by what one
 * exit of each other processor does.
 */
#ifndef HV_LOCK_H
#define HV_LOCK_H

#include "include/types.h"

struct lock {
	u32 tickets; /* that were drawn */
	u32 served;  /* the one whose turn it is */
};

/* A place in the queue, which is to be waited for. */
static inline u32 lock_draw(struct lock *l)
{
	return __atomic_fetch_add(&l->tickets, 1, __ATOMIC_RELAXED);
}

static inline bool lock_is_taken(const struct lock *l, u32 ticket)
{
	return __atomic_load_n(&l->served, __ATOMIC_ACQUIRE) == ticket;
}

/* Nobody but the holder writes it. */
static inline void lock_give(struct lock *l)
{
	__atomic_store_n(&l->served, l->served + 1, __ATOMIC_RELEASE);
}

#endif
