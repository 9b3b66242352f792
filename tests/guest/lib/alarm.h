/*
 * One interrupt of our own local APIC's timer at a time, in place of the
 * firmware's ticks.
 */
#ifndef GUEST_ALARM_H
#define GUEST_ALARM_H

#include "include/types.h"

/* The firmware's timer stands still between these two. */
void alarm_begin(void);
void alarm_end(void);

/* An interrupt after so many ticks of the APIC's clock; any other is off. */
void alarm_set(u32 ticks);

/* The same at a value of the TSC: by the timer's deadline mode, if it has one. */
bool alarm_has_deadline(void);
void alarm_set_deadline(u64 tsc);

/* One after the other, each so many ticks of the APIC's clock behind the last. */
void alarm_set_periodic(u32 ticks);

/* It has come; and how often. */
bool alarm_rang(void);
u64 alarm_rings(void);

/* An interrupt of this vector, to ourselves. */
void alarm_send(u8 vector);

/* The APIC's TPR, what it was before. */
u32 alarm_swap_tpr(u32 tpr);

/* Ticks of the TSC in so many of the APIC's clock, as measured once. */
u64 alarm_tsc(u64 ticks);
void alarm_measure(void);

/*
 * The APIC is switched off by SVR, and on again, which it finds all of its entries
 * masked by. They are as before then. True: they were masked.
 */
void alarm_apic_off(void);
bool alarm_apic_on(void);

/* From xAPIC to x2APIC mode, if there is that. There is no direct way back. */
bool alarm_has_x2apic(void);
void alarm_go_x2apic(void);

#endif
