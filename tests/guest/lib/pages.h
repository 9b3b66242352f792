/*
 * Pages of the root for the tests to give away, and to have back.
 */
#ifndef GUEST_PAGES_H
#define GUEST_PAGES_H

#include "include/types.h"

/* Pages in a row, zeroed, below 1 GiB; 0: none. */
u64 page_run(u64 count);
void page_run_free(u64 address, u64 count);

/* See supply_replace: the hypervisor has refused the page at this address. */
u64 page_run_replace(u64 address, u64 count, u64 refused);

/* One page by its page number, from a reserve that keeps it reserved. */
u64 page_take(void);
void page_put(u64 gpn);

/* Not put back, since the hypervisor refuses it. False: too many of these. */
bool page_refuse(u64 gpn);

/* Pages that are out: taken and not yet put back. */
u64 pages_out(void);

/* The reserve goes back to the firmware. */
void pages_end(void);

bool page_is_zero(u64 address);

#endif
