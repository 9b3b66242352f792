/*
 * The few processor instructions that a parent needs.
 */
#ifndef STASIS_PARENT_CPU_H
#define STASIS_PARENT_CPU_H

#include "include/types.h"

struct cpu_id {
	u32 eax, ebx, ecx, edx;
};

static inline struct cpu_id cpu_cpuid(u32 leaf)
{
	struct cpu_id r;

	__asm__ volatile("cpuid"
	                 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
	                 : "a"(leaf), "c"(0));
	return r;
}

static inline u64 cpu_read_msr(u32 msr)
{
	u32 low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (u64)high << 32 | low;
}

static inline void cpu_write_msr(u32 msr, u64 value)
{
	__asm__ volatile("wrmsr"
	                 :
	                 : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32))
	                 : "memory");
}

static inline u64 cpu_read_tsc(void)
{
	u32 low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (u64)high << 32 | low;
}

/* By words: what the firmware's library has for memcpy goes byte by byte. */
static inline void cpu_copy(void *to, const void *from, u64 bytes)
{
	u64 words = bytes / 8;

	__asm__ volatile("rep movsq\n\t"
	                 "mov %3, %2\n\t"
	                 "rep movsb"
	                 : "+D"(to), "+S"(from), "+c"(words)
	                 : "r"(bytes % 8)
	                 : "memory");
}

static inline void cpu_pause(void)
{
	__asm__ volatile("pause" : : : "memory");
}

#endif
