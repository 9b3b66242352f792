/*
 * RDMSR and WRMSR of those MSRs that are ours: the TLFS's (appendix F), those of a
 * child's local APIC, and what else of a child, or of the root, is a register of the
 * table (vp_reg.h).
 */
#ifndef HV_MSR_H
#define HV_MSR_H

#include "include/types.h"

struct vp;

enum msr_result {
	MSR_OK,
	MSR_FAULT,   /* #GP: it is read-only, or cannot hold the value now */
	MSR_UNKNOWN, /* none of these, or not this partition's */
};

/*
 * Reads or writes such an MSR for the VP, as its guest does. MSR_UNKNOWN as well when
 * the partition lacks the privilege: the MSR does not exist for it.
 */
enum msr_result vp_msr_read(struct vp *vp, u32 msr, u64 *value);
enum msr_result vp_msr_write(struct vp *vp, u32 msr, u64 value);

/*
 * Of an MSR that is none of these: one that kernels read before they could bear a fault.
 * It reads a constant and swallows writes, on processors of its vendor; so nothing of it
 * is state. False: a child has none of that number.
 */
bool msr_default(u32 msr, u64 *value);

#endif
