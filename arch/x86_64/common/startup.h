/*
 * INIT, SIPI and NMI from one of the root's processors to another. The processors' own would
 * get past the hypervisor (an INIT resets it, a SIPI is lost), so the root's writes of ICR
 * exit where there is more than one processor.
 */
#ifndef ARCH_STARTUP_H
#define ARCH_STARTUP_H

#include "hv/base/cpu.h"

/*
 * The root has written this to ICR, in x2APIC mode or with xAPIC's destination in bits
 * 63:56. True: it is carried, and goes nowhere else. False: it is the APIC's to send.
 */
bool startup_sent(u64 icr, bool x2apic);

/* Before an entry: what has come for this processor's root, which may have to wait for SIPI. */
void startup_settle(struct cpu *cpu);

#endif
