/*
 * Injection, redelivery, and advancing RIP (SDM 24.8.3, 26.6, 27.2.4).
 */
#include "arch/x86_64/vmx/events.h"

#include "arch/x86_64/common/vendor.h"
#include "arch/x86_64/vmx/state.h"
#include "arch/x86_64/vmx/vmcs.h"
#include "arch/x86_64/vmx/vmx.h"
#include "arch/x86_64/vmx/vmx_arch.h"
#include "hv/run/exit.h"
#include "hv/vp/debug.h"
#include "include/x86_msr.h"

#define EVENT_DELIVERED (EVENT_VECTOR | EVENT_TYPE | EVENT_ERROR | EVENT_VALID)

/* In real mode the bit is clear (SDM 27.2.2, 27.2.4): Bochs has it all the same. */
u64 events_read(u64 field)
{
	u64 event = vmcs_read(field);

	if ((event & EVENT_ERROR) && !(vmcs_read(VMCS_GUEST_CR0) & CR0_PE))
		event &= ~(u64)EVENT_ERROR;
	return event;
}

/*
 * Before any handler: one that knows better drops it again. An NMI in delivery has
 * blocked NMIs already, and an entry that injects one must not find them so (26.3.1.5).
 */
void events_put_back(void)
{
	u64 event = events_read(VMCS_IDT_VECTORING_EVENT);

	if (!(event & EVENT_VALID))
		return;
	vmcs_write(VMCS_ENTRY_EVENT, event & EVENT_DELIVERED);
	if (event & EVENT_ERROR)
		vmcs_write(VMCS_ENTRY_ERROR,
		           vmcs_read(VMCS_IDT_VECTORING_ERROR));
	/* Needed by software events alone, ignored by the others. */
	vmcs_write(VMCS_ENTRY_INSTRUCTION_LENGTH,
	           vmcs_read(VMCS_EXIT_INSTRUCTION_LENGTH) & 15);
	if ((event & EVENT_TYPE) == EVENT_TYPE_NMI)
		vmcs_write(VMCS_GUEST_INTERRUPTIBILITY,
		           vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) &
		                   ~INTERRUPTIBILITY_NMI);
}

/* An NMI that is lost all the same blocks others, up to the next IRET. */
void vendor_drop(struct vp *vp)
{
	u64 event = vmcs_read(VMCS_IDT_VECTORING_EVENT);

	vmcs_write(VMCS_ENTRY_EVENT, 0);
	if (vp->cached & VP_PART_CORE)
		vp->state.pending_interruption = 0;
	if ((event & EVENT_VALID) && (event & EVENT_TYPE) == EVENT_TYPE_NMI)
		vmcs_write(VMCS_GUEST_INTERRUPTIBILITY,
		           vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) |
		                   INTERRUPTIBILITY_NMI);
}

/* Without a shadow a step that was due has been taken: Bochs has one for the next. */
void events_not_done(void)
{
	u64 pending;

	if (!(vmcs_read(VMCS_GUEST_RFLAGS) & RFLAGS_TF) ||
	    (vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) &
	     (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS)))
		return;
	/* The entry with it would be a #DB before the instruction. */
	pending = vmcs_read(VMCS_GUEST_PENDING_DEBUG);
	if (pending & DEBUG_STEP)
		vmcs_write(VMCS_GUEST_PENDING_DEBUG, pending & ~DEBUG_STEP);
}

/* A VMWRITE is an exit below another hypervisor: only where the bit changes. */
void vendor_retry(struct vp *vp)
{
	u64 flags;

	if (vp->cached & VP_PART_CORE) {
		vp_state_change(vp, VP_PART_CORE)->rflags |= RFLAGS_RF;
		return;
	}
	vmcs_load(vp);
	flags = vmcs_read(VMCS_GUEST_RFLAGS);
	if (!(flags & RFLAGS_RF))
		vmcs_write(VMCS_GUEST_RFLAGS, flags | RFLAGS_RF);
	events_not_done();
}

/* ---- Debug exceptions ---- */

bool vendor_debug_waits(struct vp *vp)
{
	u64 pending;

	if (vp->cached & VP_PART_MSRS)
		pending = vp->state.pending_debug;
	else if (vp_vmx(vp)->unveiled ||
	         (vmcs_read(VMCS_GUEST_RFLAGS) & RFLAGS_TF))
		pending = vmcs_read(VMCS_GUEST_PENDING_DEBUG);
	else
		return false;
	return debug_is_due(pending);
}

/* HLT is not skipped yet: its own step is none of the pending ones. */
bool events_debug_ends(void)
{
	if ((vmcs_read(VMCS_GUEST_RFLAGS) & RFLAGS_TF) &&
	    !(vmcs_read(VMCS_GUEST_DEBUGCTL) & DEBUGCTL_BTF))
		return true;
	/* Else only what MOV SS has held back can wait. */
	return (vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) &
	        INTERRUPTIBILITY_MOV_SS) &&
	       debug_is_due(vmcs_read(VMCS_GUEST_PENDING_DEBUG));
}

u64 events_debug_causes(void)
{
	u64 causes = vmcs_read(VMCS_EXIT_QUALIFICATION) & DEBUG_CAUSES;

	/* INT1 has none, and leaves DR6 alone. */
	if (causes)
		dr6_write(debug_status(dr6_read(), causes));
	return causes;
}

/* As the processor does at a delivery of its own (SDM 17.2.4, 17.4.4); of an injected
 * one it does not. */
