/*
 * From a guest's linear address to its guest-physical one, through its own page
 * tables. Whoever asks has the registers and can read the guest's memory: the
 * hypervisor from the VP itself, a parent by hypercalls.
 */
#ifndef STASIS_LIB_WALK_H
#define STASIS_LIB_WALK_H

#include "include/types.h"

struct walk_guest {
	u64 cr0;
	u64 cr3;
	u64 cr4;
	u64 efer;
	/*
	 * The four entries at the top of PAE paging that the processor keeps;
	 * NULL: not known, they are read where CR3 points.
	 */
	const u64 *pdpte;
	/*
	 * Reads `bytes` (4 or 8, within a page) at a guest-physical address.
	 * False: that is no memory.
	 */
	bool (*read)(const void *context, u64 gpa, void *to, u32 bytes);
	const void *context;
};

/*
 * The guest-physical address of a linear one, by 32-bit, PAE or four-level paging, or
 * none (SDM volume 3, 4.1.1). Rights, reserved bits and the accessed and dirty bits
 * are not looked at. False: an entry is not present, or not memory.
 */
bool walk_translate(const struct walk_guest *guest, u64 linear, u64 *gpa);

#endif
