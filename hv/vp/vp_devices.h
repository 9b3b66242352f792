/*
 * What a VP's interrupt controllers and timers keep beside their pages. What they
 * do is in lapic.h, stimer.h and synic.h.
 */
#ifndef HV_VP_DEVICES_H
#define HV_VP_DEVICES_H

#include "hv/base/list.h"
#include "hv/memory/gpa.h"

/* lapic.events are STREAM_APIC_*; the rest is explained with the stream. */
struct lapic {
	u64 timer_due; /* the guest's TSC at which it fires, 0: not armed */
	u64 assist;    /* HV_MSR_VP_ASSIST_PAGE */
	u32 events;
	u32 errors; /* that the next write to ESR will show */
};

/*
 * due: reference time of the next expiry, 0: not armed. expired: that of one
 * which has not been delivered yet, 0: none. While there is one, the next waits.
 */
struct stimer {
	u64 config;
	u64 count;
	u64 due;
	u64 expired;
};

struct synic {
	u64 scontrol;
	u64 siefp;
	u64 simp;
	u64 sint[HV_SINT_COUNT];
	struct gpa_overlay sief_overlay;
	struct gpa_overlay sim_overlay;
	u32 queued; /* messages that came by ports, oldest first; rsvd is the
	             * SINT, and sender the port */
	u8 turn[HV_SINT_COUNT]; /* who is asked first, 0: ports, n + 1: timer */
	struct list queue;      /* senders, oldest first, by message_link */
};

#endif
