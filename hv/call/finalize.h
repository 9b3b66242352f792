/*
 * The end of a partition (TLFS 5.2.5).
 */
#ifndef HV_FINALIZE_H
#define HV_FINALIZE_H

#include "include/types.h"

struct partition;

/*
 * Towards Finalized in bounded steps; false: call again. Ends every process,
 * deletes VPs, drops mappings, returns all pages to the pool.
 */
bool partition_finalize(struct partition *p);

#endif
