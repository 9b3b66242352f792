/*
 * Flushes are not carried out but remembered: a processor looks at TLB_CONTROL as it
 * enters a guest, and the host's own translations are no guest's. Of a nested table the
 * processor keeps nothing by itself, only by ASID.
 */
#include "arch/x86_64/svm/asid.h"

#include "arch/x86_64/svm/vmcb.h"

/* One that nobody has had in this round has nothing cached: it needs no flush. */
static u8 give_next(struct asids *of, struct asid *a, u32 count)
{
	u8 control = VMCB_TLB_KEEP;

	/* At the first entry of all, too: who was here before us may have used them. */
	if (of->round == 0 || of->last == count - 1) {
		of->round++;
		of->last = 0;
		control = VMCB_TLB_FLUSH_ALL;
	}
	a->round = of->round;
	a->number = ++of->last;
	return control;
}

/* Apart from asid_choose, as most entries are without it. */
__attribute__((noinline)) static u8 choose(struct asids *of, struct asid *a,
                                           u64 changes, u32 count,
                                           bool flushes_one)
{
	u8 control;

	/* All that TLB_CONTROL can do without a flush of one is to flush everybody's
	 * (15.16). */
	if (a->round != of->round || of->round == 0 || !flushes_one)
		control = give_next(of, a, count);
	else
		control = VMCB_TLB_FLUSH_ASID;
	a->clean = changes;
	return control;
}

/* On the way of every entry, in another file: inlined there. */
__attribute__((always_inline)) inline u8 asid_choose(struct asids *of,
                                                     struct asid *a,
                                                     u64 changes, u32 count,
                                                     bool flushes_one)
{
	/* Not so before the first round: nothing is clean then. */
	if (a->clean == changes && a->round == of->round)
		return VMCB_TLB_KEEP;
	return choose(of, a, changes, count, flushes_one);
}
