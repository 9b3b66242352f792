/*
 * `stasis.efi check`: what this machine has, and whether Stasis would start.
 */
#ifndef STASIS_BOOT_CHECK_H
#define STASIS_BOOT_CHECK_H

#include <efi.h>

#include "boot/machine.h"
#include "include/handoff.h"

/* What boot itself has found out. */
struct check_facts {
	const struct machine_tsc *tsc;
	u64 ram;      /* bytes */
	u64 reserved; /* bytes that would be */
	u32 pieces;   /* of RAM */
};

/*
 * Prints all of it, and at last each reason in findings->refusals. The status
 * with which a start would end. `h` is what a start would hand over.
 */
EFI_STATUS check_print(const struct check_facts *facts, const struct handoff *h,
                       const struct handoff_findings *findings);

#endif
