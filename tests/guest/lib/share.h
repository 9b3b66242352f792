/*
 * The time that is ours while a child runs, as we see it by the TSC.
 */
#ifndef GUEST_SHARE_H
#define GUEST_SHARE_H

#include "include/types.h"

#define SHARE_GAP 1000ull /* ticks between two looks: in more we did not run */
#define SHARE_CALL \
	15000ull /* the same where there was a hypercall between them */
#define SHARE_ALL (~0ull) /* no child could run: all of it was ours */

struct share {
	u64 last;      /* when we looked */
	u64 lost_at;   /* when we last saw that we had not run */
	u64 all, lost; /* in this window */
	u64 windows;
	u64 least;  /* of a thousand, in a window */
	u64 wanted; /* the same, as it must be */
};

#define SHARE_THIRD 334 /* of a thousand */
void share_begin(struct share *s, u64 wanted);

/* What was before does not count. */
void share_open(struct share *s);

/* The time since the last look was ours, if it was not longer than this. */
void share_look(struct share *s, u64 most);

/* At the end of a window: it was as much as wanted, or the case has failed. */
bool share_check(struct share *s);

#endif
