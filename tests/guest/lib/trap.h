/*
 * Faults and interrupts of the root, for as long as a scenario runs: our own
 * gates in the firmware's IDT. A fault that nobody expects is told, and ends
 * the boot.
 */
#ifndef GUEST_TRAP_H
#define GUEST_TRAP_H

#include "include/x86.h"

#define TRAP_NONE 0x100 /* of what may fault: it did not */

/* base: of our image in memory. */
void trap_begin(u64 base);
void trap_end(void);

/* Instructions that may fault: the vector, or TRAP_NONE. */
u32 trap_read_msr(u32 msr, u64 *value);
u32 trap_write_msr(u32 msr, u64 value);
u32 trap_write_cr4(u64 value);
u32 trap_read(u64 address, u64 *value);
u32 trap_write(u64 address, u64 value);

/* A handler of our own (HANDLER of gate.h), up to trap_end. */
void trap_set_gate(u32 vector, u64 handler);

/* Interrupts of this vector, one at a time, count up *count from now on. */
void trap_count_interrupts(u8 vector, volatile u64 *count);

/* Those that came with IF clear, from then on; they are in no count. */
u64 trap_doubles(void);

#endif
