/*
 * Instructions that may fault because of what a guest asked for. While one
 * runs, cpu_arch.recover says where the #GP handler shall go on, with CF set.
 */
#include "arch/x86_64/common/cpu_arch.h"
#include "arch/x86_64/common/msr.h"

/* `1:` is behind the instruction: MOV leaves CF as it is. */
#define SAFELY(instruction)              \
	"lea 1f(%%rip), %[scratch]\n\t"  \
	"mov %[scratch], %[recover]\n\t" \
	"clc\n\t" instruction "\n"       \
	"1:\n\t"                         \
	"movq $0, %[recover]"

static u64 *recover(void)
{
	return &cpu_arch(arch_this_cpu())->recover;
}

bool msr_read_safe(u32 msr, u64 *value)
{
	u32 low = 0, high = 0;
	u64 scratch;
	bool faulted;

	tally_rdmsr(msr);
	__asm__ volatile(SAFELY("rdmsr")
	                 : "=@ccc"(faulted), "+a"(low), "+d"(high),
	                   [scratch] "=&r"(scratch), [recover] "=m"(*recover())
	                 : "c"(msr)
	                 : "memory");
	*value = (u64)high << 32 | low;
	return !faulted;
}

bool msr_write_safe(u32 msr, u64 value)
{
	u64 scratch;
	bool faulted;

	tally_wrmsr(msr);
	__asm__ volatile(SAFELY("wrmsr")
	                 : "=@ccc"(faulted), [scratch] "=&r"(scratch),
	                   [recover] "=m"(*recover())
	                 : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32))
	                 : "memory");
	return !faulted;
}

bool xcr0_write_safe(u64 value)
{
	u64 scratch;
	bool faulted;

	tally_xsetbv();
	__asm__ volatile(SAFELY("xsetbv")
	                 : "=@ccc"(faulted), [scratch] "=&r"(scratch),
	                   [recover] "=m"(*recover())
	                 : "c"(0), "a"((u32)value), "d"((u32)(value >> 32))
	                 : "memory");
	return !faulted;
}
