/*
 * A stress for the user space of a Linux: what a hypervisor could get wrong of a
 * processor, of memory and of time. Each test gives one number, which depends neither on
 * the machine nor on when it was stopped and moved to another.
 */
#ifndef TESTS_LINUX_STRESS_H
#define TESTS_LINUX_STRESS_H

#include "include/types.h"

/* A test that cannot be made here (no memory, no file) gives this. */
#define STRESS_IMPOSSIBLE 0xdeadull

struct stress_test {
	const char *name;
	u64 (*run)(void);
	u64 known; /* what it gives */
};

/* main.c: the hash of a row of numbers so far with one more; begin with any. */
u64 stress_mix(u64 hash, u64 value);

/* main.c: a number for each index, the same everywhere. */
u64 stress_number(u64 index);

/* main.c: the caller and its children run on the first processor alone. */
void stress_pin(void);

/* time.c: reads of the TSC, or of a clock, that were below the one before. */
u64 time_tsc(void);
u64 time_clock(void);
/* time.c: how many of the calls gave a time, by the vDSO; and a parent, by the kernel. */
u64 time_vdso(void);
u64 time_syscall(void);
/* time.c: sleeps that were as long as asked, by the clock and by the TSC. */
u64 time_sleep(void);

/* vector.c: rounds in which a register had changed while others ran. */
u64 vector_switches(void);
/* vector.c: integers, computed with the widest vectors that there are. */
u64 vector_sums(void);

/* floating.c: numbers of SSE and of x87 after many roundings. */
u64 floating_sums(void);

/* fault.c: a sum that signals come into, and how many came. */
u64 fault_signals(void);
/* fault.c: the signals of exceptions, in their order. */
u64 fault_exceptions(void);

/* memory.c: what was read from mappings; pages of a fork that were not its own. */
u64 memory_mappings(void);
u64 memory_copies(void);
/* memory.c: what was read from a file. */
u64 memory_files(void);

/* process.c: programs that ended well; what went through pipes; locked additions. */
u64 process_programs(void);
u64 process_pipes(void);
u64 process_threads(void);

/* trace.c: single steps and watchpoints of a child. */
u64 trace_steps(void);

/* compute.c: a sorted row; digests of files by other programs. */
u64 compute_sort(void);
u64 compute_digests(void);

/* cpu.c: what CPUID tells otherwise than before; RDTSCP and RDRAND that were right. */
u64 cpu_leaves(void);
u64 cpu_number(void);
u64 cpu_random(void);

#endif
