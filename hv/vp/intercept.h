/*
 * Intercepts that a parent has installed on a partition (HvInstallIntercept).
 */
#ifndef HV_INTERCEPT_H
#define HV_INTERCEPT_H

#include "include/tlfs.h"

struct partition;

/*
 * Installs, or removes with access 0. INVALID_PARAMETER: type, parameter or
 * access mask; INSUFFICIENT_MEMORY: no page for port bits in p's pool, or more
 * than PARTITION_CPUID_INTERCEPTS leaves.
 */
enum hv_status intercept_install(struct partition *p, u32 type, u64 parameter,
                                 u32 access);

bool intercept_has_cpuid(const struct partition *p, u32 leaf);

/* Does any of the `size` ports from `port` on have the intercept? */
bool intercept_has_port(const struct partition *p, u16 port, u32 size,
                        u32 access);

#endif
