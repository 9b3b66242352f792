/*
 * Names of hypercalls and of VM exits, as the TLFS, the SDM and the APM have them.
 */
#ifndef STASIS_PARENT_NAMES_EXITS_H
#define STASIS_PARENT_NAMES_EXITS_H

#include "include/types.h"

/* A hypercall by its code, 0: what is none. An empty text where it has no name. */
const char *names_of_call(u32 code);

/*
 * A VM exit by its basic reason (SDM volume 3, appendix C) or its EXITCODE (APM volume 2,
 * appendix C), by the vendor of a stream's COMPAT. "other" where it is in no table.
 */
const char *names_of_exit(u32 vendor, u32 reason);

#endif
