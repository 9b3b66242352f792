/*
 * What a processor gives, by Linux' clock: rate clock COUNT reads that clock so often,
 * rate spin COUNT counts in a register, two instructions a turn.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* False: it went back. */
static int read_clock(uint64_t count)
{
	uint64_t last = 0;

	for (; count; count--) {
		uint64_t now = now_ns();

		if (now < last)
			return 0;
		last = now;
	}
	return 1;
}

static int spin(uint64_t count)
{
	__asm__ volatile("1: dec %0\n\tjnz 1b" : "+r"(count) : : "cc");
	return count == 0;
}

int main(int argc, char **argv)
{
	uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 0, begin;
	int clock, good;

	if (count == 0)
		return 2;
	clock = strcmp(argv[1], "clock") == 0;
	begin = now_ns();
	good = clock ? read_clock(count) : spin(count);
	printf("LINUX rate %s=%lu ns=%lu good=%d\n", argv[1], count,
	       now_ns() - begin, good);
	return !good;
}
