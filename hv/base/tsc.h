/*
 * The clock of a partition: the processor's TSC, or of a child that came from a
 * machine with another frequency, that TSC multiplied by a ratio (TSC scaling,
 * SDM 24.6.5 and 25.3). A VP's own TSC is this clock and its offset.
 */
#ifndef HV_TSC_H
#define HV_TSC_H

#include "include/types.h"

/* Bits of a ratio behind the point: the format of the TSC multiplier. */
#define TSC_RATIO_BITS 48
#define TSC_RATIO_ONE (1ull << TSC_RATIO_BITS)

/* Frequencies are below: then products with 100-ns units fit into 64 bits. */
#define TSC_HZ_LIMIT (1ull << 40)

/* Reference time, run time and timers of the TLFS count 100 ns: so many a second. */
#define TSC_UNITS 10000000ull

/* All zero: the processor's own TSC. */
struct tsc_clock {
	u64 hz;    /* its frequency, 0: the machine's */
	u64 ratio; /* to the processor's TSC, 0: not scaled */
};

/* part / whole, as so many bits behind the point (64 at most), rounded down. */
u64 tsc_fraction(u64 part, u64 whole, u32 bits);

/*
 * The ratio, to the nearest 2^-48, by which a TSC of `here` Hz counts `hz` Hz; 0:
 * it has no such form (16 bits before the point), or hz is not below the limit.
 */
u64 tsc_ratio(u64 hz, u64 here);

/*
 * The nearest to a ratio that a processor can be given whose form has so many bits less
 * behind the point, and before it; 0: none.
 */
u64 tsc_ratio_fit(u64 ratio, u32 less_behind, u32 less_before);

/* The processor's TSC has one frequency, in all states of power (SDM 17.17.1). */
bool tsc_is_invariant(void);

/* Its frequency in Hz. */
u64 tsc_hz(const struct tsc_clock *clock);

/* What it shows when the processor's TSC is `tsc`: modulo 2^64, as that is. */
u64 tsc_at(const struct tsc_clock *clock, u64 tsc);

/*
 * Ticks of the processor's TSC in which it goes on by so many ticks of its own at
 * least: one of each more than needed at most. ~0: that many or more.
 */
u64 tsc_ticks(const struct tsc_clock *clock, u64 ticks);

/*
 * Ticks of a clock of `hz` as 100-ns units, rounded down, and units as ticks, rounded
 * up: so units that were made ticks are the same units again, of a clock that is not
 * slower than they are. hz is not 0 and below the limit.
 */
u64 tsc_units(u64 ticks, u64 hz);
u64 tsc_ticks_of_units(u64 units, u64 hz);

#endif
