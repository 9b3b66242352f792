/*
 * Kicks: all but the wait for another to leave its guest is under the machine's lock.
 */
#include "arch/x86_64/common/kick.h"

#include "arch/x86_64/common/apic.h"
#include "arch/x86_64/common/cpu_arch.h"
#include "arch/x86_64/common/machine.h"
#include "arch/x86_64/common/report.h"
#include "arch/x86_64/common/switch.h"
#include "arch/x86_64/common/vendor.h"
#include "hv/base/check.h"
#include "hv/base/cpus.h"
#include "hv/vp/partition.h"

/* Of ours, for the caller to come again: so long the VP is kept from running. */
#define HOLD_MICROSECONDS 200

/*
 * An NMI may be lost below us (docs/svm.md), and a kick that is under way for ever keeps all
 * others from being sent. So long it may take to a processor that would take it at once, with a
 * host that runs others meanwhile; and so long one of two may come behind the other.
 */
#define LATE_MILLISECONDS 20
#define SECOND_SECONDS 1

/* Of two that were sent one may come when the other has been seen to. */
static bool is_second(struct cpu_arch *a)
{
	u64 end = a->second_end;

	a->second_end = 0;
	return arch_tsc() < end;
}

bool kick_came(struct cpu *cpu)
{
	struct cpu_arch *a = cpu_arch(cpu);

	return __atomic_exchange_n(&a->kicked, 0, __ATOMIC_ACQ_REL) ||
	       is_second(a);
}

bool kick_note_nmi(struct cpu *cpu)
{
	struct cpu_arch *a = cpu_arch(cpu);

	if (!a->nmi_arrived)
		return false;
	a->nmi_arrived = false;
	/* Not before it is here: one that is under way would be taken for the root's. */
	if (kick_came(cpu))
		return false;
	a->nmi_pending = true;
	return true;
}

static void send(struct cpu_arch *a)
{
	a->kicked_at = arch_tsc();
	apic_send(a->apic_id, LAPIC_ICR_NMI);
}

/* Whoever works, or waits for the lock, looks by itself. TSCs may differ by a little. */
static bool is_late(const struct cpu_arch *a, u64 now)
{
	bool away = __atomic_load_n(&a->in_guest, __ATOMIC_ACQUIRE) || a->halts;
	u64 late = arch_facts()->tsc_hz / 1000 * LATE_MILLISECONDS;

	return away && now > a->kicked_at && now - a->kicked_at > late;
}

static void send_again_if_late(struct cpu_arch *a)
{
	u64 now = arch_tsc();

	if (!is_late(a, now))
		return;
	a->second_end = now + arch_facts()->tsc_hz * SECOND_SECONDS;
	send(a);
}

void arch_cpu_kick(struct cpu *cpu)
{
	struct cpu_arch *a = cpu_arch(cpu);

	if (cpu == arch_this_cpu())
		return;
	a->quiet = false;
	/* One that is under way is enough: whoever gets it looks at all. */
	if (!__atomic_exchange_n(&a->kicked, 1, __ATOMIC_ACQ_REL))
		send(a);
	else
		send_again_if_late(a);
}

static void wait_for_exit(struct cpu *cpu)
{
	struct machine_watch watch;

	machine_watch_begin(&watch);
	while (__atomic_load_n(&cpu_arch(cpu)->in_guest, __ATOMIC_ACQUIRE)) {
		send_again_if_late(cpu_arch(cpu));
		if (machine_watch_wait(&watch))
			report_hang("does not leave its guest");
	}
}

void arch_vp_kick(struct vp *vp)
{
	struct cpu *cpu = vp->cpu;

	if (cpu == arch_this_cpu() || cpu->current != vp)
		return;
	arch_cpu_kick(cpu);
	wait_for_exit(cpu);
}

static u64 hold_from(u64 now)
{
	return now + arch_facts()->tsc_hz / 1000000 * HOLD_MICROSECONDS;
}

bool arch_vp_take(struct vp *vp)
{
	struct cpu *cpu = vp->cpu;

	if (cpu == arch_this_cpu() || !vp->in_processor)
		return true;
	vp->hold_end = hold_from(arch_tsc());
	if (!list_linked(&vp->asked))
		list_add_before(&cpu->asked, &vp->asked);
	arch_cpu_kick(cpu);
	return false;
}

/* A processor that is in its guest has the VP that it had when it gave the lock away. */
static bool runs_in(struct cpu *cpu, const struct arch_space *space)
{
	return cpu && cpu != arch_this_cpu() && cpu_arch(cpu)->in_guest &&
	       &cpu->current->partition->space.arch == space;
}

/* First all, then all: they leave at the same time. */
void kick_space(const struct arch_space *space)
{
	if (cpus_count() < 2)
		return;
	for (u32 i = 0; i < HANDOFF_PROCESSORS; i++)
		if (runs_in(cpus_at(i), space))
			arch_cpu_kick(cpus_at(i));
	for (u32 i = 0; i < HANDOFF_PROCESSORS; i++)
		if (runs_in(cpus_at(i), space))
			wait_for_exit(cpus_at(i));
}

/* It may have taken long to get here: whoever asked has all of the time from now on. */
void kick_hold_asked(struct cpu *cpu)
{
	struct list *l;

	for (l = cpu->asked.next; l != &cpu->asked; l = l->next)
		list_entry(l, struct vp, asked)->hold_end =
			hold_from(arch_tsc());
}

static void let_go(struct vp *vp)
{
	struct cpu_arch *a = cpu_arch(vp->cpu);

	if (a->resident == vp) {
		/* One that was captured has not run since, and its state may be newer. */
		if (!(vp->cached & VP_PART_LIVE))
			switch_save_if_resident(vp);
		a->resident = NULL;
	}
	vendor_let_go(vp);
	vp->in_processor = false;
}

void arch_vp_move(struct vp *vp, struct cpu *to)
{
	CHECK(vp->cpu == arch_this_cpu() && vp->cpu->current != vp);
	/* Whoever has asked for it finds it let go. */
	list_remove(&vp->asked);
	if (vp->in_processor)
		let_go(vp);
	vp->cpu = to;
	vendor_moved(vp);
}

void kick_let_go(struct cpu *cpu, struct vp *last)
{
	if (last != cpu->current && vp_is_suspended(last) && last->in_processor)
		let_go(last);
	while (list_linked(&cpu->asked)) {
		struct vp *vp = list_entry(cpu->asked.next, struct vp, asked);

		list_remove(&vp->asked);
		/* Whoever wanted it has not come back, and it runs again. */
		if (vp != cpu->current)
			let_go(vp);
	}
}
