/*
 * Runs the tests and prints a line for each:
 *
 *     STRESS name checksum right
 *     STRESS name checksum WRONG, known: checksum
 *     STRESS end: 22 right, 0 wrong
 *
 * `stress NAME...` runs these alone. The exit status is 0 when all are right.
 * `stress --lines` is no test: see lines.h.
 */
#include "tests/linux/stress/stress.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "tests/linux/stress/lines.h"

/* Known from a bare machine; those that are counts can be read in the tests. */
static const struct stress_test tests[] = {
	{ "tsc", time_tsc, 0 },
	{ "clock", time_clock, 0 },
	{ "vdso", time_vdso, 1000 },
	{ "syscall", time_syscall, 5000 },
	{ "sleep", time_sleep, 5 },
	{ "switches", vector_switches, 0 },
	{ "vectors", vector_sums, 0x2f9fcf293bab8fbull },
	{ "floating", floating_sums, 0xe4225346f9e92a65ull },
	{ "signals", fault_signals, 0x287200c5614caeb4ull },
	{ "exceptions", fault_exceptions, 0xf14a42d270c9fb44ull },
	{ "mappings", memory_mappings, 0x66afecd661091d0cull },
	{ "copies", memory_copies, 0 },
	{ "programs", process_programs, 6 },
	{ "pipes", process_pipes, 0x82ee88987bec6d06ull },
	{ "threads", process_threads, 1600 },
	{ "trace", trace_steps, 0xc800000032ull },
	{ "sort", compute_sort, 0xc64f49c0137bc5c5ull },
	{ "files", memory_files, 0xdc57766f861cff18ull },
	{ "digests", compute_digests, 0x6a7f0b78ee294279ull },
	{ "cpuid", cpu_leaves, 0 },
	{ "rdtscp", cpu_number, 100 },
	{ "rdrand", cpu_random, 20 },
};

u64 stress_mix(u64 hash, u64 value)
{
	/* An odd factor loses nothing; the shift brings high bits down again. */
	hash = (hash ^ value) * 0x9e3779b97f4a7c15ull;
	return hash ^ hash >> 29;
}

u64 stress_number(u64 index)
{
	return stress_mix(stress_mix(1, index), ~index);
}

void stress_pin(void)
{
	cpu_set_t first;

	CPU_ZERO(&first);
	CPU_SET(0, &first);
	if (sched_setaffinity(0, sizeof(first), &first))
		perror("STRESS cannot choose its processor");
}

/* Whether a test is among those that the command line names; all, if it names none. */
static bool wanted(const char *name, int count, char **names)
{
	for (int i = 1; i < count; i++) {
		if (!strcmp(name, names[i]))
			return true;
	}
	return count <= 1;
}

/* Run one test and say what it gave. */
static bool right(const struct stress_test *test)
{
	unsigned long long gave = test->run();

	if (gave == test->known) {
		printf("STRESS %s %016llx right\n", test->name, gave);
		return true;
	}
	printf("STRESS %s %016llx WRONG, known: %016llx\n", test->name, gave,
	       (unsigned long long)test->known);
	return false;
}

int main(int argc, char **argv)
{
	u32 rights = 0, wrongs = 0;

	/* A line at once: whoever saves this machine may stop in the middle of it. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 2 && !strcmp(argv[1], "--lines"))
		return !lines_hash();
	for (size_t i = 0; i < ARRAY_LEN(tests); i++) {
		if (!wanted(tests[i].name, argc, argv))
			continue;
		if (right(&tests[i]))
			rights++;
		else
			wrongs++;
	}
	printf("STRESS end: %u right, %u wrong\n", rights, wrongs);
	return wrongs || !rights;
}
