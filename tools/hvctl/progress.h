/*
 * A bar for a save or restore: redrawn about twenty times, however long it is.
 */
#ifndef STASIS_HVCTL_PROGRESS_H
#define STASIS_HVCTL_PROGRESS_H

#include "include/types.h"

struct progress {
	const char *verb;
	u64 expected; /* bytes; a save can only guess */
	u64 next;     /* the count of bytes that draws again */
	u64 began;    /* ticks of the front */
};

void progress_begin(struct progress *p, const char *verb, u64 expected);
void progress_step(struct progress *p, u64 bytes, u64 pieces);

/*
 * Ends the bar's line, full if the transfer is complete; answers the
 * milliseconds since the beginning.
 */
u64 progress_end(struct progress *p, bool complete, u64 bytes, u64 pieces);

#endif
