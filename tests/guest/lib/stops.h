/*
 * Where the anywhere child stands when it is stopped, and how often it stood
 * there: in which mode, behind which shadow, inside what.
 */
#ifndef GUEST_STOPS_H
#define GUEST_STOPS_H

#include "tests/guest/child/anywhere/anywhere.h"
#include "tests/guest/lib/child.h"
#include "tests/guest/lib/saved.h"

enum stop_kind {
	STOP_ALL,
	STOP_REAL,
	STOP_V86,
	STOP_PROTECTED,
	STOP_COMPATIBILITY,
	STOP_LONG,
	STOP_USER,
	STOP_INTERRUPTS_OFF,
	STOP_SHADOW_STI,
	STOP_SHADOW_SS,
	STOP_SHADOW_SS_IF, /* where it could be taken for one of STI */
	STOP_HALTED,
	STOP_NMI_BLOCKED,
	STOP_NMI_WAITING, /* and blocked */
	STOP_STEPPING,
	STOP_PENDING_DEBUG,
	STOP_RESUME_FLAG,
	STOP_IN_STRING,
	STOP_IN_HANDLER,
	STOP_INTERCEPTED,
	STOP_DELIVERING_INTERRUPT,
	STOP_DELIVERING_NMI,
	STOP_DELIVERING_EXCEPTION,
	STOP_DELIVERING_ERROR_CODE,
	STOP_DELIVERING_INT,
	STOP_DELIVERING_INT3,
	STOP_TIMER_ARMED,
	STOP_XMM_LIVE,
	STOP_YMM_LIVE,
	STOP_ZMM_LIVE,
	STOP_KINDS,
};

#define STOPS_PLENTY 100
#define STOPS_KEPT 24 /* the last ones, to be told when something is wrong */

struct stops {
	u32 count[STOP_KINDS];
	u32 looks;
	u32 places; /* different RIPs */
	u8 seen[8192];
	struct {
		u64 episode;
		u64 rip;
		u64 kinds;
	} last[STOPS_KEPT];
};

/* Where it stands, suspended: bits of kinds, 0 when that failed. */
u64 stops_look(struct stops *s, const struct child *c);

/* It stood in one of these kinds less than STOPS_PLENTY times. */
bool stops_rare(const struct stops *s, u64 kinds);

/* It was saved there, and the stream knows more. Counts all. */
void stops_count(struct stops *s, u64 kinds, const struct saved *stream);

void stops_print(const struct stops *s);
void stops_print_last(const struct stops *s);

/* Of these kinds those that it stood in never; and that there is none. */
u64 stops_missing(const struct stops *s, u64 kinds);
bool stops_none_is_missing(const struct stops *s, u64 kinds);

#endif
