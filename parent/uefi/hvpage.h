/*
 * Discovery, and the hypercall page: how a program at CPL 0 reaches the hypervisor
 * by itself, with CPUID, MSRs and a page of code (TLFS 2.4 and 4.12).
 */
#ifndef STASIS_PARENT_UEFI_HVPAGE_H
#define STASIS_PARENT_UEFI_HVPAGE_H

#include "include/tlfs.h"

/* Of GUEST_OS_ID: the open-source form, an OS type that nobody has taken. */
#define HVPAGE_GUEST_OS_ID 0xfe00000000000001ull

/* True: the TLFS interface is there, and this partition may have children. */
bool hvpage_present(void);

/* The hypervisor's version as leaf 0x40000002 has it: major << 16 | minor. */
u32 hvpage_version(void);

/*
 * Makes hypercalls possible. page: a page-aligned free page that becomes the
 * hypercall page and may not be used for anything else from then on; where the
 * partition has one already, that one is used and page stays free.
 * Answers the address of the page in use, 0 when the interface cannot be had.
 */
u64 hvpage_setup(u64 page);

/* One VMCALL: the result value as it comes (TLFS 3.3). */
u64 hvpage_call(u64 control, u64 input, u64 output);

#endif
