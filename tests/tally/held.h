/*
 * The books of what processors hold of guests (tests/books/holds.h), in a machine.
 */
#ifndef HELD_H
#define HELD_H

#include "hv/vp/vp.h"
#include "tests/books/holds.h"

extern struct holds held;

/* The machine stops with what is wrong, unless that is NULL. */
void held_check(const char *wrong);

u32 held_cpu(void);
u64 held_space(const struct vp *vp);

/* ---- The vendor's: held_vmx.c, held_svm.c ---- */

/* Behind an exit, and before an entry. */
void held_exit(const struct vp *vp, u32 reason);
void held_enter(const struct vp *vp);

#endif
