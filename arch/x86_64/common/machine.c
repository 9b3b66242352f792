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

/* Whoever spins for the lock sees it free meanwhile, on any processor. */
#define PASS_PAUSES 1000

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
	step = step < most ? step : most;
	w->still += step;
	w->waited += step;
	return w->still / MACHINE_PATIENCE >= arch_facts()->tsc_hz;
}

void machine_watch_moved(struct machine_watch *w)
{
	w->still = 0;
}

bool machine_watch_was_long(const struct machine_watch *w)
{
	return w->waited / MACHINE_LONG_MILLISECONDS >=
	       arch_facts()->tsc_hz / 1000;
}

/* Whoever has the turn is given up at last: nothing goes on without it. */
void machine_queue(struct cpu *cpu)
{
	struct machine_watch watch;
	u32 turns = lock_turns(&machine_lock), ticket = 0;
	bool drawn = false;

	machine_watch_begin(&watch);
	cpu_arch(cpu)->waits = true;
	/* A look first: each try takes the line from whoever has the lock. */
	while (lock_is_taken(&machine_lock) ||
	       !(drawn ? lock_try_ticket(&machine_lock, ticket)
	               : lock_try(&machine_lock))) {
		if (machine_has_stopped())
			halt_forever();
		if (machine_watch_wait(&watch))
			report_hang("does not end its turn");
		if (lock_turns(&machine_lock) != turns) {
			turns = lock_turns(&machine_lock);
			machine_watch_moved(&watch);
		}
		if (!drawn && machine_watch_was_long(&watch)) {
			ticket = lock_draw(&machine_lock);
			drawn = true;
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
	u32 turns;

	machine_leave();
	turns = lock_turns(&machine_lock);
	for (u32 i = 0; i < PASS_PAUSES && lock_turns(&machine_lock) == turns;
	     i++)
		__asm__ volatile("pause");
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
	/* Nobody has this one: whoever comes has to queue, and sees it there. */
	(void)lock_draw(&machine_lock);
	if (cpus_count() > 1 && (apic_base() & LAPIC_BASE_ENABLE))
		apic_send(0, NMI_TO_OTHERS);
}
