/*
 * The lock of the machine: whoever has exited holds it up to the next entry. So all of the
 * core is one processor's at a time.
 *
 * The holder may wait for another processor to leave its guest (kick.h), which needs no
 * lock; who waits for the lock is in no guest. So nobody waits in a circle.
 */
#ifndef ARCH_MACHINE_H
#define ARCH_MACHINE_H

#include "arch/x86_64/common/cpu_arch.h"
#include "hv/base/lock.h"

extern struct lock machine_lock;
extern bool machine_stopped; /* never again false */

/* Up to the turn of the ticket, or for ever. */
void machine_queue(u32 ticket);

/* First of all behind an exit. On the way of each, as what follows. */
static inline void machine_take(struct cpu *cpu)
{
	u32 ticket;

	__atomic_store_n(&cpu_arch(cpu)->in_guest, false, __ATOMIC_RELEASE);
	ticket = lock_draw(&machine_lock);
	/* Who has stopped the machine need not have had it. */
	if (__builtin_expect(!lock_is_taken(&machine_lock, ticket) ||
	                             machine_stopped,
	                     false))
		machine_queue(ticket);
}

/* Last of all before an entry: from now on a kick of this processor is an NMI. */
static inline void machine_give(struct cpu *cpu)
{
	__atomic_store_n(&cpu_arch(cpu)->in_guest, true, __ATOMIC_RELAXED);
	lock_give(&machine_lock);
}

/* Gives the lock away and goes into no guest. */
static inline void machine_leave(void)
{
	lock_give(&machine_lock);
}

/* entry.asm: halts up to an NMI, with IF clear. */
__attribute__((visibility("hidden"))) void wait_for_nmi(void);

/* Gives the lock away, halts up to an NMI, and takes the lock. */
void machine_wait(struct cpu *cpu);

/* We were wrong: the others go no further than to the lock, and halt there. Needs no lock. */
void machine_stop(void);

/* Another one has stopped the machine. */
bool machine_has_stopped(void);

#endif
