/*
 * A guest's linear addresses: a walk of its own page tables, for instructions
 * that the processor has fetched already. Rights are not looked at.
 */
#ifndef HV_GVA_H
#define HV_GVA_H

#include "hv/base/addr.h"

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

/* The linear address of an offset in a segment (enum vp_segment). */
u64 gva_linear(struct vp *vp, u32 segment, u64 offset);

/*
 * Bytes at a linear address, in one page or two: where they are. False: not
 * memory with these rights (ARCH_READ, ARCH_WRITE).
 */
struct gva_place {
	u8 *at[2];
	u32 count[2];
};
bool gva_pin(struct vp *vp, u64 linear, u32 bytes, u32 rights,
             struct gva_place *place);
void gva_read(const struct gva_place *from, u8 *to);
void gva_write(const struct gva_place *to, const u8 *from);

#endif
