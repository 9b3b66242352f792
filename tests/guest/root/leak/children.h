/*
 * The children of the scenario "leak".
 */
#ifndef GUEST_LEAK_CHILDREN_H
#define GUEST_LEAK_CHILDREN_H

#include "tests/guest/child/leak/leak.h"
#include "tests/guest/lib/child.h"

/* A new one. pae: it does nothing but PAE paging. */
bool children_start(struct child *c, enum leak_role role, bool x2apic,
                    bool pae);

/* Until it writes to this port; then it is suspended. */
bool children_run_to(struct child *c, u16 port);

/* To the OUT that it has just executed. */
bool children_step_back(const struct child *c);

/* What it cannot be while it stands at an OUT, and its parent can make it. */
bool children_make_richer(const struct child *c, enum leak_role role);

/* Of a child that was made richer: our connection to it. */
bool children_disconnect(const struct child *c);

/* The source saw what was in its entries; both did, or memory would differ. */
bool children_expect_window(const struct child *c);

#endif