void events_debug_delivered(void)
{
	u64 dr7 = vmcs_read(VMCS_GUEST_DR7);
	u64 control = vmcs_read(VMCS_GUEST_DEBUGCTL);

	if (dr7 & DR7_GD)
		vmcs_write(VMCS_GUEST_DR7, dr7 & ~DR7_GD);
	if (control & DEBUGCTL_BTF)
		vmcs_write(VMCS_GUEST_DEBUGCTL, control & ~DEBUGCTL_BTF);
}

/* ---- Into the guest ---- */

/* A delivery ends every shadow; and what it was of waits no more (26.7.3). */
void events_hand_on(struct vp *vp)
{
	u64 event = events_read(VMCS_EXIT_EVENT);
	u64 blocking;

	vendor_drop(vp);
	vmcs_write(VMCS_ENTRY_EVENT, event & EVENT_DELIVERED);
	if (event & EVENT_ERROR)
		vmcs_write(VMCS_ENTRY_ERROR, vmcs_read(VMCS_EXIT_ERROR));
	vmcs_write(VMCS_ENTRY_INSTRUCTION_LENGTH,
	           vmcs_read(VMCS_EXIT_INSTRUCTION_LENGTH) & 15);
	blocking = vmcs_read(VMCS_GUEST_INTERRUPTIBILITY);
	if (blocking & (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS))
		vmcs_write(VMCS_GUEST_INTERRUPTIBILITY,
		           blocking & INTERRUPTIBILITY_NMI);
	if ((event & EVENT_VECTOR) == VECTOR_DB)
		events_debug_delivered();
	else
		vendor_retry(vp);
}

/* Types have the TLFS's numbers. */
static u64 pending_of(const struct vendor_event *e)
{
	u64 pending = HV_PENDING_INTERRUPTION |
	              (u64)e->type << HV_PENDING_TYPE_SHIFT |
	              (u64)e->vector << HV_PENDING_VECTOR_SHIFT;

	if (e->has_error)
		pending |= HV_PENDING_DELIVER_ERROR_CODE |
		           (u64)e->error << HV_PENDING_ERROR_SHIFT;
	return pending;
}

/* The next exit clears the field's valid bit: it is delivered once (SDM 24.8.3). */
void vendor_inject(struct vp *vp, const struct vendor_event *e)
{
	vmcs_load(vp);
	vmcs_write(VMCS_ENTRY_EVENT,
	           EVENT_VALID | (u64)e->type << EVENT_TYPE_SHIFT | e->vector |
	                   (e->has_error ? EVENT_ERROR : 0));
	if (e->has_error)
		vmcs_write(VMCS_ENTRY_ERROR, e->error);
	/* It may be applied once more. */
	if (vp->cached & VP_PART_CORE)
		vp->state.pending_interruption = pending_of(e);
}

/* The field is of the last exit: nothing but another exit changes it. */
bool vendor_delivering(struct vp *vp, struct vendor_event *event)
{
	u64 first;

	vmcs_load(vp);
	first = vmcs_read(VMCS_IDT_VECTORING_EVENT);
	*event = (struct vendor_event){
		.type = (enum hv_pending_type)((first & EVENT_TYPE) >>
		                               EVENT_TYPE_SHIFT),
		.vector = (u8)(first & EVENT_VECTOR),
	};
	return first & EVENT_VALID;
}

/*
 * The exit came of the IRET itself, which has ended the blocking by then (27.2.3). Not
 * where an event was being delivered: that bit is undefined there.
 */
void events_block_nmi(void)
{
	if (vmcs_read(VMCS_IDT_VECTORING_EVENT) & EVENT_VALID)
		return;
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY,
	           vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) |
	                   INTERRUPTIBILITY_NMI);
}

/* The instruction is done: its shadow is over and a single step is due. */
void vendor_skip(struct vp *vp)
{
	u64 length, rip, blocking, flags;

	vmcs_load(vp);
	length = vmcs_read(VMCS_EXIT_INSTRUCTION_LENGTH);
	if (vp->cached & VP_PART_CORE) {
		vp_skip(vp, length);
		return;
	}
	rip = vmcs_read(VMCS_GUEST_RIP) + length;
	/* Outside 64-bit mode RIP wraps at 4 GiB. */
	if (rip >> 32 && !state_is_code_64(vp))
		rip = (u32)rip;
	vmcs_write(VMCS_GUEST_RIP, rip);
	blocking = vmcs_read(VMCS_GUEST_INTERRUPTIBILITY);
	if (blocking & (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS))
		vmcs_write(VMCS_GUEST_INTERRUPTIBILITY,
		           blocking & INTERRUPTIBILITY_NMI);
	if (blocking & INTERRUPTIBILITY_MOV_SS)
		vp_vmx(vp)->unveiled = true;
	flags = vmcs_read(VMCS_GUEST_RFLAGS);
	if (flags & RFLAGS_RF) /* it was for that instruction */
		vmcs_write(VMCS_GUEST_RFLAGS, flags & ~RFLAGS_RF);
	if ((flags & RFLAGS_TF) &&
	    !(vmcs_read(VMCS_GUEST_DEBUGCTL) & DEBUGCTL_BTF))
		vmcs_write(VMCS_GUEST_PENDING_DEBUG,
		           vmcs_read(VMCS_GUEST_PENDING_DEBUG) | DEBUG_STEP);
}
