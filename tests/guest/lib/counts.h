/*
 * What the hypervisor below counts of us. Whoever runs the test asks KVM at
 * such a place, where it can be asked (tests/vm/boots.py, Result.counts).
 */
#ifndef GUEST_COUNTS_H
#define GUEST_COUNTS_H

/*
 * Says `COUNTS name` and waits for a key, some seconds at most. Interrupts are
 * off meanwhile and afterwards: until they are let in again nothing is added to
 * KVM's counts but what the caller does, and reads of a port, which do not come
 * to Stasis.
 */
void counts_ask(const char *name);

#endif
