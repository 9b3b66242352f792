/*
 * What the TLFS says of the form of each call.
 */
#ifndef TESTS_CALLS_H
#define TESTS_CALLS_H

#include "include/types.h"

#define FAST 1u
#define REP 2u
#define OWN 4u             /* the caller may name itself */
#define NOID 8u            /* the input does not begin with a partition id */
#define SELF_OPERATION 16u /* of oneself: "operation denied" */

struct call {
	const char *name;
	u16 code;
	u16 in;  /* bytes of input, with one element */
	u16 out; /* and of output */
	u16 flags;
};

extern const struct call calls[];
extern const u32 call_count;

#endif
