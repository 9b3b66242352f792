/*
 * What is left of a run of the anywhere child: all of its memory, and each register
 * but those that go with time.
 */
#ifndef GUEST_ANYWHERE_OUTCOME_H
#define GUEST_ANYWHERE_OUTCOME_H

#include "tests/guest/child/anywhere/anywhere.h"
#include "tests/guest/lib/child.h"

#define REGISTERS_MAX 200
struct outcome {
	u8 memory[ANYWHERE_PAGES * PAGE_SIZE];
	union hv_register_value value[REGISTERS_MAX];
	u32 count;
	bool is_whole; /* its log did not overflow, its timer woke it */
};

/* Of a child that does not run. */
void outcome_take(struct outcome *o, const struct child *c);

/* False: they differ, and the case has failed. */
bool outcome_same(const struct outcome *cut, const struct outcome *whole);

/* Which vector state the child found, as anywhere.h has it. */
u32 outcome_level(const struct outcome *whole);

#endif
