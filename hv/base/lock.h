/*
 * A lock of the machine's: who waits for it spins. Whoever comes while it is free has it: a
 * lock that is handed on in the order of coming stands still while a host of the machine
 * gives the next one's processor to somebody else, and with more processors than the host
 * has that is each time. Who has waited for long draws a ticket: only those that drew one
 * before have it first. So each wait is bounded: the holder waits for nobody who may wait
 * for the lock.
 */
#ifndef HV_LOCK_H
#define HV_LOCK_H

#include "include/types.h"

struct lock {
	u32 taken;   /* somebody has it */
	u32 turns;   /* that were ended */
	u32 waiting; /* tickets not served: one word for who looks at each exit */
	u32 tickets; /* that were drawn */
	u32 served;  /* the one that has it next */
};

/* How often it was given up: it moves, whoever has it. */
static inline u32 lock_turns(const struct lock *l)
{
	return __atomic_load_n(&l->turns, __ATOMIC_RELAXED);
}

static inline bool lock_is_taken(const struct lock *l)
{
	return __atomic_load_n(&l->taken, __ATOMIC_RELAXED);
}

/* Takes it if it is free, whoever waits. For what is below. */
static inline bool lock_grab(struct lock *l)
{
	return !__atomic_exchange_n(&l->taken, 1, __ATOMIC_ACQUIRE);
}

static inline bool lock_is_waited_for(const struct lock *l)
{
	return __atomic_load_n(&l->waiting, __ATOMIC_RELAXED);
}

/* Takes it if it is free and nobody has a ticket. */
static inline bool lock_try(struct lock *l)
{
	/* Who draws one behind this look is overtaken once. */
	return !lock_is_waited_for(l) && lock_grab(l);
}

/* A ticket, which has to be waited for. */
static inline u32 lock_draw(struct lock *l)
{
	__atomic_fetch_add(&l->waiting, 1, __ATOMIC_RELAXED);
	return __atomic_fetch_add(&l->tickets, 1, __ATOMIC_RELAXED);
}

/* Takes it if it is free, and the ticket is the next. */
static inline bool lock_try_ticket(struct lock *l, u32 ticket)
{
	if (__atomic_load_n(&l->served, __ATOMIC_RELAXED) != ticket ||
	    !lock_grab(l))
		return false;
	__atomic_store_n(&l->served, ticket + 1, __ATOMIC_RELAXED);
	__atomic_fetch_sub(&l->waiting, 1, __ATOMIC_RELAXED);
	return true;
}

static inline void lock_give(struct lock *l)
{
	l->turns++; /* the holder's alone to write */
	__atomic_store_n(&l->taken, 0, __ATOMIC_RELEASE);
}

#endif
