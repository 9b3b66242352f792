/*
 * All registers that a VP has, by whatever names there are: they are tried, not known.
 */
#ifndef GUEST_LEAK_REGISTERS_H
#define GUEST_LEAK_REGISTERS_H

#include "include/tlfs.h"

#define NAMES_MAX 512

struct registers {
	u32 count;
	u32 names[NAMES_MAX];
	union hv_register_value values[NAMES_MAX];
};

/* Of VP 0 of this partition. */
void registers_read(struct registers *r, u64 id);

/* False: there is no such name. */
bool registers_read_one(u64 id, u32 name, union hv_register_value *v);

/* The one of this name, or something that no register has. */
const union hv_register_value *registers_value(const struct registers *r,
                                               u32 name);

bool registers_is_equal(const union hv_register_value *a,
                        const union hv_register_value *b);

/* All names and values are the same, but for time. */
bool registers_expect_equal(const struct registers *target,
                            const struct registers *source);

#endif
