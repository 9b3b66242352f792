/*
 * Injection, redelivery, and advancing RIP (SDM 24.8.3, 26.6, 27.2.4).
 */
#include "arch/x86_64/events.h"

#include "arch/x86_64/cpu_arch.h"
#include "arch/x86_64/vmcs.h"
#include "arch/x86_64/vmx.h"
#include "arch/x86_64/vp.h"
#include "hv/exit.h"

#define EVENT_DELIVERED (EVENT_VECTOR | EVENT_TYPE | EVENT_ERROR | EVENT_VALID)

void events_put_back(void)
{
	u64 event = vmcs_read(VMCS_IDT_VECTORING_EVENT);

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

bool events_has_error(struct vp *vp, enum vector vector)
{
	u64 cr0 = vp->state.cr0;

	if (!(vp->cached & VP_PART_CORE)) {
		vmcs_load(vp);
		cr0 = vmcs_read(VMCS_GUEST_CR0);
	}
	return vector == VECTOR_GP && (cr0 & CR0_PE);
}

void events_inject_fault(struct vp *vp, enum vector vector)
{
	bool has_error = events_has_error(vp, vector);
	u64 event = EVENT_VALID | EVENT_TYPE_EXCEPTION | (u64)vector;

	if (vp->cached & VP_PART_CORE) {
		vp->state.pending_interruption =
			HV_PENDING_INTERRUPTION |
			HV_PENDING_TYPE_EXCEPTION << HV_PENDING_TYPE_SHIFT |
			(has_error ? HV_PENDING_DELIVER_ERROR_CODE : 0) |
			(u64)vector << HV_PENDING_VECTOR_SHIFT;
		vp->dirty |= VP_PART_CORE;
		return;
	}
	vmcs_load(vp);
	vmcs_write(VMCS_ENTRY_EVENT, event | (has_error ? EVENT_ERROR : 0));
	vmcs_write(VMCS_ENTRY_ERROR, 0);
}

void events_inject_machine_check(void)
{
	struct cpu_arch *a = cpu_arch(arch_this_cpu());

	if (!a->mc_pending || (vmcs_read(VMCS_ENTRY_EVENT) & EVENT_VALID))
		return;
	a->mc_pending = false;
	vmcs_write(VMCS_ENTRY_EVENT,
	           EVENT_VALID | EVENT_TYPE_EXCEPTION | VECTOR_MC);
}

void events_inject_nmi(void)
{
	struct cpu_arch *a = cpu_arch(arch_this_cpu());

	if (!a->nmi_pending || (vmcs_read(VMCS_ENTRY_EVENT) & EVENT_VALID) ||
	    vmcs_read(VMCS_GUEST_INTERRUPTIBILITY))
		return;
	a->nmi_pending = false;
	vmcs_write(VMCS_ENTRY_EVENT, EVENT_VALID | EVENT_TYPE_NMI | VECTOR_NMI);
}

void events_block_nmi(void)
{
	if (vmcs_read(VMCS_IDT_VECTORING_EVENT) & EVENT_VALID)
		return;
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY,
	           vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) |
	                   INTERRUPTIBILITY_NMI);
}

/* The instruction is done: its shadow is over and a single step is due. */
void events_skip(struct vp *vp)
{
	u64 length, rip, blocking, flags;

	vmcs_load(vp);
	length = vmcs_read(VMCS_EXIT_INSTRUCTION_LENGTH);
	if (vp->cached & VP_PART_CORE) {
		exit_skip(vp, length);
		return;
	}
	rip = vmcs_read(VMCS_GUEST_RIP) + length;
	/* Outside 64-bit mode RIP wraps at 4 GiB. */
	if (rip >> 32 && !vp_in_64_bit_mode(vp))
		rip = (u32)rip;
	vmcs_write(VMCS_GUEST_RIP, rip);
	blocking = vmcs_read(VMCS_GUEST_INTERRUPTIBILITY);
	if (blocking & (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS))
		vmcs_write(VMCS_GUEST_INTERRUPTIBILITY,
		           blocking & INTERRUPTIBILITY_NMI);
	flags = vmcs_read(VMCS_GUEST_RFLAGS);
	if (flags & RFLAGS_RF) /* it was for that instruction */
		vmcs_write(VMCS_GUEST_RFLAGS, flags & ~RFLAGS_RF);
	if ((flags & RFLAGS_TF) &&
	    !(vmcs_read(VMCS_GUEST_DEBUGCTL) & DEBUGCTL_BTF))
		vmcs_write(VMCS_GUEST_PENDING_DEBUG,
		           vmcs_read(VMCS_GUEST_PENDING_DEBUG) |
		                   DEBUG_SINGLE_STEP);
}
