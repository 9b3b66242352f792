/*
 * Rounds of save and restore with the apic child: cut at random places, and
 * what it has seen.
 */
#ifndef GUEST_TRAVEL_H
#define GUEST_TRAVEL_H

#include "tests/guest/child/apic/apic.h"
#include "tests/guest/lib/child.h"
#include "tests/guest/lib/saved.h"

/* What fails in these functions fails the case. */

/* An apic child for a task, its VPs in reset state, suspended. */
bool travel_create(struct child *c, enum apic_task task, u64 flags, u32 vps);

/* What it has seen so far. */
volatile struct apic_seen *travel_seen(const struct child *c);

/* All VPs of it. */
bool travel_go(const struct child *c, u32 vps);
bool travel_stop(const struct child *c, u32 vps);

/* We are busy for a while at random, so that it gets slices of the time. */
void travel_run(void);

/*
 * Stops it, saves it, lets it go on from there, and puts back what was saved;
 * or into a new child, when `anew`. It is suspended at the end.
 */
bool travel_round(struct child *c, u32 vps, struct saved *stream, bool anew);

#endif
