/*
 * The page from which a guest makes hypercalls (TLFS 3.13): HV_MSR_GUEST_OS_ID, which
 * allows it, and HV_MSR_HYPERCALL, which places it.
 */
#ifndef HV_HYPERCALL_PAGE_H
#define HV_HYPERCALL_PAGE_H

#include "include/tlfs.h"

struct partition;

/*
 * HV_MSR_HYPERCALL, whoever sets it; its lock binds the guest alone, and is the
 * caller's to look at. INVALID_PARAMETER: reserved bits, no such page, or another
 * overlay is there; INSUFFICIENT_MEMORY: no tables for that place. Nothing has
 * changed then.
 */
enum hv_status hypercall_page_write(struct partition *p, u64 value);

/* HV_MSR_GUEST_OS_ID. 0 takes the page away, as a guest that ends does. */
void hypercall_page_set_os_id(struct partition *p, u64 value);

#endif
