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
#include "arch/x86_64/common/tally.h"
#include "hv/base/lock.h"

extern struct lock machine_lock;
extern bool machine_stopped; /* never again false */

/* Waits until it has the lock; for ever, if the machine has stopped. */
void machine_queue(struct cpu *cpu);

/* First of all behind an exit. On the way of each, as what follows. */
static inline void machine_take(struct cpu *cpu)
{
	__atomic_store_n(&cpu_arch(cpu)->in_guest, false, __ATOMIC_RELEASE);
	/* Of a machine that was stopped nobody comes past: that has a ticket, for ever. */
	if (__builtin_expect(!lock_try(&machine_lock), false))
		machine_queue(cpu);
}

/* Last of all before an entry: from now on a kick of this processor is an NMI. */
static inline void machine_give(struct cpu *cpu)
{
	__atomic_store_n(&cpu_arch(cpu)->in_guest, true, __ATOMIC_RELAXED);
	lock_give(&machine_lock);
}

/* Gives the lock away, and goes into no guest. */
static inline void machine_leave(void)
{
	tally_leave();
	lock_give(&machine_lock);
}

/* The same to halt, and the way back. */
void machine_halt(struct cpu *cpu);
void machine_halted(struct cpu *cpu);

/*
 * How long something has been waited for that another processor has to do. A time in which
 * we did not run ourselves, as the whole machine may have been stopped, does not count.
 */
struct machine_watch {
	u64 last;   /* TSC of ours */
	u64 still;  /* nothing has moved for so many ticks */
	u64 waited; /* in all */
};

void machine_watch_begin(struct machine_watch *w);

/* Waits for a moment. True: nothing has moved for MACHINE_PATIENCE seconds. */
#define MACHINE_PATIENCE 4
bool machine_watch_wait(struct machine_watch *w);

/* It goes on, if not yet for whoever waits. */
void machine_watch_moved(struct machine_watch *w);

/*
 * That was long: some slices of a host's, in which whoever is to have the lock before may not
 * have run.
 */
#define MACHINE_LONG_MILLISECONDS 20
bool machine_watch_was_long(const struct machine_watch *w);

/* entry.asm: halts up to an NMI, with IF clear. */
__attribute__((visibility("hidden"))) void wait_for_nmi(void);

/* Gives the lock away and takes it: whoever waits for it, and runs, has it in between. */
void machine_pass(struct cpu *cpu);

/* Gives the lock away, halts up to an NMI, and takes the lock. */
void machine_wait(struct cpu *cpu);

/* We were wrong: the others go no further than to the lock, and halt there. Needs no lock. */
void machine_stop(void);

/* Another one has stopped the machine. */
bool machine_has_stopped(void);

#endif
