/*
 * Hypercalls on virtual processors and their registers.
 */
#ifndef STASIS_PARENT_VP_H
#define STASIS_PARENT_VP_H

#include "include/tlfs.h"

/* Most registers that one call reads or writes. */
#define VP_GET_MAX 256
#define VP_SET_MAX 127

/* A new VP is explicitly suspended; VP 0 is the one that boots. */
enum hv_status vp_create(u64 id, u32 vp);
enum hv_status vp_delete(u64 id, u32 vp);

/* Both: done (or null) counts the registers read or written. */
enum hv_status vp_get_registers(u64 id, u32 vp, const u32 *names, u32 count,
                                union hv_register_value *values, u32 *done);
enum hv_status vp_set_registers(u64 id, u32 vp,
                                const struct hv_register_assoc *list, u32 count,
                                u32 *done);

/* One register of at most 64 bits. */
enum hv_status vp_get_register(u64 id, u32 vp, enum hv_register_name name,
                               u64 *value);
enum hv_status vp_set_register(u64 id, u32 vp, enum hv_register_name name,
                               u64 value);

#endif
