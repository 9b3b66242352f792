/*
 * How a parent partition reaches the hypervisor: discovery, the hypercall page,
 * and the two kinds of calls. The typed wrappers of partition.h, memory.h, vp.h
 * and stream.h are built on these.
 *
 * Everything in parent/ takes its own memory to be identity-mapped, so that an
 * address is a GPA, and runs on 64-bit code at CPL 0. It is freestanding: all it
 * wants from outside is memcpy and memset, which compilers want anyway.
 */
#ifndef STASIS_PARENT_HVCALL_H
#define STASIS_PARENT_HVCALL_H

#include "include/tlfs.h"

/* Of GUEST_OS_ID: the open-source form, an OS type that nobody has taken. */
#define HVCALL_GUEST_OS_ID 0xfe00000000000001ull

/* True: the TLFS interface is there, and this partition may have children. */
bool hvcall_present(void);

/* The hypervisor's version as leaf 0x40000002 has it: major << 16 | minor. */
u32 hvcall_version(void);

/*
 * Makes hypercalls possible. page: a page-aligned free page that becomes the
 * hypercall page and may not be used for anything else from then on; where the
 * partition has one already, that one is used and page stays free.
 * Answers the address of the page in use, 0 when the interface cannot be had.
 */
u64 hvcall_setup(u64 page);

/* The blocks: fill input before a call, read output after SUCCESS. */
void *hvcall_input(void);
const void *hvcall_output(void);

/* The same, with the input cleared for a block of this size. */
void *hvcall_input_zeroed(size_t size);

/* One VMCALL: the result value as it comes (TLFS 3.3). */
u64 hvcall_raw(u64 control, u64 input, u64 output);

/* A simple call on the two blocks. */
enum hv_status hvcall_simple(enum hvcall_code code);

/* A simple call whose input is two words in registers. */
enum hv_status hvcall_fast(enum hvcall_code code, u64 first, u64 second);

/*
 * A rep call on the two blocks: goes on until all reps are done or one fails.
 * done may be null; else it gets the number of reps that were completed.
 */
enum hv_status hvcall_rep(enum hvcall_code code, u32 count, u32 *done);

#endif
