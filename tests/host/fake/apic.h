/*
 * The processor's local APIC, as much of it as a timer is, and registers that only keep
 * what is written to them.
 */
#ifndef FAKE_APIC_H
#define FAKE_APIC_H

#include "arch/x86_64/svm/apic.h"

struct fake_apic {
	u64 base;          /* IA32_APIC_BASE */
	u32 registers[64]; /* by offset / 16 */
	u64 ticks_a_count; /* of the TSC, whatever it is divided by */
	u64 began;         /* TSC at which the count did */
	u32 ends;          /* EOIs */
	u32 taken;         /* interrupts */
};
extern struct fake_apic fake_apic;

/* As after a reset, but on: in xAPIC mode, where all have it. */
void fake_apic_reset(u64 ticks_a_count);

#endif
