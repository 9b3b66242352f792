/*
 * Rules that registers obey together: those of the Intel SDM for the guest state of a
 * VM entry (vol. 3, 26.3.1) with unrestricted guest, and for the event that the entry
 * injects (26.2.1.3); and what SVM has otherwise. No hardware in here: unit tests run it.
 */
#ifndef ARCH_ENTRY_RULES_H
#define ARCH_ENTRY_RULES_H

#include "hv/vp/vp_rules.h"

/*
 * Whose processor is to run it. VMRUN looks at less (APM volume 2, 15.5.1), but AMD's
 * processors get into no state of themselves that breaks a rule which both have here; what
 * they tell of segments is put into the one form first (svm/segment.c).
 */
enum entry_of { ENTRY_OF_VTX, ENTRY_OF_SVM };

const struct vp_rule *entry_rules(u32 *count, enum entry_of whose);

#endif
