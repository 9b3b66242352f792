/*
 * Under the lock of the machine, all of it.
 */
#include "hv/stream/beside.h"

#include "hv/arch.h"
#include "hv/base/cpus.h"
#include "hv/vp/partition.h"

static u32 count;   /* processors that are beside */
static bool wanted; /* by a call that they hinder */

bool beside_hinders(void)
{
	wanted = count > 0;
	return wanted;
}

void beside_enter(struct context *c)
{
	/* Else it is done under the lock. */
	if (cpus_count() < 2 || wanted)
		return;
	count++;
	c->beside = c->target->beside = true;
	arch_unlock();
}

void beside_leave(struct context *c)
{
	arch_lock();
	c->beside = c->target->beside = false;
	count--;
}
