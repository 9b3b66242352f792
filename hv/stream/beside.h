/*
 * The memory of a save or a restore, beside the other processors: the lock of the machine is
 * given away meanwhile, so that several work on one partition each. Such a partition is
 * suspended, and nobody else's call gets to it (target.c). What is used without the lock is
 * its map, its pages, the context, and the caller's block: none of them may go to somebody
 * else, so calls that could do that wait.
 */
#ifndef HV_BESIDE_H
#define HV_BESIDE_H

#include "hv/stream/context.h"

/*
 * A call that may take pages from somebody has come. True: some processor is beside, and the
 * call is to be made again; up to then no other one begins, so that it has its turn.
 */
bool beside_hinders(void);

void beside_enter(struct context *c);
void beside_leave(struct context *c);

/* Whether what comes next is memory. On the way of each chunk. */
static inline void beside_set(struct context *c, bool memory)
{
	if (c->beside == memory)
		return;
	if (memory)
		beside_enter(c);
	else
		beside_leave(c);
}

#endif
