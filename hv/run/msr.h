/*
 * Synthetic MSRs (TLFS appendix F) and those of a child's local APIC, one table
 * row each.
 */
#ifndef HV_MSR_H
#define HV_MSR_H

#include "include/tlfs.h"

struct partition;
struct vp;

enum msr_result {
	MSR_OK,
	MSR_FAULT,   /* #GP */
	MSR_UNKNOWN, /* none of these, or not this partition's */
};

/*
 * Reads or writes such an MSR for the VP. MSR_UNKNOWN as well when the
 * partition lacks the privilege: the MSR does not exist for it.
 */
enum msr_result msr_read(struct vp *vp, u32 msr, u64 *value);
enum msr_result msr_write(struct vp *vp, u32 msr, u64 value);

/*
 * Sets HV_MSR_GUEST_OS_ID and HV_MSR_HYPERCALL of a partition, from the guest
 * or from a stream. False: value not possible, or no memory for the overlay.
 */
void msr_set_os_id(struct partition *p, u64 value);
bool msr_set_hypercall(struct partition *p, u64 value);

/* The page that its overlay shows. */
const void *msr_hypercall_page(void);

#endif
