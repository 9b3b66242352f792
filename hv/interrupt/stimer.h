/*
 * Synthetic timers of a child VP (TLFS 12.3). Their clock is the partition's
 * reference time; what they give is a message to a SINT, or in direct mode an
 * interrupt of the local APIC.
 */
#ifndef HV_STIMER_H
#define HV_STIMER_H

#include "include/stream.h"

struct stimer;
struct vp;

/* STIMERn_CONFIG and _COUNT. False: #GP, nothing changed. */
u64 stimer_read_msr(const struct vp *vp, u32 msr);
bool stimer_write_msr(struct vp *vp, u32 msr, u64 value);

/* Could the timer be in this state? */
bool stimer_valid(const struct stimer *t);

/* Lets those that are due expire, and delivers what can be. */
void stimer_update(struct vp *vp);

/* TSC ticks until stimer_update has to do something, or LAPIC_NEVER. */
u64 stimer_rest(const struct vp *vp);

/* The SINTs for which messages wait, a bit each. */
u32 stimer_sints(const struct vp *vp);

/* The message of this timer, which is delivered then. False: none for this SINT. */
bool stimer_take(struct vp *vp, u32 index, u32 sint, struct hv_message *m);

/* One in direct mode gives ticks that the APIC's owner must see taken. */
bool stimer_watches_apic(const struct vp *vp);

#endif
