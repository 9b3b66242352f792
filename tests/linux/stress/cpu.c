/*
 * What the processor tells of itself.
 */
#include "tests/linux/stress/stress.h"

#include <cpuid.h>
#include <sched.h>
#include <string.h>
#include <sys/random.h>
#include <x86intrin.h>

enum { LEAVES = 32, CPUID_ROUNDS = 50, TSCP_READS = 100, RANDOMS = 20 };
enum { TRIES = 10, NUMBER_BITS = 12 };

struct leaf {
	u32 eax, ebx, ecx, edx;
};

/* The basic leaves as they are now; how many. */
static u32 read_leaves(struct leaf *leaves)
{
	u32 count = __get_cpuid_max(0, NULL) + 1;

	count = count < LEAVES ? count : LEAVES;
	for (u32 i = 0; i < count; i++)
		__cpuid_count(i, 0, leaves[i].eax, leaves[i].ebx, leaves[i].ecx,
		              leaves[i].edx);
	return count;
}

u64 cpu_leaves(void)
{
	struct leaf first[LEAVES] = { 0 }, again[LEAVES] = { 0 };
	u64 changed = 0;
	u32 count;

	/* Leaves 1 and 0BH tell which processor it is that asks. */
	stress_pin();
	count = read_leaves(first);
	for (u32 i = 0; i < CPUID_ROUNDS; i++) {
		changed += read_leaves(again) != count;
		changed += memcmp(first, again, sizeof(first)) != 0;
	}
	return changed;
}

u64 cpu_number(void)
{
	u64 good = 0;

	stress_pin();
	for (u32 i = 0; i < TSCP_READS; i++) {
		u32 aux = ~0u;
		u64 tsc = __rdtsc();

		/* Linux keeps the number of the processor there. */
		good += __rdtscp(&aux) >= tsc &&
		        (int)(aux & (BIT(NUMBER_BITS) - 1)) == sched_getcpu();
	}
	return good;
}

/* RDRAND may have nothing ten times in a row, says the SDM, if it is broken. */
__attribute__((target("rdrnd"))) static bool random_of_cpu(void)
{
	unsigned long long number;

	for (u32 i = 0; i < TRIES; i++) {
		if (_rdrand64_step(&number))
			return true;
	}
	return false;
}

u64 cpu_random(void)
{
	u32 eax, ebx, ecx = 0, edx;
	u64 good = 0, number;

	/* Where the processor has none, the kernel must have numbers all the same. */
	(void)__get_cpuid(1, &eax, &ebx, &ecx, &edx);
	for (u32 i = 0; i < RANDOMS; i++) {
		if (ecx & bit_RDRND)
			good += random_of_cpu();
		else
			good += getrandom(&number, sizeof(number), 0) ==
			        sizeof(number);
	}
	return good;
}
