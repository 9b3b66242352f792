/*
 * The processor's local APIC, by its page or by MSRs. Nothing is decided here: unit tests
 * have another one.
 */
#include "arch/x86_64/svm/apic.h"

#include "arch/x86_64/common/msr.h"
#include "arch/x86_64/common/paging.h"

/* Read each time: the root changes the mode as it likes, and we are not told. */
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
