/*
 * Who is meant by an ICR, and what becomes of a processor that gets an INIT.
 */
#include "arch/x86_64/common/startup.h"

#include "arch/x86_64/common/apic.h"
#include "arch/x86_64/common/cpu_arch.h"
#include "arch/x86_64/common/kick.h"
#include "arch/x86_64/common/machine.h"
#include "arch/x86_64/common/report.h"
#include "arch/x86_64/common/vendor.h"
#include "hv/base/cpus.h"
#include "hv/base/log.h"
#include "hv/interrupt/lapic.h"
#include "hv/run/sched.h"
#include "hv/run/vp_run.h"
#include "hv/vp/vp.h"
#include "include/x86.h"

#define STARTUP_EVENTS (STREAM_APIC_INIT | STREAM_APIC_SIPI)
#define XAPIC_DESTINATION_SHIFT 56

/* ---- Who is meant ---- */

struct target {
	enum lapic_shorthand shorthand;
	u32 destination;
	bool broadcast;
	bool logical;
	bool x2apic;
};

/* By the number; a logical one in x2APIC mode follows from that (SDM 10.12.10.2). */
static bool has_number(u32 id, const struct target *t)
{
	if (!t->logical)
		return id == t->destination;
	/* xAPIC's is what software has written to each: no firmware or system starts
	 * processors by that. */
	return t->x2apic && id >> 4 == t->destination >> 16 &&
	       (t->destination >> (id & 15) & 1);
}

static bool is_meant(struct cpu *cpu, const struct target *t)
{
	bool self = cpu == arch_this_cpu();

	if (t->shorthand == LAPIC_TO_SELF)
		return self;
	if (t->shorthand != LAPIC_TO_DESTINATION)
		return t->shorthand == LAPIC_TO_ALL || !self;
	return t->broadcast || has_number(cpu_arch(cpu)->apic_id, t);
}

/* ---- What is carried ---- */

static void carry(struct cpu *cpu, const struct lapic_message *m)
{
	struct cpu_arch *a = cpu_arch(cpu);

	if (m->delivery == LAPIC_DELIVER_NMI)
		a->nmi_pending = a->nmi_carried = true;
	else
		lapic_deliver(cpu->root, m);
	a->quiet = false;
	arch_cpu_kick(cpu);
}

/*
 * False where nobody who is entered is meant: while the firmware brings the others to us
 * one or more are still its own, and get what it sends.
 */
static bool carry_all(const struct target *t, const struct lapic_message *m)
{
	bool any = false;

	for (u32 i = 0; i < HANDOFF_PROCESSORS; i++) {
		struct cpu *cpu = cpus_at(i);

		if (!cpu || !is_meant(cpu, t))
			continue;
		any = true;
		/* It would be the processor's reset, and the machine is to have that. */
		if (m->delivery == LAPIC_DELIVER_INIT && cpu == arch_this_cpu())
			report_reset("an INIT of its own");
		carry(cpu, m);
	}
	return any;
}

bool startup_sent(u64 icr, bool x2apic)
{
	u32 low = (u32)icr;
	struct target t = {
		.shorthand = low >> LAPIC_ICR_SHORTHAND_SHIFT & 3,
		.destination =
			(u32)(icr >> (x2apic ? 32 : XAPIC_DESTINATION_SHIFT)),
		.logical = low & LAPIC_ICR_LOGICAL,
		.x2apic = x2apic,
	};
	const struct lapic_message m = {
		.delivery = (enum lapic_delivery)(low >> 8 & 7),
		.vector = (u8)low,
	};

	t.broadcast = t.destination ==
	              (x2apic ? X2APIC_BROADCAST : XAPIC_BROADCAST);
	switch (m.delivery) {
	case LAPIC_DELIVER_INIT:
		/* The de-assertion synchronizes ids, of old processors. */
		if ((low & LAPIC_ICR_LEVEL) && !(low & LAPIC_ICR_ASSERT))
			return true;
		return carry_all(&t, &m);
	case LAPIC_DELIVER_SIPI:
	case LAPIC_DELIVER_NMI:
		return carry_all(&t, &m);
	default:
		return false;
	}
}

/* ---- A processor that gets it ---- */

#define DRAIN \
	1000u /* far more than there are vectors: who sends on is not waited for */

/* What is in service ends first, from above; then what waits is taken, and ended, too. */
static void drain_apic(void)
{
	for (u32 i = VECTORS; i > 0; i -= 32)
		for (u32 v = apic_read(LAPIC_ISR + (i - 32) / 2); v; v &= v - 1)
			apic_write(LAPIC_EOI, 0);
	apic_write(LAPIC_TPR, 0);
	/* Else nothing that waits is delivered. */
	apic_write(LAPIC_SVR, apic_read(LAPIC_SVR) | (u32)LAPIC_SVR_ENABLE);
	for (u32 i = 0; i < DRAIN && vendor_take_interrupt(); i++)
		apic_write(LAPIC_EOI, 0);
}

/* As INIT leaves it (SDM 10.4.7.3, 10.4.7.4). */
static void reset_apic(void)
{
	static const u16 entries[] = { LAPIC_LVT_TIMER, LAPIC_LVT_THERMAL,
		                       LAPIC_LVT_PERF,  LAPIC_LVT_LINT0,
		                       LAPIC_LVT_LINT1, LAPIC_LVT_ERROR };
	u64 base = apic_base();

	if (!(base & LAPIC_BASE_ENABLE))
		return;
	/* Before the look at what waits: they would make more of it. */
	for (u32 i = 0; i < ARRAY_LEN(entries); i++)
		apic_write(entries[i], LAPIC_LVT_MASKED);
	apic_write(LAPIC_INITIAL_COUNT, 0);
	apic_write(LAPIC_DIVIDE, 0);
	drain_apic();
	apic_write(LAPIC_ESR, 0);
	if (!(base & LAPIC_BASE_X2APIC)) {
		apic_write(LAPIC_DFR, ~0u);
		apic_write(LAPIC_LDR, 0);
	}
	apic_write(LAPIC_SVR, LAPIC_SVR_RESET);
}

/* A SIPI that finds nobody waiting is none (SDM 8.4.4); vp_update knows. */
void startup_settle(struct cpu *cpu)
{
	struct vp *root = cpu->root;

	while (root->lapic.events & STARTUP_EVENTS) {
		if (root->lapic.events & STREAM_APIC_INIT) {
			vendor_timer_reset();
			reset_apic();
		}
		vp_update(root);
		cpu->root_halted = false;
		while ((root->state.activity & HV_ACTIVITY_STARTUP_SUSPEND) &&
		       !(root->lapic.events & STARTUP_EVENTS)) {
			sched_leave(cpu);
			cpu->parked = true;
			kick_let_go(cpu, root);
			/* One child at a time: others want the lock, too. */
			if (sched_give_away(cpu))
				machine_pass(cpu);
			else
				machine_wait(cpu);
			kick_note_nmi(cpu);
		}
		cpu->parked = false;
	}
}
