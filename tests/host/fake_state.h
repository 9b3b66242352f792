/*
 * Random states of a VP that a processor could be in: in any mode, with any
 * event under way, and all devices in use.
 */
#ifndef FAKE_STATE_H
#define FAKE_STATE_H

#include "tests/host/fake_guest.h"

enum state_mode {
	STATE_REAL,
	STATE_PROTECTED,
	STATE_PAE,
	STATE_COMPATIBILITY,
	STATE_LONG,
	STATE_V86,
	STATE_MODES
};

/* Control registers and segments of a mode; the rest as it is. */
void state_set_mode(struct vp_state *s, enum state_mode mode, u64 *seed);

/* Registers, extended state, events: they obey all rules. */
void state_fill(struct vp *vp, u64 *seed);

/* Anything that a local APIC in its mode may hold. */
void state_fill_apic(struct vp *vp, u64 *seed);

/*
 * SynIC and timers, with overlay pages from GPN `overlays` on, two a VP: 0: none
 * are enabled.
 */
void state_fill_synic(struct vp *vp, u64 overlays, u64 *seed);

#endif
