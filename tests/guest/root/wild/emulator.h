/*
 * What is an emulator's fault, and neither the child's nor ours.
 */
#ifndef GUEST_WILD_EMULATOR_H
#define GUEST_WILD_EMULATOR_H

#include "tests/guest/lib/child.h"

/* lax=1: the emulator gets a child into states that QEMU does (docs/svm.md). */
extern bool wild_lax;

/* An entry that Bochs alone refuses (docs/testing.md). */
bool wild_cs_has_another_rpl(const struct child *c);

/* The child cannot go on, or not be moved, and neither we nor Stasis made it so. */
bool wild_is_left_by_emulator(const struct child *c);

#endif
