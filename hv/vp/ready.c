/*
 * The ring of child VPs that may have something to do.
 */
#include "hv/vp/ready.h"

#include "hv/arch.h"
#include "hv/base/check.h"
#include "hv/base/cpu.h"
#include "hv/vp/alarm.h"
#include "hv/vp/vp.h"

void ready_wake(struct vp *vp)
{
	/* The root is in no ring: the scheduler always asks it. */
	if (vp->is_root)
		return;
	alarm_clear(vp);
	if (list_linked(&vp->ready))
		return;
	list_add_before(&vp->cpu->ready, &vp->ready);
	/* It may be in a guest, or halt, and knows of nobody who wants to run. */
	arch_cpu_kick(vp->cpu);
}

void ready_forget(struct vp *vp)
{
	list_remove(&vp->ready);
	alarm_clear(vp);
	/* It was kicked; what it left in the processor must not be found by the
	 * next one. */
	CHECK(vp->cpu->current != vp);
}
