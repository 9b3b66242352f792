/*
 * Floating point: only what IEEE 754 rounds in one way, so the same on each processor.
 * Sines and logarithms are not among it, nor is a fused multiplication.
 */
#include "tests/linux/stress/stress.h"

#include <string.h>

enum { ROUNDS = 4000, X87_BYTES = 10 };

/* GCC would call the library's where a number might be negative. */
static double root(double of)
{
	double is;

	__asm__("sqrtsd %1, %0" : "=x"(is) : "x"(of));
	return is;
}

u64 floating_sums(void)
{
	volatile double sse = 0.5;
	volatile long double x87 = 1.0L;
	long double last;
	double value;
	u64 hash = 1, bits, high = 0;

	for (u32 i = 1; i < ROUNDS; i++) {
		sse = root(sse * (double)i) + 1.0 / (sse + (double)i);
		x87 = x87 * 1.0000001L + 0.25L / (long double)i;
	}
	value = sse;
	memcpy(&bits, &value, sizeof(bits));
	hash = stress_mix(hash, bits);
	/* All ten bytes of it: a mantissa of 64 bits, sign and exponent. */
	last = x87;
	memcpy(&bits, &last, sizeof(bits));
	memcpy(&high, (const u8 *)&last + sizeof(bits),
	       X87_BYTES - sizeof(bits));
	return stress_mix(stress_mix(hash, bits), high);
}
