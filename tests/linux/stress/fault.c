/*
 * Signals that come in the middle of a computation, and exceptions as signals.
 */
#include "tests/linux/stress/stress.h"

#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

enum { ALARM_US = 4000, ALARMS = 5, KILLS = 300, STEPS = 300, FAULTS = 100 };

static volatile sig_atomic_t alarms, kills;
static sigjmp_buf back;

static void on_alarm(int signal_number)
{
	(void)signal_number;
	alarms = alarms + 1;
}

static void on_kill(int signal_number)
{
	volatile double used = signal_number;

	/* The kernel puts the x87 and vector registers away, and back. */
	used = used * 1.5;
	kills = kills + 1;
}

u64 fault_signals(void)
{
	const struct itimerval often = { { 0, ALARM_US }, { 0, ALARM_US } };
	const struct itimerval never = { { 0, 0 }, { 0, 0 } };
	double sum = 1;
	u64 bits;

	alarms = kills = 0;
	if (signal(SIGALRM, on_alarm) == SIG_ERR ||
	    signal(SIGUSR1, on_kill) == SIG_ERR ||
	    setitimer(ITIMER_REAL, &often, NULL))
		return STRESS_IMPOSSIBLE;
	for (u32 i = 0; i < KILLS; i++) {
		(void)kill(getpid(), SIGUSR1);
		for (u32 j = 0; j < STEPS; j++)
			sum = sum * 1.0000001 + 0.5;
	}
	while (alarms < ALARMS)
		;
	(void)setitimer(ITIMER_REAL, &never, NULL);
	memcpy(&bits, &sum, sizeof(bits));
	return stress_mix(bits, (u64)kills);
}

static void on_fault(int signal_number)
{
	siglongjmp(back, signal_number);
}

static void write_nowhere(void *page)
{
	*(volatile u8 *)page = 1;
}

static void divide(void *page)
{
	u32 high = 0, low = 5;

	(void)page;
	__asm__ volatile("divl %2" : "+a"(low), "+d"(high) : "r"(0));
}

static void undefined(void *page)
{
	(void)page;
	__asm__ volatile("ud2");
}

static void breakpoint(void *page)
{
	(void)page;
	__asm__ volatile("int3");
}

/* An address that is not canonical: #GP, with no address for the signal. */
static void read_beyond(void *page)
{
	(void)page;
	__asm__ volatile("movq (%0), %%rax" : : "r"(BIT(63)) : "rax");
}

static void privileged(void *page)
{
	(void)page;
	__asm__ volatile("hlt");
}

u64 fault_exceptions(void)
{
	static void (*const make[])(void *) = { write_nowhere, divide,
		                                undefined,     breakpoint,
		                                read_beyond,   privileged };
	static const int signals[] = { SIGSEGV, SIGFPE, SIGILL, SIGTRAP,
		                       SIGBUS };
	volatile u64 hash = 0;
	void *page = mmap(NULL, PAGE_SIZE, PROT_NONE,
	                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return STRESS_IMPOSSIBLE;
	for (u32 i = 0; i < ARRAY_LEN(signals); i++) {
		if (signal(signals[i], on_fault) == SIG_ERR)
			return STRESS_IMPOSSIBLE;
	}
	for (volatile u32 i = 0; i < FAULTS; i = i + 1) {
		int came = sigsetjmp(back, 1);

		if (!came) {
			make[i % ARRAY_LEN(make)](page);
			return i; /* nothing came */
		}
		hash = stress_mix(hash, (u64)came);
	}
	(void)munmap(page, PAGE_SIZE);
	return hash;
}
