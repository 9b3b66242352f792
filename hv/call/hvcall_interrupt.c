/*
 * Interrupts that a parent asserts in its child (TLFS 2.0a 9.4).
 */
#include "hv/call/hypercall.h"
#include "hv/interrupt/lapic.h"
#include "hv/vp/partition.h"
#include "hv/vp/vp.h"
#include "include/x86_apic.h"

#define KNOWN_FLAGS (HV_INTERRUPT_LEVEL | HV_INTERRUPT_LOGICAL)

/*
 * Types are the delivery modes of ICR (SDM 10.6.1), but for 2, SMI, and 3, which is none; a
 * vector only where one counts.
 */
static bool is_valid(const struct hv_input_assert_virtual_interrupt *in)
{
	static const u32 vector_min[] = {
		[HV_INTERRUPT_FIXED] = 16, [HV_INTERRUPT_LOWEST_PRIORITY] = 16,
		[HV_INTERRUPT_NMI] = 0,    [HV_INTERRUPT_INIT] = 0,
		[HV_INTERRUPT_SIPI] = 0,   [HV_INTERRUPT_EXTINT] = 16,
	};

	if (in->target_vtl || in->rsvd_z[0] || in->rsvd_z[1] || in->rsvd_z[2] ||
	    (in->control_flags & ~KNOWN_FLAGS) || in->destination >> 32)
		return false;
	if (in->type >= ARRAY_LEN(vector_min) || in->type == 2 || in->type == 3)
		return false;
	return in->vector <= 0xff && in->vector >= vector_min[in->type];
}

/* To the boot processor, which the lines of an interrupt controller lead to. */
static enum hv_status assert_external(struct partition *p, u8 vector)
{
	struct vp *vp = partition_first_vp(p);

	if (!vp)
		return HV_STATUS_INVALID_PARAMETER;
	return lapic_assert_external(vp, vector) ? HV_STATUS_SUCCESS
	                                         : HV_STATUS_ACKNOWLEDGED;
}

enum hv_status hvcall_assert_virtual_interrupt(struct hypercall_frame *f)
{
	const struct hv_input_assert_virtual_interrupt *in = f->in;
	struct lapic_message m;

	if (!is_valid(in))
		return HV_STATUS_INVALID_PARAMETER;
	if (in->type == HV_INTERRUPT_EXTINT)
		return assert_external(f->target, (u8)in->vector);
	m = (struct lapic_message){
		.delivery = (enum lapic_delivery)in->type,
		.destination = (u32)in->destination,
		.vector = (u8)in->vector,
		.logical = in->control_flags & HV_INTERRUPT_LOGICAL,
		.broadcast = in->destination == XAPIC_BROADCAST ||
		             in->destination == X2APIC_BROADCAST,
		.level = in->control_flags & HV_INTERRUPT_LEVEL,
	};
	lapic_send(f->target, NULL, &m);
	return HV_STATUS_SUCCESS;
}

/*
 * Done with the external interrupt: the next one may be asserted. One that the VP has not
 * taken yet stays: its parent would not know whether it came (TLFS 9.4).
 */
enum hv_status hvcall_clear_virtual_interrupt(struct hypercall_frame *f)
{
	struct vp *vp = f->target_vp;

	f->unchanged = !vp;
	if (!vp)
		return HV_STATUS_SUCCESS;
	if (vp->lapic.events & STREAM_APIC_EXTINT)
		return HV_STATUS_NOT_ACKNOWLEDGED;
	vp->lapic.events &= ~STREAM_APIC_EXTINT_TAKEN;
	return HV_STATUS_SUCCESS;
}
