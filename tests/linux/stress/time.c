/*
 * Time. It goes on while the machine is saved, so nothing here has an upper bound.
 */
#include "tests/linux/stress/stress.h"

#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

enum {
	TSC_READS = 20000,
	CLOCK_READS = 2000,
	VDSO_CALLS = 1000,
	SYSTEM_CALLS = 5000,
	SLEEPS = 5,
	SLEEP_NS = 20000000
};

static u64 now(void)
{
	struct timespec at;

	if (clock_gettime(CLOCK_MONOTONIC, &at))
		return 0;
	return (u64)at.tv_sec * 1000000000u + (u64)at.tv_nsec;
}

u64 time_tsc(void)
{
	u64 last = __rdtsc(), back = 0;

	/* LFENCE: the processor may read a TSC before another read is done. */
	for (u32 i = 0; i < TSC_READS; i++) {
		u64 next;

		_mm_lfence();
		next = __rdtsc();
		back += next < last;
		last = next;
	}
	return back;
}

u64 time_clock(void)
{
	u64 last = now(), back = 0;

	for (u32 i = 0; i < CLOCK_READS; i++) {
		u64 next = now();

		back += next < last;
		last = next;
	}
	return back;
}

u64 time_vdso(void)
{
	struct timeval at;
	u64 good = 0;

	for (u32 i = 0; i < VDSO_CALLS; i++)
		good += gettimeofday(&at, NULL) == 0 && at.tv_usec < 1000000;
	return good;
}

u64 time_syscall(void)
{
	pid_t parent = getppid();
	u64 good = 0;

	for (u32 i = 0; i < SYSTEM_CALLS; i++)
		good += syscall(SYS_getppid) == parent;
	return good;
}

u64 time_sleep(void)
{
	const struct timespec asked = { .tv_nsec = SLEEP_NS };
	u64 good = 0;

	for (u32 i = 0; i < SLEEPS; i++) {
		u64 clock = now(), tsc = __rdtsc();

		if (nanosleep(&asked, NULL))
			continue;
		/* A TSC below 10 MHz there is not: it has not stood still. */
		good += now() - clock >= SLEEP_NS &&
		        __rdtsc() - tsc >= SLEEP_NS / 100;
	}
	return good;
}
