/*
 * Instructions whose answer needs nothing of the exit but who executed them.
 */
#include "arch/x86_64/common/exits.h"
#include "arch/x86_64/common/regs.h"

/*
 * A child has no MWAIT. The root gives its time away by it, but does not halt: it may
 * wake at any time, as for a write to what it monitors, which we do not see.
 */
enum exit_outcome exits_mwait(struct exit *x)
{
	if (!x->vp->is_root)
		return EXIT_FAULT_UD;
	x->event = SCHED_HALT;
	return EXIT_SKIP;
}

/* Throwing dirty lines away would throw away the hypervisor's as well. */
enum exit_outcome exits_invd(struct exit *x)
{
	(void)x;
	caches_write_back();
	return EXIT_SKIP;
}

/*
 * The vendor's own mode is not there for a guest (SDM 25.1.2; APM volume 2, 15.4), and the
 * others are instructions that a child's CPUID does not have.
 */
enum exit_outcome exits_undefined(struct exit *x)
{
	(void)x;
	return EXIT_FAULT_UD;
}

/* RDPMC: a child has no counters, and is not to see the root's, whatever its PCE is. */
enum exit_outcome exits_refuse(struct exit *x)
{
	(void)x;
	return EXIT_FAULT_GP;
}
