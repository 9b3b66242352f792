/*
 * The timer of a local APIC as a guest programs it, kept by the TSC (APM volume 2, 16.4.1;
 * SDM volume 3, 10.5.4). No hardware in here: unit tests run it.
 */
#ifndef ARCH_SVM_VTIMER_H
#define ARCH_SVM_VTIMER_H

#include "include/types.h"
#include "include/x86_apic.h"

#define VTIMER_NEVER (~0ull)

struct vtimer {
	bool has_deadline; /* the processor has that mode (CPUID.1:ECX) */
	u64 rate;          /* counts in 2^32 ticks of the TSC, divided by 1 */
	u64 due; /* TSC of its next expiry, VTIMER_NEVER: it is stopped */
	u32 lvt;
	u32 initial;
	u32 divide; /* the register */
};

/* Its mode has no count: what ends it is IA32_TSC_DEADLINE. */
bool vtimer_counts_to_deadline(const struct vtimer *t);

/* Counts in a time, and the time that so many take. */
u64 vtimer_counts(const struct vtimer *t, u64 ticks);
u64 vtimer_ticks(const struct vtimer *t, u64 counts);

/* By what the divide register divides. */
u32 vtimer_divisor(u32 divide);

/* LAPIC_LVT_TIMER, _INITIAL_COUNT, _CURRENT_COUNT, _DIVIDE. */
bool vtimer_has(u32 offset);
u32 vtimer_read(const struct vtimer *t, u32 offset, u64 now);
void vtimer_write(struct vtimer *t, u32 offset, u32 value, u64 now);

/* May the MSR of x2APIC mode be written with it? Else #GP (SDM 10.12.1.2, 10.12.1.3). */
bool vtimer_takes(const struct vtimer *t, u32 offset, u64 value);

/*
 * IA32_TSC_DEADLINE, by the guest's TSC, which is ours and `offset`. In another mode it
 * reads 0, and writes do nothing.
 */
u64 vtimer_deadline(const struct vtimer *t, u64 offset);
void vtimer_set_deadline(struct vtimer *t, u64 deadline, u64 offset, u64 now);

/* The guest's TSC has moved: a deadline stays what it is by that. */
void vtimer_move(struct vtimer *t, u64 old, u64 offset, u64 now);

/* As the APIC's reset leaves it. */
void vtimer_reset(struct vtimer *t);

/*
 * Brings it up to now. The vector that is to be raised, 0: none. Ticks that have fallen due
 * together are one, as those that meet in IRR.
 */
u8 vtimer_update(struct vtimer *t, u64 now);

#endif
