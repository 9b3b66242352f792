/*
 * How often the one that asks has left for the hypervisor, and why: a hypervisor for
 * tests is asked by CPUID (tests/guest/lib/tally.h).
 */
#include <cpuid.h>
#include <stdio.h>

#define ASKS 0x5441u
#define TURNS \
	512u /* by reason, whether a child left, whether one was entered */

int main(void)
{
	unsigned int eax, count, ecx, edx;

	printf("LINUX exits");
	for (unsigned int sort = 0; sort < TURNS; sort++) {
		__cpuid_count(0, ASKS << 16 | sort, eax, count, ecx, edx);
		if (count)
			printf(" %x=%u", sort, count);
	}
	printf("\n");
	return 0;
}
