/*
 * Making children and taking them down, without a page lost.
 */
#ifndef STASIS_HVCTL_CHILD_H
#define STASIS_HVCTL_CHILD_H

#include "include/tlfs.h"
#include "tools/hvctl/book.h"
#include "tools/hvctl/shape.h"

/*
 * A suspended child of this shape: RAM zeroed, mapped readable and writable
 * besides its rights, VPs created, intercepts installed. Null, after a line
 * about it and with nothing left over, if it cannot be had.
 */
struct book_child *child_build(const struct shape *shape, const char *name);

/* Gives the mapped pages exactly the rights of the shape. */
enum hv_status child_set_rights(const struct book_child *child,
                                const struct shape *shape);

/* Ends the child and frees everything it had. */
enum hvctl_result child_destroy(struct book_child *child);

/* ExplicitSuspend of all its VPs. */
enum hv_status child_suspend(const struct book_child *child, bool suspend);

/*
 * Fills a child's pool with what its VPs may take by themselves, or a restore for them:
 * pages that lie over its memory, with their tables. False, after a line about it.
 */
bool child_fill_pool(const struct book_child *child);

/*
 * Pages for a partition's pool (our own, or a child's). False, after a line that
 * says which page or what else was in the way.
 */
bool child_deposit(u64 id);

#endif
