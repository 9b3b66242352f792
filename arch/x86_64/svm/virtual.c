/*
 * An interrupt that can be taken at once goes in as V_IRQ and not as EVENTINJ. To a
 * processor both are the same. QEMU 7.2 keeps the vector of an interrupt in EVENTINJ, and
 * when its time slice ends before an exit, delivers it once more: in the handler of the
 * first, with IF clear, where an operating system holds a lock that it takes.
 */
#include "arch/x86_64/svm/virtual.h"

#include "include/x86.h"

#define V_VECTOR_SHIFT 32
#define V_ALL                                               \
	(VMCB_V_IRQ | VMCB_V_IGNORE_TPR | VMCB_V_PRIORITY | \
	 0xffull << V_VECTOR_SHIFT)

/* EVENTINJ looks at neither IF nor a shadow (15.20), V_IRQ waits for both to end. */
static bool lets_it_in(const struct vmcb *v)
{
	return (v->rflags & RFLAGS_IF) && !(v->interrupt_shadow & VMCB_SHADOW);
}

static bool is_taken_at_once(const struct vmcb *v)
{
	return (v->event & (EVENT_VALID | EVENT_TYPE)) == EVENT_VALID &&
	       lets_it_in(v);
}

void virtual_enter(struct vp *vp)
{
	struct vmcb *v = vmcb_of(vp);

	/* V_IRQ is in use, as the window for the one that comes next. */
	if (!is_taken_at_once(v) || (v->virtual_interrupt & VMCB_V_IRQ))
		return;
	vp_svm(vp)->virtual_event = v->event;
	v->virtual_interrupt &= ~V_ALL;
	v->virtual_interrupt |= VMCB_V_IRQ | VMCB_V_IGNORE_TPR |
	                        VMCB_V_PRIORITY |
	                        (v->event & EVENT_VECTOR) << V_VECTOR_SHIFT;
	v->event = 0;
}

/*
 * Was it the event whose delivery was cut short? To QEMU it is an exception then, and
 * V_IRQ has not been cleared yet.
 */
static bool is_first(u64 first, u64 event, bool waits)
{
	return (first & EVENT_VALID) && (u8)first == (u8)event &&
	       ((first & EVENT_TYPE) == 0 ||
	        ((first & EVENT_TYPE) == EVENT_TYPE_EXCEPTION && waits));
}

/*
 * Another event cannot have come before one that could be taken at once, but for what
 * exits by itself: an interrupt of the machine, an NMI. Then the guest is as it was, and
 * lets it in. Else it was taken, and its delivery was a fault that went to the guest, or
 * led into another task: it is over, though QEMU has not cleared V_IRQ.
 */
u64 virtual_exit(struct vp *vp)
{
	u64 event = vp_svm(vp)->virtual_event;
	struct vmcb *v = vmcb_of(vp);
	bool waits = v->virtual_interrupt & VMCB_V_IRQ;

	vp_svm(vp)->virtual_event = 0;
	v->virtual_interrupt &= ~V_ALL;
	if (!is_first(v->exit_event, event, waits))
		return waits && lets_it_in(v) ? event : 0;
	v->exit_event = event;
	return 0;
}
