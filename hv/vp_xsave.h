/*
 * A VP's XSAVE area, in the standard layout (SDM 13.4).
 */
#ifndef HV_VP_XSAVE_H
#define HV_VP_XSAVE_H

#include "hv/vp_state.h"

/* Register `index` of a row of kind VP_REG_XSAVE16. */
void vp_xsave_get(const struct vp_xsave *x, const struct vp_reg *r, u32 index,
                  union hv_register_value *v);
void vp_xsave_set(struct vp_xsave *x, const struct vp_reg *r, u32 index,
                  const union hv_register_value *v);

/* Nothing in it makes XRSTOR fault (SDM 13.8.1). */
bool vp_xsave_valid(const struct vp_xsave *x);

/* All components in their init state. */
void vp_xsave_reset(struct vp_xsave *x);

#endif
