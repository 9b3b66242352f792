/*
 * What a child may be on this machine (struct arch_facts).
 */
#ifndef ARCH_FACTS_H
#define ARCH_FACTS_H

#include "include/handoff.h"

/* After vendor_find. */
void facts_init(const struct handoff *h);

#endif
