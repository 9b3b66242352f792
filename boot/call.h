/*
 * The call of the hypervisor's image.
 */
#ifndef STASIS_BOOT_CALL_H
#define STASIS_BOOT_CALL_H

#include "include/handoff.h"

/* Where it is, and one of its entries. */
struct call_image {
	u64 base;
	u64 size;
	u64 entry;
};

/*
 * Calls the entry with an argument: the address of the hand-off, or a processor's number.
 * Firmware may map what it reserves as not executable: then the call is made on page
 * tables of our own, which are one processor's at a time. HANDOFF_OK: this processor is
 * the root partition's now.
 */
enum handoff_result call_image(const struct call_image *image, u64 argument);

#endif
