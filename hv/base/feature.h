/*
 * The words of CPUID that tell a guest what its processor can do: which word of the
 * stream's COMPAT is which word of CPUID. What a child may see of them is the
 * hardware's side's to say, what a target must have compat.c's.
 */
#ifndef HV_FEATURE_H
#define HV_FEATURE_H

#include "include/stream.h"

struct feature {
	u32 leaf;
	u32 subleaf; /* 0 as well where the leaf has none */
	u32 reg;     /* EAX EBX ECX EDX (include/x86.h) */
	const char *name;
};

/* A word that is not given out yet: no leaf is this one. */
#define FEATURE_NO_LEAF 0xffffffffu

/* By enum stream_feature. */
extern const struct feature feature_words[STREAM_FEATURE_COUNT];

#endif
