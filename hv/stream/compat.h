/*
 * May a stream's state live on this machine, and in this partition? What must
 * agree, in tables. Each mismatch is a line in the log.
 */
#ifndef HV_COMPAT_H
#define HV_COMPAT_H

#include "hv/base/tsc.h"
#include "include/stream.h"

/* A line in the log costs up to 5,000 instructions: so many in one call. */
#define COMPAT_LINES_A_TURN 8u

/* How far the verdict has come; all zero at first. */
struct compat_walk {
	u32 part;
	u32 at;
	u32 first; /* result of the mismatch that comes first, 0: none so far */
};

/*
 * The machine. True: done, and w->first is 0 or the first mismatch in the order
 * 11, 12, ..., 51, 5, 6; the log names every one, with leaf, register and bits,
 * component, or both values. False: more to say, come again.
 */
bool compat_check(const struct stream_compat *saved, struct compat_walk *w);

/*
 * The clock that a partition with these facts has here, which fit: the machine's,
 * or the saved one by TSC scaling, where the frequencies differ (ratio not 0).
 */
struct tsc_clock compat_clock(const struct stream_compat *saved);

/*
 * The VPs: `saved` and `here` are sets of indices, `boot` is the index of the
 * saved boot processor, which is VP 0 here. The first that differs of number (7),
 * flags (8) and set (9); 0: none does.
 */
u32 compat_check_vps(u64 saved, u32 boot, u64 here);

#endif
