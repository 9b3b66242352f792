/*
 * CPUID of processors that people have, from Westmere to Panther Lake.
 */
#ifndef FAKE_DUMPS_H
#define FAKE_DUMPS_H

#include "include/types.h"

#define FAKE_DUMPS 11

struct fake_leaf {
	u32 leaf;
	u32 subleaf;
	u32 regs[4]; /* EAX EBX ECX EDX */
};

struct fake_dump {
	const char *name;
	const struct fake_leaf *leaves;
	u32 count;
};
extern const struct fake_dump fake_dumps[FAKE_DUMPS];

/* As this processor answers, beyond its last leaves too. */
void fake_dumps_cpuid(const struct fake_dump *d, u32 leaf, u32 subleaf,
                      u32 regs[4]);

/* Its last leaf, basic or extended like this one. */
u32 fake_dumps_last(const struct fake_dump *d, u32 leaf);

#endif
