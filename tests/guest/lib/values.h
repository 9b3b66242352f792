/*
 * Values for registers: at their edges, one bit beside what was there, or
 * anything at all.
 */
#ifndef GUEST_VALUES_H
#define GUEST_VALUES_H

#include "include/types.h"

enum values_kind {
	VALUES_WORD,    /* any bits will do */
	VALUES_BITS,    /* each bit means something */
	VALUES_ADDRESS, /* linear or physical */
	VALUES_SELECTOR,
	VALUES_LIMIT,
	VALUES_RIGHTS, /* of a segment */
	VALUES_MSR,    /* a number of one */
	VALUES_EVENT,  /* PendingInterruption */
};

/*
 * Whether events may be exceptions that no instruction makes and no processor raises.
 * The numbers at random are the same ones.
 */
extern bool values_odd_events;

/* The event, or INT3's in the place of one that may not be. */
u64 values_event(u64 event);

/* Another value for what is `old`; mask: bits that a register may have. */
u64 values_next(enum values_kind kind, u64 mask, u64 old);

#endif
