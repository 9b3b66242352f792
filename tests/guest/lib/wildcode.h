/*
 * Code at random: instructions of every class, with operands that do something,
 * and bytes that are anything.
 */
#ifndef GUEST_WILDCODE_H
#define GUEST_WILDCODE_H

#include "include/types.h"

/*
 * Fills so many bytes, which a child will see at this address. bits: 16, 32 or 64,
 * for which most of it is meant; it means something in the others too.
 */
void wildcode_fill(u8 *to, u32 size, u32 address, u32 bits);

/*
 * breaks=0: no child has breakpoints, locks=0: none has LOCK before a bit of a register is
 * set, sregs=0: none has code that loads a segment register that there is not. At all three
 * QEMU ends (docs/svm.md).
 */
extern bool wildcode_breaks, wildcode_locks, wildcode_sregs;

#endif
