/*
 * Steps that all kinds of create have.
 */
#ifndef STASIS_HVCTL_CREATE_H
#define STASIS_HVCTL_CREATE_H

#include "tools/hvctl/child.h"

#define CREATE_MEM_MAX 1024u /* MiB */

/* A child with RAM from address 0 on, and VPs 0 to vps - 1; null, after a line. */
struct book_child *create_build(u64 pages, u64 vps, const char *path);

/*
 * A child that wants a reset is made anew by the words that it was created by: another
 * partition, suspended. Null, after a line: it cannot be had; the old one is gone then, but
 * where there are no words.
 */
struct book_child *create_again(struct book_child *child);

/* It was given its first registers with this status: says that it is there, or ends it. */
enum hvctl_result create_end(struct book_child *child, enum hv_status status);

#endif
