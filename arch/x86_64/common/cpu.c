/*
 * The door's small functions of the processor itself.
 */
#include "hv/base/cpu.h"

#include "arch/x86_64/common/apic.h"
#include "arch/x86_64/common/cpu_arch.h"
#include "arch/x86_64/common/tally.h"
#include "hv/arch.h"

/* Shorthand: the other half of ICR is not used. */
#define SELF (LAPIC_TO_SELF << LAPIC_ICR_SHORTHAND_SHIFT)

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

void arch_interrupt(struct cpu *cpu, u8 vector)
{
	u64 base = apic_base();

	if (!(base & LAPIC_BASE_ENABLE))
		return;
	if (cpu != arch_this_cpu())
		apic_send(cpu_arch(cpu)->apic_id, LAPIC_ICR_ASSERT | vector);
	else if (base & LAPIC_BASE_X2APIC)
		apic_write(LAPIC_SELF_IPI, vector);
	else
		apic_write(LAPIC_ICR, (u32)(SELF | LAPIC_ICR_ASSERT | vector));
}
