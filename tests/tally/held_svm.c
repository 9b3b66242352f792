/*
 * An exit and an entry by SVM.
 */
#include "arch/x86_64/svm/vmcb.h"
#include "tests/tally/held.h"

static const struct vmcb *vmcb(const struct vp *vp)
{
	return vp->pages[VP_PAGE_CONTROL];
}

static struct holds_paging paging(const struct vp *vp)
{
	return (struct holds_paging){ vmcb(vp)->cr0, vmcb(vp)->cr3,
		                      vmcb(vp)->cr4 };
}

static enum holds_drop drop(const struct vmcb *v)
{
	if (v->tlb_control == VMCB_TLB_FLUSH_ALL)
		return HOLDS_DROP_ALL;
	return v->tlb_control == VMCB_TLB_FLUSH_ASID ? HOLDS_DROP_ASID
	                                             : HOLDS_DROP_NONE;
}

void held_exit(const struct vp *vp, u32 reason)
{
	struct holds_paging p = paging(vp);

	(void)reason;
	holds_exited(&held, vp->vpid, &p);
}

void held_enter(const struct vp *vp)
{
	struct holds_paging p = paging(vp);

	held_check(holds_leave(&held));
	held_check(holds_enter_asid(&held, held_cpu(), held_space(vp), vp->vpid,
	                            &p, vmcb(vp)->asid, drop(vmcb(vp))));
}
