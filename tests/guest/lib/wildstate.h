/*
 * States at random for a child to run from: each of bases.h, on a memory full of
 * wild code, with tables and stacks that are hostile.
 */
#ifndef GUEST_WILDSTATE_H
#define GUEST_WILDSTATE_H

#include "tests/guest/lib/wildplace.h"

/* 16, 32 or 64: of the code that the state begins with. */
u32 wildstate_bits(const struct bases_vp *vp);

/* The memory; the child has WILD_PAGES from GPA 0 on. */
void wildstate_fill(const struct child *c, u32 bits);

/* The state of this base on that memory, all else as in `vp`. */
void wildstate_make(struct bases_vp *vp, u32 base);

#endif
