/*
 * The processor's local APIC, by its page or by MSRs. Nothing is decided here: unit tests
 * have another one.
 */
#include "arch/x86_64/common/apic.h"

#include "arch/x86_64/common/msr.h"
#include "arch/x86_64/common/paging.h"

#define XAPIC_ID_SHIFT 24

u64 apic_base(void)
{
	return msr_read(MSR_IA32_APIC_BASE);
}

static volatile u32 *register_at(u64 base, u32 offset)
{
	return paging_device(apic_page(base)) + offset / 4;
}

u32 apic_read(u32 offset)
{
	u64 base = apic_base();

	if (base & LAPIC_BASE_X2APIC)
		return (u32)msr_read(LAPIC_MSR(offset));
	return *register_at(base, offset);
}

void apic_write(u32 offset, u32 what)
{
	u64 base = apic_base();

	if (base & LAPIC_BASE_X2APIC)
		msr_write(LAPIC_MSR(offset), what);
	else
		*register_at(base, offset) = what;
}

u32 apic_swap_tpr(u32 tpr)
{
	u32 last;

	if (!(apic_base() & LAPIC_BASE_ENABLE))
		return 0;
	last = apic_read(LAPIC_TPR);
	apic_write(LAPIC_TPR, tpr);
	return last;
}

u32 apic_id(void)
{
	u32 id = apic_read(LAPIC_ID);

	return apic_base() & LAPIC_BASE_X2APIC ? id : id >> XAPIC_ID_SHIFT;
}

/* In x2APIC mode nothing is ever busy (SDM 10.12.9). */
static void wait_for_icr(u64 base)
{
	while (*register_at(base, LAPIC_ICR) & LAPIC_ICR_BUSY)
		__asm__ volatile("pause");
}

void apic_send(u32 to, u32 low)
{
	u64 base = apic_base();
	u32 high;

	/* What we have written is there for whoever gets it: WRMSR does not wait for it. */
	__asm__ volatile("mfence; lfence" : : : "memory");
	if (base & LAPIC_BASE_X2APIC) {
		msr_write(LAPIC_MSR(LAPIC_ICR), (u64)to << 32 | low);
		return;
	}
	wait_for_icr(base);
	high = *register_at(base, LAPIC_ICR_HIGH);
	*register_at(base, LAPIC_ICR_HIGH) = to << XAPIC_ID_SHIFT;
	*register_at(base, LAPIC_ICR) = low;
	wait_for_icr(base);
	*register_at(base, LAPIC_ICR_HIGH) = high;
}

void apic_send_icr(u64 icr)
{
	u64 base = apic_base();

	if (base & LAPIC_BASE_X2APIC)
		msr_write(LAPIC_MSR(LAPIC_ICR), icr);
	else
		*register_at(base, LAPIC_ICR) = (u32)icr;
}
