/*
 * Flushes are not carried out but remembered: a processor looks at TLB_CONTROL as it
 * enters a guest, and the host's own translations are no guest's. Of a nested table the
 * processor keeps nothing by itself, only by ASID.
 */
#include "arch/x86_64/svm/asid.h"

#include "arch/x86_64/common/vendor.h"
#include "arch/x86_64/svm/svm_arch.h"

#define ROOT 1u
#define FIRST 2u /* of children */
#define OWNERS 64u

static u32 last;           /* ASID that is used */
static bool one;           /* a single ASID can be flushed */
static u16 owners[OWNERS]; /* of each ASID: the VP that had it last, by VPID */
static u64 flushes = 1;    /* of any nested table, so far */

void asid_init(u32 count, bool flushes_one)
{
	last = (count < OWNERS ? count : OWNERS) - 1;
	one = flushes_one;
}

void vendor_space_changed(struct arch_space *space, hpa_t led_to)
{
	(void)led_to;
	space->stale = true;
}

/* Whoever is entered next is flushed: which VPs run in the space is not looked up. */
void vendor_space_flush(struct arch_space *space)
{
	flushes++;
	space->stale = false;
}

void asid_flush(struct vp *vp)
{
	vp_svm(vp)->flushed = 0;
}

/* The root has one to itself: it runs between children, and would be flushed often. */
static u32 asid_for(const struct vp *vp)
{
	return vp->is_root ? ROOT : FIRST + vp->vpid % (last - FIRST + 1);
}

/* An ASID that another VP has had since is no better than one that is stale. */
void asid_prepare(struct vp *vp)
{
	struct vmcb *v = vmcb_of(vp);
	u32 asid = asid_for(vp);

	v->asid = asid;
	v->tlb_control = VMCB_TLB_KEEP;
	if (vp_svm(vp)->flushed == flushes && owners[asid] == vp->vpid)
		return;
	owners[asid] = vp->vpid;
	vp_svm(vp)->flushed = flushes;
	/* 3 needs flush by ASID; 1 flushes all others' translations too (15.16). */
	v->tlb_control = one ? VMCB_TLB_FLUSH_ASID : VMCB_TLB_FLUSH_ALL;
}
