/*
 * A generator of Marsaglia's kind: three shifts, and a product of what comes
 * out of them, whose high half is the good one.
 */
#include "tests/guest/lib/random.h"

#include "tests/guest/lib/mp.h"

static u64 states[MP_PROCESSORS] = { 1, 1 };

void random_seed(u64 seed)
{
	u64 *state = &states[mp_here()];

	/* 0 would stay 0; neighbours shall not begin alike. */
	*state = (seed + 1) * 0x9e3779b97f4a7c15ull;
	if (!*state)
		*state = 1;
	for (u32 i = 0; i < 8; i++)
		random_next();
}

u64 random_next(void)
{
	u64 *state = &states[mp_here()];

	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull;
}

u32 random_below(u32 limit)
{
	return (u32)((random_next() >> 32) * limit >> 32);
}

bool random_one_in(u32 n)
{
	return random_below(n) == 0;
}

u64 random_bit_of(u64 mask)
{
	u32 count = 0, skip;

	for (u64 m = mask; m; m &= m - 1)
		count++;
	if (!count)
		return 0;
	for (skip = random_below(count); skip; skip--)
		mask &= mask - 1;
	return mask & -mask;
}
