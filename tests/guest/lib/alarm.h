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

/* It has come. */
bool alarm_rang(void);

#endif
