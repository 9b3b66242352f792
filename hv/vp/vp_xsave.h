/*
 * A VP's XSAVE area, in the standard layout (SDM 13.4).
 */
#ifndef HV_VP_XSAVE_H
#define HV_VP_XSAVE_H

#include "hv/vp/vp_state.h"

/*
 * The 16 bytes of a register at this offset in the area. What is set becomes real: the
 * rest of its component is in its init state then, if all of it was (SDM 13.6).
 */
void vp_xsave_get(const struct vp_xsave *x, u32 at, union hv_register_value *v);
void vp_xsave_set(struct vp_xsave *x, u32 at, const union hv_register_value *v);

/* Nothing in it makes XRSTOR fault (SDM 13.8.1). */
bool vp_xsave_valid(const struct vp_xsave *x);

/* All components in their init state. */
void vp_xsave_reset(struct vp_xsave *x);

#endif
