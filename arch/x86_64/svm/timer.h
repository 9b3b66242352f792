/*
 * SVM has no timer of its own: a run is ended by the local APIC's, which is the root's.
 * From the first time that is asked for on the timer belongs to the hypervisor, and what
 * the root has instead is kept here, tick by tick (vtimer.h).
 */
#ifndef ARCH_SVM_TIMER_H
#define ARCH_SVM_TIMER_H

#include "arch/x86_64/svm/vtimer.h"
#include "hv/run/sched.h"

/* The highest TPR that lets its interrupt through, and no other. */
#define TIMER_TPR 0xe0u

struct timer {
	bool owned;
	struct vtimer root;
	u64 end;   /* TSC at which the run that is asked for ends */
	u64 fires; /* at which the processor's timer does */
};

/* At launch: how fast the timer counts. */
void timer_begin(void);

/* The root's timer is its own again. */
void timer_end(void);

/* The APIC has been switched off, and forgets what its timer was set to. */
void timer_lose(void);

/* The next run ends after `ticks` of the TSC, or by itself. */
void timer_set(bool timed, u64 ticks);

/* Its interrupt waits in the APIC. */
bool timer_waits(void);

/* This interrupt, which has been taken, is the timer's: it is ended. */
bool timer_is_own(u32 vector);

/* It fires so soon that the processor need not halt. */
bool timer_is_near(void);

/* A time has come. SCHED_SLICE_END, or SCHED_GO_ON: it was not that of the run. */
enum sched_event timer_expired(void);

/* Has the root registers of ours instead of the APIC's, and is this one of them? */
bool timer_is_owned(void);
bool timer_has(u32 offset);

/* What the root reads there and writes (enum lapic_offset); as an MSR, not all goes. */
u32 timer_read(u32 offset);
void timer_write(u32 offset, u32 value);
bool timer_takes(u32 offset, u64 value);

/*
 * IA32_TSC_DEADLINE of the root, if that is ours too: by its own TSC, which is the
 * processor's and `offset`; and what becomes of it when that is another one.
 */
bool timer_has_deadline(void);
u64 timer_deadline(u64 offset);
void timer_set_deadline(u64 deadline, u64 offset);
void timer_move(u64 old, u64 offset);

#endif
