/*
 * What the files of the leak child have in common.
 */
#ifndef CHILD_LEAK_CHILD_H
#define CHILD_LEAK_CHILD_H

#include "tests/guest/child/leak/leak.h"

extern volatile struct leak_seen leak_seen;
#define seen (&leak_seen)

/* Of this child, an enum leak_role. */
extern u64 leak_role_now;

/* NMIs that it has handled. */
extern volatile u64 leak_nmis;

/* A word of this role; no two are the same. */
u64 leak_word(u64 n);

/* Of four pages for overlays, of this role. */
u64 leak_overlay(u32 i);

/* In x2APIC mode. */
void leak_apic_write(u32 r, u64 value);

bool leak_has_tsc_aux(void);

/* Writes all that it can read of itself to LEAK_DUMP and behind. */
void dump_all(void);

#endif
