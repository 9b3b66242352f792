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

u8 asid_choose(struct asids *of, struct asid *a, u64 changes, u32 count,
               bool flushes_one)
{
	u8 control = VMCB_TLB_KEEP;

	if (a->round != of->round || of->round == 0)
		control = give_next(of, a, count);
	else if (a->clean == changes)
		return VMCB_TLB_KEEP;
	else if (flushes_one)
		control = VMCB_TLB_FLUSH_ASID;
	else
		/* All that TLB_CONTROL can do there is to flush everybody's (15.16). */
		control = give_next(of, a, count);
	a->clean = changes;
	return control;
}
