/*
 * Linux' clocks against the machine's own: clock SECONDS. The PM timer of ACPI is no
 * clock of Linux' here, and counts by itself; so does the number of timer interrupts.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <time.h>
#include <unistd.h>

#define FADT "/sys/firmware/acpi/tables/FACP"
#define FADT_PM_TIMER 76u       /* its port (ACPI, FADT: PM_TMR_BLK) */
#define PM_TIMER_MASK 0xffffffu /* 24 bits are always there */
#define PAUSE_NS 250000000l     /* it turns over every 4.7 s */

static uint16_t port;

static int open_pm_timer(void)
{
	uint32_t at = 0;
	int file = open(FADT, O_RDONLY);

	if (file < 0)
		return -1;
	if (pread(file, &at, sizeof(at), FADT_PM_TIMER) != sizeof(at))
		at = 0;
	close(file);
	port = (uint16_t)at;
	/* All ports: the timer's is above those that ioperm knew at first. */
	return port ? iopl(3) : -1;
}

static uint64_t now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* A number behind a word in a file that the kernel writes. */
static uint64_t read_number(const char *name, const char *word)
{
	char line[512];
	uint64_t value = 0;
	FILE *file = fopen(name, "r");

	while (file && fgets(line, sizeof(line), file)) {
		char *found = strstr(line, word);

		if (!found)
			continue;
		value = strtoull(found + strlen(word), NULL, 10);
		break;
	}
	if (file)
		fclose(file);
	return value;
}

static uint64_t interrupts(void)
{
	return read_number("/proc/interrupts", "LOC:");
}

static uint64_t jiffies(void)
{
	return read_number("/proc/timer_list", "jiffies: ");
}

struct reading {
	uint64_t ns;
	uint64_t boot_ns; /* of the clock that no NTP moves */
	uint64_t jiffies;
	uint64_t interrupts;
	uint64_t tsc;
	uint32_t timer;
};

/* The two that are compared last, one right behind the other. */
static struct reading read_all(void)
{
	struct reading r = { .interrupts = interrupts(), .jiffies = jiffies() };

	r.tsc = __builtin_ia32_rdtsc();
	r.boot_ns = now_ns(CLOCK_MONOTONIC_RAW);
	r.ns = now_ns(CLOCK_MONOTONIC);
	r.timer = inl(port) & PM_TIMER_MASK;
	return r;
}

int main(int argc, char **argv)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	uint64_t seconds = argc > 1 ? strtoull(argv[1], NULL, 10) : 10;
	uint64_t ticks = 0, sleeps = 0, longest = 0, last_ns;
	struct reading first, last;
	uint32_t seen;

	if (open_pm_timer() < 0) {
		printf("LINUX no-clock\n");
		return 1;
	}
	first = last = read_all();
	seen = first.timer;
	while (last.ns - first.ns < seconds * 1000000000u) {
		last_ns = now_ns(CLOCK_MONOTONIC);
		nanosleep(&pause, NULL);
		last = read_all();
		if (last.ns - last_ns > longest)
			longest = last.ns - last_ns;
		ticks += (last.timer - seen) & PM_TIMER_MASK;
		seen = last.timer;
		sleeps++;
	}
	printf("LINUX clock ns=%lu raw=%lu timer=%lu jiffies=%lu loc=%lu "
	       "tsc=%lu sleeps=%lu longest=%lu\n",
	       last.ns - first.ns, last.boot_ns - first.boot_ns, ticks,
	       last.jiffies - first.jiffies, last.interrupts - first.interrupts,
	       last.tsc - first.tsc, sleeps, longest);
	return 0;
}
