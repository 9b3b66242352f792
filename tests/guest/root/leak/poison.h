/*
 * A target that is full of other things.
 */
#ifndef GUEST_LEAK_POISON_H
#define GUEST_LEAK_POISON_H

#include "tests/guest/root/leak/registers.h"

/*
 * Each name that there is in the mode of the APIC, and then in another one. Then
 * all that could differ from the source does.
 */
bool poison_all(u64 id, const struct registers *source);

#endif
