/*
 * The root has its APIC to itself: VMX has a timer of its own. All here is what the
 * inner door has for a vendor who takes something of it.
 */
#include "arch/x86_64/common/apic.h"
#include "arch/x86_64/common/vendor.h"

void vendor_timer_reset(void)
{
}

bool vendor_apic_watches(void)
{
	return false;
}

u32 vendor_apic_read(u32 offset)
{
	return apic_read(offset);
}

void vendor_apic_write(u32 offset, u32 value)
{
	apic_write(offset, value);
}
