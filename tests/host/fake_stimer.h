/*
 * A guest with synthetic timers: a child of one VP that runs, its local APIC on,
 * its SynIC with a SIM page and one SINT.
 */
#ifndef FAKE_STIMER_H
#define FAKE_STIMER_H

#include "tests/host/fake_guest.h"

#define TIMED_TICKS 200ull /* of the fake's 2 GHz, in a unit of 100 ns */
#define TIMED_SIM_GPN 0x300ull
#define TIMED_SINT 2u
#define TIMED_VECTOR 0x52u
#define TIMED_DIRECT_VECTOR 0x61u

/* Parts of STIMERn_CONFIG: to that SINT, or to that vector. */
#define TIMED_TO_SINT ((u64)TIMED_SINT << HV_STIMER_SINT_SHIFT)
#define TIMED_DIRECT \
	(HV_STIMER_DIRECT | (u64)TIMED_DIRECT_VECTOR << HV_STIMER_VECTOR_SHIFT)

extern u64 timed_id;
extern struct vp *timed;

void timed_make(void);

/* MSRs; the number of a timer's config. */
u32 timed_config(u32 timer);
void timed_put(u32 msr, u64 value);
u64 timed_get(u32 msr);

/* Count first: so the timer begins with what enables it. */
void timed_start(u32 timer, u64 config, u64 count);

/* Reference time, and 100-ns units of it that go by. */
u64 timed_now(void);
void timed_pass(u64 units);

struct hv_message *timed_slot(u32 sint);
bool timed_irr(u32 vector);

/* A processor takes the interrupt, the guest ends it. */
void timed_take_interrupt(u8 vector);

/* Is there a message? The guest takes it, and does as its flags say. */
bool timed_take(struct hv_timer_message *out);

/* There is one, of that timer, that was due then. */
void timed_take_one(u32 timer, u64 expiration);

#endif
