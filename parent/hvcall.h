/*
 * The two kinds of hypercalls, on the two blocks of the transport. The typed
 * wrappers of partition.h, memory.h, vp.h and stream.h are built on these.
 *
 * All of parent/ but its side of a transport is freestanding: what it wants from
 * outside is transport.h, and memcpy and memset, which compilers want anyway.
 */
#ifndef STASIS_PARENT_HVCALL_H
#define STASIS_PARENT_HVCALL_H

#include "include/tlfs.h"

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
