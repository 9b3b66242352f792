/*
 * Clocks that are not the processor's: 128-bit products, without a 128-bit
 * division, which the hypervisor has no library for.
 */
#include "hv/base/tsc.h"

#include "hv/arch.h"
#include "include/x86.h"

typedef unsigned __int128 u128;

u64 tsc_fraction(u64 part, u64 whole, u32 bits)
{
	u64 fraction = 0;

	/* Long division, a bit a turn. The remainder may need a 65th bit, where
	 * whole has its top bit set: that is the carry. */
	for (part %= whole; bits > 0; bits--) {
		bool carry = part >> 63;

		part <<= 1;
		fraction <<= 1;
		if (carry || part >= whole) {
			part -= whole;
			fraction |= 1;
		}
	}
	return fraction;
}

/* One bit more than there is room for decides which way it is rounded. */
u64 tsc_ratio(u64 hz, u64 here)
{
	u64 whole, fraction;

	if (hz >= TSC_HZ_LIMIT || here == 0 ||
	    (hz / here) >> (64 - TSC_RATIO_BITS))
		return 0;
	whole = (hz / here) << TSC_RATIO_BITS;
	fraction = (tsc_fraction(hz, here, TSC_RATIO_BITS + 1) + 1) >> 1;
	return whole + fraction; /* 0 too where that turns over */
}

u64 tsc_ratio_fit(u64 ratio, u32 less_behind, u32 less_before)
{
	u64 half = less_behind ? 1ull << (less_behind - 1) : 0;
	u64 fit = (ratio + half) >> less_behind << less_behind;

	/* Rounded up it may turn over, or need one of the bits that are not there. */
	if (ratio > ~0ull - half || (less_before && fit >> (64 - less_before)))
		return 0;
	return fit;
}

bool tsc_is_invariant(void)
{
	u32 regs[4];

	/* Beyond the last leaf there are another one's bits. */
	if (arch_facts()->cpuid_max_extended < CPUID_POWER)
		return false;
	arch_cpuid(CPUID_POWER, 0, regs);
	return regs[EDX] & CPUID_POWER_EDX_INVARIANT_TSC;
}

u64 tsc_hz(const struct tsc_clock *clock)
{
	/* A clock of its own has one that came by a stream and is scaled to. */
	return clock->hz ? clock->hz : arch_facts()->tsc_hz;
}

/* What the processor does at RDTSC, before it adds the offset (SDM 25.3). */
u64 tsc_at(const struct tsc_clock *clock, u64 tsc)
{
	if (!clock->ratio)
		return tsc;
	return (u64)((u128)tsc * clock->ratio >> TSC_RATIO_BITS);
}

u64 tsc_ticks(const struct tsc_clock *clock, u64 ticks)
{
	u64 ratio = clock->ratio, quotient;

	if (!ratio)
		return ticks;
	/* Later than a 64-bit TSC can tell: callers take it for never. */
	if ((ticks / ratio) >> (64 - TSC_RATIO_BITS))
		return ~0ull;
	quotient = (ticks / ratio) << TSC_RATIO_BITS |
	           tsc_fraction(ticks, ratio, TSC_RATIO_BITS);
	/* Up, or a timer is looked at a tick before it is due, and again and
	 * again. */
	if ((u128)quotient * ratio < (u128)ticks << TSC_RATIO_BITS &&
	    quotient != ~0ull)
		quotient++;
	return quotient;
}

/* Whole seconds apart, and the rest: so the products keep within 64 bits. */
u64 tsc_units(u64 ticks, u64 hz)
{
	return ticks / hz * TSC_UNITS + ticks % hz * TSC_UNITS / hz;
}

u64 tsc_ticks_of_units(u64 units, u64 hz)
{
	return units / TSC_UNITS * hz +
	       (units % TSC_UNITS * hz + TSC_UNITS - 1) / TSC_UNITS;
}
