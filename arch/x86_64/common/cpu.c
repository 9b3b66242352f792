/*
 * The door's small functions of the processor itself.
 */
#include "hv/base/cpu.h"

#include "arch/x86_64/common/msr.h"
#include "arch/x86_64/common/paging.h"
#include "arch/x86_64/common/tally.h"
#include "hv/arch.h"
#include "hv/base/check.h"
#include "hv/vp/vp.h"
#include "include/x86_apic.h"

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
	u64 base = msr_read(MSR_IA32_APIC_BASE);
	u64 page = base & LAPIC_BASE_ADDRESS;

	/* ICR takes a shorthand: the one processor is this one. */
	CHECK(cpu == arch_this_cpu());
	if (!(base & LAPIC_BASE_ENABLE))
		return;
	if (base & LAPIC_BASE_X2APIC)
		msr_write(LAPIC_MSR(LAPIC_SELF_IPI), vector);
	else
		paging_device(hpa_of(page))[LAPIC_ICR / 4] =
			(u32)(SELF | LAPIC_ICR_ASSERT | vector);
}

/* There is one processor, and it runs the caller. */
void arch_vp_kick(struct vp *vp)
{
	CHECK(vp->cpu == arch_this_cpu());
}
