/*
 * A guest's linear addresses: a walk of its own page tables, for instructions
 * that the processor has fetched already. Rights are not looked at.
 */
#ifndef HV_GVA_H
#define HV_GVA_H

#include "hv/addr.h"

struct vp;

/* The guest-physical address; false: not mapped, or the tables are not RAM. */
bool gva_translate(struct vp *vp, u64 linear, gpa_t *gpa);

/*
 * Up to `bytes` of the instructions at RIP; fewer where they cannot be read.
 * Answers how many.
 */
u32 gva_fetch(struct vp *vp, u8 *to, u32 bytes);

/* Width of the code at RIP: 2, 4, 8. */
u32 gva_code_width(struct vp *vp);

#endif
