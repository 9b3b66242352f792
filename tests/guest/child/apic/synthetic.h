/*
 * Ticks of synthetic timers, counted against the partition's reference time.
 */
#ifndef CHILD_APIC_SYNTHETIC_H
#define CHILD_APIC_SYNTHETIC_H

/* Never returns. The task says whether ticks are messages or interrupts. */
void synthetic_count(void);

#endif
