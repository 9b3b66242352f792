/*
 * One lock, which spins: what one exit does is bounded.
 */
#include "arch/x86_64/common/machine.h"

#include "arch/x86_64/common/apic.h"
#include "arch/x86_64/common/regs.h"
#include "arch/x86_64/common/report.h"
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

void machine_watch_begin(struct machine_watch *w)
{
	*w = (struct machine_watch){ .last = arch_tsc() };
}

bool machine_watch_wait(struct machine_watch *w)
{
	u64 now = arch_tsc();
	u64 step = now - w->last, most = arch_facts()->tsc_hz / 1000;

	__asm__ volatile("pause");
	w->last = now;
	w->waited += step < most ? step : most;
	return w->waited / MACHINE_PATIENCE >= arch_facts()->tsc_hz;
}

/* Whoever has the turn is given up at last: nothing goes on without it. */
void machine_queue(struct cpu *cpu, u32 ticket)
{
	struct machine_watch watch;
	u32 served = machine_lock.served;

	machine_watch_begin(&watch);
	cpu_arch(cpu)->waits = true;
	while (!lock_is_taken(&machine_lock, ticket)) {
		if (machine_has_stopped())
			halt_forever();
		if (machine_watch_wait(&watch))
			report_hang("does not end its turn");
		if (!lock_is_taken(&machine_lock, served)) {
			served = __atomic_load_n(&machine_lock.served,
			                         __ATOMIC_RELAXED);
			machine_watch_begin(&watch);
		}
	}
	if (machine_has_stopped())
		halt_forever();
	cpu_arch(cpu)->waits = false;
}

void machine_halt(struct cpu *cpu)
{
	cpu_arch(cpu)->halts = true;
	machine_leave();
}

void machine_halted(struct cpu *cpu)
{
	cpu_arch(cpu)->halts = false;
	machine_take(cpu);
}

void machine_pass(struct cpu *cpu)
{
	machine_leave();
	machine_take(cpu);
}

void machine_wait(struct cpu *cpu)
{
	machine_halt(cpu);
	vendor_wait();
	machine_halted(cpu);
}

void arch_unlock(void)
{
	cpu_arch(arch_this_cpu())->beside = true;
	machine_leave();
}

void arch_lock(void)
{
	struct cpu *cpu = arch_this_cpu();

	cpu_arch(cpu)->beside = false;
	machine_take(cpu);
}

void machine_stop(void)
{
	__atomic_store_n(&machine_stopped, true, __ATOMIC_RELEASE);
	if (cpus_count() > 1 && (apic_base() & LAPIC_BASE_ENABLE))
		apic_send(0, NMI_TO_OTHERS);
}
