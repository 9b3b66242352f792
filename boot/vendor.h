/*
 * How processors run guests, one row for each way that Stasis has an image for: by what
 * CPUID bit a processor has it, and in what words a refusal, and a check, speaks of it.
 */
#ifndef STASIS_BOOT_VENDOR_H
#define STASIS_BOOT_VENDOR_H

#include <efi.h>

#include "include/handoff.h"

/* Why a launch is refused, in words, and as a status for whoever started us. */
struct vendor_refusal {
	EFI_STATUS status;
	bool has_detail;
	bool lacks;       /* something that has a name among the findings */
	const char *text; /* what is wrong, what to do; NULL: no such refusal */
	const char *below; /* instead, where another hypervisor is below */
};

#define VENDOR_REFUSALS 20 /* more than enum handoff_result has */

struct vendor {
	const char *name;
	u32 leaf; /* of CPUID, register and bit: the processor has it */
	u32 reg;
	u32 bit;
	u32 lock_msr;    /* where firmware locks it on or off */
	const u8 *image; /* the hypervisor for it (image.asm) */
	const u8 *image_end;
	struct vendor_refusal refusals[VENDOR_REFUSALS]; /* by the result */
	/* A line of the check: is it there, has the firmware locked it? */
	void (*print)(const struct handoff_findings *findings);
};

/* Has this processor that? */
bool vendor_is_there(const struct vendor *v);

/* Of this processor; where it has none, the row whose refusal says so. */
const struct vendor *vendor_here(void);

/* vtx.c, svm.c */
extern const struct vendor vendor_vtx, vendor_svm;

#endif
