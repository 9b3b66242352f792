/*
 * Fields that hardware lets a child set and its CPUID does not, or that it may leave
 * with a value that no entry takes.
 */
#ifndef HV_VP_CONFINE_H
#define HV_VP_CONFINE_H

#include "hv/vp/vp_state.h"

/* The parts that have such fields. */
#define VP_CONFINED                                                       \
	(VP_PART_RIP | VP_PART_PAGING | VP_PART_SEGMENTS | VP_PART_MSRS | \
	 VP_PART_LIVE)

/*
 * Brings these parts (enum vp_part) of a child's captured state into bounds; returns
 * those of them that the hardware must be given before the next entry.
 */
u32 vp_confine(struct vp_state *s, u32 parts);

#endif
