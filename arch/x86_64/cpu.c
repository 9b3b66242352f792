/*
 * The door's small functions of the processor itself.
 */
#include "hv/cpu.h"
#include "arch/x86_64/msr.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/tally.h"
#include "hv/arch.h"

#define APIC_ICR_LOW (0x300 / 4)
#define APIC_ICR_SELF BIT(18) /* shorthand: the other half is not used */
#define APIC_ICR_ASSERT BIT(14)

struct cpu *arch_this_cpu(void)
{
	struct cpu *cpu;

	__asm__("mov %%gs:%c1, %0"
	        : "=r"(cpu)
	        : "i"(offsetof(struct cpu, self)));
	return cpu;
}

void arch_cpuid(u32 leaf, u32 subleaf, u32 regs[4])
{
	tally_cpuid();
	__asm__ volatile("cpuid"
	                 : "=a"(regs[0]), "=b"(regs[1]), "=c"(regs[2]),
	                   "=d"(regs[3])
	                 : "a"(leaf), "c"(subleaf));
}

u64 arch_tsc(void)
{
	u32 low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (u64)high << 32 | low;
}

void arch_self_interrupt(u8 vector)
{
	u64 base = msr_read(MSR_IA32_APIC_BASE);

	if (!(base & APIC_BASE_ENABLE))
		return;
	if (base & APIC_BASE_X2APIC)
		msr_write(MSR_IA32_X2APIC_SELF_IPI, vector);
	else
		paging_device(hpa_of(base & APIC_BASE_ADDRESS))[APIC_ICR_LOW] =
			(u32)(APIC_ICR_SELF | APIC_ICR_ASSERT | vector);
}
