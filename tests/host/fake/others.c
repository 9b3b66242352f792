/*
 * The lock of the machine, which nobody contends for, and an APIC's way to others: machine.c
 * and the half of apic.c that sends.
 */
#include "tests/host/fake/others.h"

#include <string.h>

#include "arch/x86_64/common/apic.h"
#include "arch/x86_64/common/enter.h"
#include "arch/x86_64/common/kick.h"
#include "arch/x86_64/common/machine.h"
#include "arch/x86_64/common/vendor.h"
#include "hv/base/check.h"
#include "hv/base/cpus.h"
#include "hv/vp/ready.h"

#define DELIVERY 0x700u /* of an ICR */

struct fake_others fake_others;
static struct counters counters;

void fake_others_reset(void)
{
	memset(&fake_others, 0, sizeof(fake_others));
}

struct cpu *fake_processor_add(u32 apic_id)
{
	struct fake_others *o = &fake_others;
	struct cpu *cpu;

	CHECK(o->count < FAKE_OTHERS);
	if (!o->at)
		o->at = (struct cpu *)(void *)fake_memory(FAKE_OTHERS *
		                                          sizeof(*cpu));
	cpu = &o->at[o->count++];
	cpu->self = cpu;
	cpu->index = o->count;
	cpu->counters = &counters;
	CHECK(hv_start_other(cpu) == HANDOFF_OK);
	/* As it was captured: it ran for the firmware. */
	cpu->root->state.activity = 0;
	cpu->root->in_processor = true;
	cpu_arch(cpu)->apic_id = apic_id;
	cpu_arch(cpu)->resident = cpu->root;
	cpu_arch(cpu)->in_guest = true;
	return cpu;
}

struct vp_state *fake_run_on(struct vp *vp, struct cpu *cpu)
{
	vp->cpu->vps--;
	ready_forget(vp);
	vp->cpu = cpu;
	cpu->vps++;
	list_add_before(&cpu->ready, &vp->ready);
	cpu_arch(cpu)->kicked = 0;
	return fake_enter(vp);
}

void fake_go_to(struct cpu *cpu)
{
	fake.here = cpu;
	cpu_arch(cpu)->in_guest = false;
}

void fake_processor_comes(struct cpu *cpu)
{
	struct cpu *before = fake.here;

	fake_go_to(cpu);
	/* Behind a kick that is what there is to it. */
	kick_came(cpu);
	enter_next(cpu, SCHED_GO_ON);
	cpu->current->cached = VP_PART_OURS;
	cpu_arch(cpu)->in_guest = true;
	fake.here = before;
}

/* ---- apic.c ---- */

void apic_send(u32 to, u32 low)
{
	struct fake_others *o = &fake_others;

	if (o->sent_count < FAKE_SENT) {
		o->sent[o->sent_count].to = to;
		o->sent[o->sent_count].low = low;
	}
	o->sent_count++;
	if (o->lost && o->lost--)
		return;
	for (u32 i = 0; i < HANDOFF_PROCESSORS; i++) {
		struct cpu *cpu = cpus_at(i);

		if (cpu && cpu_arch(cpu)->apic_id == to &&
		    (low & DELIVERY) == (LAPIC_ICR_NMI & DELIVERY))
			cpu_arch(cpu)->in_guest = false;
	}
}

/* ---- machine.c ---- */

void machine_wait(struct cpu *cpu)
{
	CHECK(cpu == fake.here && !cpu_arch(cpu)->in_guest);
	/* Nobody would ever wake it. */
	CHECK(fake_others.arrives);
	fake_others.arrives(cpu, fake_others.waits++);
	cpu_arch(cpu)->nmi_arrived = true;
}

void machine_pass(struct cpu *cpu)
{
	CHECK(cpu == fake.here && !cpu_arch(cpu)->in_guest);
	fake_others.passed++;
}

void machine_watch_begin(struct machine_watch *w)
{
	(void)w;
}

/* Here nobody runs meanwhile: what has not come yet does not, but for an NMI sent again. */
bool machine_watch_wait(struct machine_watch *w)
{
	struct fake_others *o = &fake_others;

	(void)w;
	fake.tsc += fake.facts.tsc_hz / 1000;
	return !o->patience || !--o->patience;
}

/* The other one does all of its turn at once. */
void arch_unlock(void)
{
	struct fake_others *o = &fake_others;

	CHECK(!o->open);
	o->open = true;
	o->unlocked++;
	if (o->beside)
		o->beside();
}

void arch_lock(void)
{
	CHECK(fake_others.open);
	fake_others.open = false;
}

/* ---- Behind the inner door ---- */

void vendor_let_go(struct vp *vp)
{
	CHECK(vp->cpu == fake.here);
	fake_others.let_go++;
	fake_others.gone = vp;
}

void vendor_moved(struct vp *vp)
{
	CHECK(vp->cpu != fake.here);
	fake_others.moved++;
	fake_others.gone = vp;
}

/* Nobody halts here: machine_wait is the fake's own. */
void vendor_wait(void)
{
}
