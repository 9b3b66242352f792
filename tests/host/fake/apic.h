/*
 * The processor's local APIC, as much of it as a timer is.
 */
#ifndef FAKE_APIC_H
#define FAKE_APIC_H

#include "arch/x86_64/svm/apic.h"

struct fake_apic {
	u32 registers[64]; /* by offset / 16 */
	u64 ticks_a_count; /* of the TSC, whatever it is divided by */
	u64 began;         /* TSC at which the count did */
	u32 ends;          /* EOIs */
	u32 watched;       /* the root's accesses are to exit, so many times */
	bool no_memory;    /* for that */
};
extern struct fake_apic fake_apic;

#endif
