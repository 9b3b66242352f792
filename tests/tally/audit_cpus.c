/*
 * Processors, as their hardware part keeps them: who holds the lock of the machine, and
 * whose VPs are left in whom.
 */
#include "arch/x86_64/common/machine.h"
#include "hv/base/cpus.h"
#include "hv/vp/vp.h"
#include "include/handoff.h"
#include "tests/tally/audit.h"

bool audit_is_its_vp(const struct books *b, const struct cpu *cpu,
                     const struct vp *vp)
{
	return !vp || (books_is(b, vp, BOOKS_VP) && vp->cpu == cpu);
}

/* Ours is the one that has the lock; others have drawn a ticket at most. */
static void audit_lock(struct books *b)
{
	BOOKS_CHECK(b, machine_lock.taken, "nobody has the lock");
	BOOKS_CHECK(b,
	            machine_lock.tickets - machine_lock.served < cpus_count(),
	            "the lock has more tickets than there are processors");
}

/*
 * Of the others what they change without the lock goes one way alone, from where they are to
 * its queue. So whoever is in a guest is nowhere else, whenever that is read.
 */
static void audit_place(struct books *b, const struct cpu_arch *a, bool ours)
{
	bool beside = __atomic_load_n(&a->beside, __ATOMIC_ACQUIRE);
	bool halts = __atomic_load_n(&a->halts, __ATOMIC_ACQUIRE);
	bool in_guest = __atomic_load_n(&a->in_guest, __ATOMIC_ACQUIRE);

	BOOKS_CHECK(b, in_guest + halts + beside <= !ours,
	            "a processor is in two places at once");
}

/* Whoever is to be let go is held; it is not let go before its processor has exited. */
static void audit_asked(struct books *b, struct cpu *cpu)
{
	struct list *l;

	for (l = cpu->asked.next; l != &cpu->asked; l = l->next)
		BOOKS_CHECK(b, list_entry(l, struct vp, asked)->in_processor,
		            "who is asked for was let go");
}

static void audit_arch(struct books *b, struct cpu *cpu)
{
	const struct cpu_arch *a = cpu_arch(cpu);

	b->page = 0;
	BOOKS_CHECK(b, cpu->current->in_processor,
	            "who runs is in no processor");
	audit_asked(b, cpu);
	audit_place(b, a, cpu == arch_this_cpu());
	BOOKS_CHECK(b, audit_is_its_vp(b, cpu, a->resident),
	            "whose registers are in the processor is no VP of it");
	BOOKS_CHECK(b, !a->resident || a->resident->in_processor,
	            "whose registers are in the processor was let go");
	BOOKS_CHECK(b,
	            !a->partition || a->partition == partition_root() ||
	                    books_is(b, a->partition, BOOKS_PARTITION),
	            "who was entered last is no partition");
	audit_vendor(b, cpu);
}

void audit_cpus(struct books *b)
{
	b->partition = 0;
	audit_lock(b);
	for (b->cpu = 0; b->cpu < HANDOFF_PROCESSORS; b->cpu++)
		if (cpus_at(b->cpu))
			audit_arch(b, cpus_at(b->cpu));
	b->cpu = 0;
}
