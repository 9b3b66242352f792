/*
 * The firmware's pages for the hypervisor, and those that it refuses.
 *
 * A firmware may hand out a page that it showed as reserved when Stasis started;
 * that is not RAM to the hypervisor. Such a page is set aside: ours until we
 * end, so that the firmware hands out another.
 */
#ifndef STASIS_PARENT_SUPPLY_H
#define STASIS_PARENT_SUPPLY_H

#include "include/tlfs.h"

/* The run is set aside. False: too many are, and it goes back instead. */
bool supply_set_aside(u64 address, u64 pages);

/*
 * In place of a run of which the hypervisor has refused this page (its address)
 * and none below: another run. The old one's pages below go back, the others
 * are set aside. 0: there is none; then nothing of the old one is left.
 */
u64 supply_replace(u64 address, u64 pages, u64 refused, u64 last);

/* How a deposit ended. */
struct supply_outcome {
	u32 done;              /* pages that were deposited */
	u64 aside;             /* pages that were set aside */
	u64 page;              /* page number of the last one refused, or 0 */
	enum hv_status status; /* the answer to that one */
};

/* Deposits that many pages: all, or as many as the firmware has. */
struct supply_outcome supply_deposit(u64 id, u32 count);

/* Before we end: what was set aside goes back. */
void supply_end(void);

#endif
