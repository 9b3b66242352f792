/*
 * Looks through all VPs, which the scheduler never does; and lets one wait.
 */
#include "tests/host/oracle/sched.h"

#include "hv/interrupt/lapic.h"
#include "hv/run/sched.h"
#include "hv/run/vp_run.h"
#include "hv/vp/ready.h"
#include "include/stream.h"
#include "include/x86_apic.h"
#include "tests/host/fixture/guest.h"

void sched_child(struct vp **vps, u32 count, const char *runs)
{
	u64 id = guest_child(80, count);

	for (u32 i = 0; i < count; i++) {
		vps[i] = guest_partition(id)->vps[i];
		vps[i]->explicit_suspend = runs[i] != 'r';
		vps[i]->state.activity = 0;
		ready_wake(vps[i]);
	}
}

void sched_halt_with_timer(struct vp *vp, u64 ticks)
{
	struct vp_state *s = vp_state_write(vp);

	*vp_apic_register(vp, LAPIC_SVR) = 0x1ff;
	*vp_apic_register(vp, LAPIC_LVT_TIMER) = 0x40;
	*vp_apic_register(vp, LAPIC_DIVIDE) = 0xb;
	lapic_timer_start(vp, (u32)ticks);
	s->rflags = 0x202;
	s->activity = HV_ACTIVITY_HALT_SUSPEND;
}

void sched_run(struct vp *vp, u64 ticks)
{
	fake.cpu.current = vp;
	sched_entered(&fake.cpu);
	fake.tsc += ticks;
	sched_exited(&fake.cpu, fake.tsc);
}

const char *sched_wrong(struct vp *vp)
{
	u64 rest;

	if (list_linked(&vp->ready))
		return vp->alarm ? "it has its turn, and an alarm" : NULL;
	if (vp_is_suspended(vp))
		return NULL;
	if (vp->lapic.events & (STREAM_APIC_INIT | STREAM_APIC_SIPI))
		return "an INIT or SIPI has come, and it sleeps";
	if (vp_runnable(vp))
		return "it could run, and sleeps";
	rest = vp_timer_rest(vp);
	if (rest == LAPIC_NEVER)
		return NULL;
	if (!vp->alarm)
		return "it has a timer, and no alarm";
	if (vp->alarm_at > fake.tsc && vp->alarm_at - fake.tsc > rest)
		return "its alarm comes behind its timer";
	return NULL;
}

const char *sched_all_wrong(void)
{
	const char *wrong = NULL;
	struct vp *vp;
	u64 at = 0;

	while (!wrong && (vp = fake_next_vp(&at)) != NULL)
		if (!vp->is_root)
			wrong = sched_wrong(vp);
	return wrong;
}
