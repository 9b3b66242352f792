/*
 * One lock, which spins: what one exit does is bounded.
 */
#include "arch/x86_64/common/machine.h"

#include "arch/x86_64/common/apic.h"
#include "arch/x86_64/common/regs.h"
#include "arch/x86_64/common/vendor.h"
#include "hv/base/cpus.h"

#define NMI_TO_OTHERS \
	(LAPIC_ICR_NMI | (u32)LAPIC_TO_OTHERS << LAPIC_ICR_SHORTHAND_SHIFT)

struct lock machine_lock;
bool machine_stopped;

bool machine_has_stopped(void)
{
	return __atomic_load_n(&machine_stopped, __ATOMIC_ACQUIRE);
}

void machine_queue(u32 ticket)
{
	while (!lock_is_taken(&machine_lock, ticket)) {
		if (machine_has_stopped())
			halt_forever();
		__asm__ volatile("pause");
	}
	if (machine_has_stopped())
		halt_forever();
}

void machine_wait(struct cpu *cpu)
{
	machine_leave();
	vendor_wait();
	machine_take(cpu);
}

void machine_stop(void)
{
	__atomic_store_n(&machine_stopped, true, __ATOMIC_RELEASE);
	if (cpus_count() > 1 && (apic_base() & LAPIC_BASE_ENABLE))
		apic_send(0, NMI_TO_OTHERS);
}
