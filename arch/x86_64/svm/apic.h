/*
 * The root's accesses to the timer of its local APIC, which SVM has for the end of a run,
 * and to what that hangs on (apic.c).
 */
#ifndef ARCH_SVM_APIC_H
#define ARCH_SVM_APIC_H

#include "arch/x86_64/common/apic.h"
#include "arch/x86_64/common/exits.h"

/* By its base, and by SVR. */
bool apic_is_on(void);

/* A vector in IRR, ISR or TMR. */
bool apic_has(u32 set, u8 vector);

/*
 * From now on the root's accesses to the timer exit, and it runs though the root has switched
 * its APIC off by SVR. False: there is no APIC, or no memory for that.
 */
bool apic_watch(void);

/*
 * The page of the APIC is hidden from the root, if it is to be: after anything that may have
 * mapped it. Where that cannot be the timer is the root's again.
 */
void apic_watch_again(void);

/* The root's TSC is the processor's and `offset` from now on. */
void apic_tsc_moved(u64 old, u64 offset);

/*
 * RDMSR and WRMSR of what is watched: registers in x2APIC mode, IA32_TSC_DEADLINE, and
 * writes of IA32_APIC_BASE. False: it is another.
 */
bool apic_read_msr(struct vp *root, u32 msr, u64 *value);
bool apic_write_msr(struct exit *x, u32 msr, u64 value,
                    enum exit_outcome *outcome);

#endif
