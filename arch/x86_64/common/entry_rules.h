/*
 * Rules that registers obey together: those of the Intel SDM for the guest state of a
 * VM entry (vol. 3, 26.3.1) with unrestricted guest, and for the event that the entry
 * injects (26.2.1.3). No hardware in here: unit tests run it.
 */
#ifndef ARCH_ENTRY_RULES_H
#define ARCH_ENTRY_RULES_H

#include "hv/vp/vp_rules.h"

/*
 * pdptes: an entry loads them. Else those with reserved bits are a fault of the walk that comes
 * to them (APM volume 2, 15.25.10).
 */
const struct vp_rule *entry_rules(u32 *count, bool pdptes);

#endif
