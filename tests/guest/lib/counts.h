/*
 * What the hypervisor below counts of us. Whoever runs the test asks KVM at
 * such a place, where it can be asked (tests/vm/boots.py, Result.counts).
 */
#ifndef GUEST_COUNTS_H
#define GUEST_COUNTS_H

/*
 * Says `COUNTS name` and waits for a key, with interrupts off: while KVM is
 * asked, nothing but reads of a port is added to its counts, and these do not
 * come to Stasis. Waits for some seconds at most; interrupts are on afterwards.
 */
void counts_ask(const char *name);

#endif
