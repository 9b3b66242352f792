/*
 * A VP's state in the VMCS, out of it and into it, by tables.
 */
#include "arch/x86_64/vmx/state.h"

#include "arch/x86_64/common/msr.h"
#include "arch/x86_64/common/regs.h"
#include "arch/x86_64/common/root_msr.h"
#include "arch/x86_64/common/vendor.h"
#include "arch/x86_64/vmx/events.h"
#include "arch/x86_64/vmx/features.h"
#include "arch/x86_64/vmx/tlb.h"
#include "arch/x86_64/vmx/trace_door.h"
#include "arch/x86_64/vmx/vmcs.h"
#include "arch/x86_64/vmx/vmx.h"
#include "arch/x86_64/vmx/vmx_arch.h"
#include "hv/vp/partition.h"

#define AT(field) ((u32)offsetof(struct vp_state, field))

/* Fields that hold the same as the state, and the part that they are of. */
static const struct {
	u32 field;
	u32 offset;
	u32 part;
} plain_fields[] = {
	{ VMCS_GUEST_RIP, AT(rip), VP_PART_RIP },
	{ VMCS_GUEST_RFLAGS, AT(rflags), VP_PART_CORE },
	{ VMCS_GUEST_CR3, AT(cr3), VP_PART_PAGING },
	{ VMCS_GUEST_DR7, AT(dr7), VP_PART_CODE },
	{ VMCS_GUEST_IDTR_BASE, AT(idtr.base), VP_PART_SEGMENTS },
	{ VMCS_GUEST_IDTR_LIMIT, AT(idtr.limit), VP_PART_SEGMENTS },
	{ VMCS_GUEST_GDTR_BASE, AT(gdtr.base), VP_PART_SEGMENTS },
	{ VMCS_GUEST_GDTR_LIMIT, AT(gdtr.limit), VP_PART_SEGMENTS },
	{ VMCS_GUEST_PAT, AT(pat), VP_PART_MSRS },
	{ VMCS_GUEST_SYSENTER_CS, AT(sysenter_cs), VP_PART_MSRS },
	{ VMCS_GUEST_SYSENTER_EIP, AT(sysenter_rip), VP_PART_MSRS },
	{ VMCS_GUEST_SYSENTER_ESP, AT(sysenter_rsp), VP_PART_MSRS },
	{ VMCS_GUEST_DEBUGCTL, AT(debugctl), VP_PART_MSRS },
	{ VMCS_GUEST_PENDING_DEBUG, AT(pending_debug), VP_PART_MSRS },
};

/* The fields of segments follow each other in the order of enum vp_segment. */
static const struct {
	u32 selector, limit, rights, base;
} segment_fields = {
	VMCS_GUEST_ES_SELECTOR,
	VMCS_GUEST_ES_LIMIT,
	VMCS_GUEST_ES_RIGHTS,
	VMCS_GUEST_ES_BASE,
};

static u64 *state_at(struct vp *vp, u32 offset)
{
	return (u64 *)(void *)((u8 *)&vp->state + offset);
}

/*
 * VM entry and exit leave CD and NW alone, so a child must never reach the real
 * ones; and a machine check while a child runs must find CR4.MCE set.
 */
u64 state_cr0_mask(const struct vp *vp)
{
	return features()->cr0_fixed | CR0_NE |
	       (vp->is_root ? 0 : CR0_CD | CR0_NW);
}

u64 state_cr4_mask(const struct vp *vp)
{
	u64 mask = features()->cr4_fixed | CR4_VMXE;

	return vp->is_root ? mask : mask | CR4_MCE | ~arch_facts()->cr4_allowed;
}

/* ---- Hardware to state ---- */

/* The TLFS has no bit for "unusable": P clear says it. */
static u16 capture_attributes(u32 index)
{
	u32 rights = (u32)vmcs_read(segment_fields.rights + 2 * index);

	if (rights & RIGHTS_UNUSABLE)
		rights &= ~RIGHTS_P;
	return (u16)(rights & RIGHTS_MASK);
}

static void capture_segment(struct hv_segment *s, u32 index)
{
	s->selector = (u16)vmcs_read(segment_fields.selector + 2 * index);
	s->limit = (u32)vmcs_read(segment_fields.limit + 2 * index);
	s->base = vmcs_read(segment_fields.base + 2 * index);
	s->attributes = capture_attributes(index);
}

/* Bits of the mask a guest reads from the shadow, the others from the register. */
static u64 capture_cr(u64 field, u64 shadow_field, u64 mask)
{
	return (vmcs_read(field) & ~mask) | (vmcs_read(shadow_field) & mask);
}

/* VMX keeps vector, type, error flag and length apart, the TLFS in one word. */
static u64 capture_event(void)
{
	u64 event = vmcs_read(VMCS_ENTRY_EVENT);
	u64 type = (event & EVENT_TYPE) >> EVENT_TYPE_SHIFT;
	u64 pending = HV_PENDING_INTERRUPTION | type << HV_PENDING_TYPE_SHIFT |
	              (event & EVENT_VECTOR) << HV_PENDING_VECTOR_SHIFT;

	if (!(event & EVENT_VALID))
		return 0;
	if (event & EVENT_ERROR)
		pending |= HV_PENDING_DELIVER_ERROR_CODE |
		           vmcs_read(VMCS_ENTRY_ERROR)
		                   << HV_PENDING_ERROR_SHIFT;
	if (type >= HV_PENDING_TYPE_SOFTWARE_INTERRUPT)
		pending |= vmcs_read(VMCS_ENTRY_INSTRUCTION_LENGTH)
		           << HV_PENDING_LENGTH_SHIFT;
	return pending;
}

/* The TLFS has one bit for both shadows; `mov_ss` keeps which. */
static u64 interrupt_state(u64 interruptibility)
{
	u64 state = 0;

	if (interruptibility & (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS))
		state |= HV_INTERRUPT_STATE_SHADOW;
	if (interruptibility & INTERRUPTIBILITY_NMI)
		state |= HV_INTERRUPT_STATE_NMI_MASKED;
	return state;
}

static void capture_core(struct vp *vp)
{
	static const u8 rights[] = { VP_CS, VP_SS };
	struct vp_vmx *a = vp_vmx(vp);
	struct vp_state *s = &vp->state;
	u64 blocking = vmcs_read(VMCS_GUEST_INTERRUPTIBILITY);

	s->cr0 =
		capture_cr(VMCS_GUEST_CR0, VMCS_CR0_SHADOW, state_cr0_mask(vp));
	s->efer = a->efer = state_efer(vp);
	/* An exit writes LMA into this control (SDM 27.2.4). */
	a->entry &= ~(u32)ENTRY_CTL_IA32E;
	a->entry |= s->efer & EFER_LMA ? ENTRY_CTL_IA32E : 0;
	for (u32 i = 0; i < ARRAY_LEN(rights); i++)
		/* CPL and CS.L: nearly every message has them. */
		s->segment[rights[i]].attributes =
			capture_attributes(rights[i]);
	s->pending_interruption = capture_event();
	s->interrupt_state = interrupt_state(blocking);
	s->mov_ss = !!(blocking & INTERRUPTIBILITY_MOV_SS);
}

/* Entries of another mode are left over in the VMCS: the guest has none. */
static void capture_paging(struct vp *vp)
{
	struct vp_state *s = &vp->state;

	s->cr4 =
		capture_cr(VMCS_GUEST_CR4, VMCS_CR4_SHADOW, state_cr4_mask(vp));
	/* By CR0 and EFER too: they are of the core, which is captured before. */
	for (u32 i = 0; i < 4; i++)
		s->pdpte[i] = vp_state_uses_pdptes(s)
		                      ? vmcs_read(VMCS_GUEST_PDPTE0 + 2 * i)
		                      : 0;
}

/* Which of these parts a segment is in. */
/* CS is in each message's header, so it is captured without the others. */
static u32 segment_part(u32 index)
{
	return index == VP_CS ? VP_PART_CODE : VP_PART_SEGMENTS;
}

void vendor_capture(struct vp *vp, u32 parts)
{
	vmcs_load(vp);
	for (u32 i = 0; i < ARRAY_LEN(plain_fields); i++)
		if (plain_fields[i].part & parts)
			*state_at(vp, plain_fields[i].offset) =
				vmcs_read(plain_fields[i].field);
	for (u32 i = 0; i < VP_SEGMENTS; i++)
		if (segment_part(i) & parts)
			capture_segment(&vp->state.segment[i], i);
	if (parts & VP_PART_CORE)
		capture_core(vp);
	if (parts & VP_PART_PAGING)
		capture_paging(vp);
}

/* ---- State to hardware ---- */

/* P clear and "unusable" are the same thing in two notations. */
static void apply_segment(const struct hv_segment *s, u32 index)
{
	u32 rights = s->attributes & RIGHTS_MASK;

	if (!(rights & RIGHTS_P))
		rights |= RIGHTS_UNUSABLE;
	vmcs_write(segment_fields.rights + 2 * index, rights);
	vmcs_write(segment_fields.selector + 2 * index, s->selector);
	vmcs_write(segment_fields.limit + 2 * index, s->limit);
	vmcs_write(segment_fields.base + 2 * index, s->base);
}

/* Nothing pending: one that was put back at the exit must go all the same. */
static void apply_event(u64 pending)
{
	u64 type = pending >> HV_PENDING_TYPE_SHIFT & 7;
	u64 event = EVENT_VALID | type << EVENT_TYPE_SHIFT |
	            (pending >> HV_PENDING_VECTOR_SHIFT & EVENT_VECTOR);

	if (!(pending & HV_PENDING_INTERRUPTION)) {
		vmcs_write(VMCS_ENTRY_EVENT, 0);
		return;
	}
	if (pending & HV_PENDING_DELIVER_ERROR_CODE)
		event |= EVENT_ERROR;
	vmcs_write(VMCS_ENTRY_EVENT, event);
	vmcs_write(VMCS_ENTRY_ERROR, pending >> HV_PENDING_ERROR_SHIFT);
	vmcs_write(VMCS_ENTRY_INSTRUCTION_LENGTH,
	           pending >> HV_PENDING_LENGTH_SHIFT & 15);
	if (type == HV_PENDING_TYPE_EXCEPTION &&
	    (event & EVENT_VECTOR) == VECTOR_DB)
		events_debug_delivered();
}

/* STI's shadow cannot be without RFLAGS.IF (SDM 26.3.1.5). */
static void apply_interruptibility(const struct vp_state *s)
{
	u64 value = 0;

	if (s->interrupt_state & HV_INTERRUPT_STATE_NMI_MASKED)
		value |= INTERRUPTIBILITY_NMI;
	if (s->interrupt_state & HV_INTERRUPT_STATE_SHADOW)
		value |= s->mov_ss || !(s->rflags & RFLAGS_IF)
		                 ? INTERRUPTIBILITY_MOV_SS
		                 : INTERRUPTIBILITY_STI;
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, value);
}

/*
 * PAE paging keeps four entries in the processor, loaded with CR3 (SDM 4.4.1);
 * with EPT they are in the VMCS. What is in memory may have changed since.
 */
static void apply_pdptes(const struct vp_state *s)
{
	for (u32 i = 0; vp_state_uses_pdptes(s) && i < 4; i++)
		vmcs_write(VMCS_GUEST_PDPTE0 + 2 * i, s->pdpte[i]);
}

/*
 * Of what no instruction has told the TLB: has CR0 or EFER another value? What
 * the VMCS does not have anew is left alone.
 */
static bool apply_core(struct vp *vp)
{
	const struct vp_state *s = &vp->state;
	struct vp_vmx *a = vp_vmx(vp);
	u64 mask = state_cr0_mask(vp);
	u64 cr0 = (s->cr0 & ~mask) | features()->cr0_fixed | CR0_NE;
	bool changed = a->efer != s->efer || vmcs_read(VMCS_GUEST_CR0) != cr0;

	vmcs_write(VMCS_CR0_SHADOW, s->cr0);
	/* The guest reads the shadow, the processor goes by the other. */
	vmcs_write(VMCS_GUEST_CR0, cr0);
	/* LMA has to agree with the control below, or the entry fails (26.3.1.1). */
	if (a->efer != s->efer)
		vmcs_write(VMCS_GUEST_EFER, s->efer);
	a->efer = s->efer;
	vmcs_set_control(VMCS_ENTRY_CONTROLS, &a->entry, ENTRY_CTL_IA32E,
	                 s->efer & EFER_LMA);
	apply_event(s->pending_interruption);
	apply_interruptibility(s);
	return changed;
}

/* MCE stays set below a child that has cleared it: see state_cr4_mask. */
static void apply_paging(struct vp *vp)
{
	const struct vp_state *s = &vp->state;

	vmcs_write(VMCS_CR4_SHADOW, s->cr4);
	vmcs_write(VMCS_GUEST_CR4, (s->cr4 & ~state_cr4_mask(vp)) |
	                                   features()->cr4_fixed | CR4_VMXE |
	                                   (vp->is_root ? 0 : CR4_MCE));
	apply_pdptes(s);
}

/* The root's deadline timer goes by the real TSC and has to follow. */
static void apply_tsc_offset(struct vp *vp)
{
	struct vp_vmx *a = vp_vmx(vp);

	if (a->tsc_offset == vp->state.tsc_offset)
		return;
	if (vp->is_root)
		root_msr_offset_changed(a->tsc_offset, vp->state.tsc_offset);
	a->tsc_offset = vp->state.tsc_offset;
	vmcs_write(VMCS_TSC_OFFSET, a->tsc_offset);
}

/*
 * A child's TSC is scaled where its frequency is not the machine's: 0 would be
 * no multiplier (SDM 24.6.5), and never is with the control on.
 */
static void apply_tsc_ratio(struct vp *vp)
{
	struct vp_vmx *a = vp_vmx(vp);
	u64 ratio = vp->partition->clock.ratio;

	if (a->tsc_ratio == ratio)
		return;
	/* The multiplier is written first: the control is on only with one in it. */
	a->tsc_ratio = ratio;
	if (ratio)
		vmcs_write(VMCS_TSC_MULTIPLIER, ratio);
	vmcs_set_control(VMCS_PROC2_CONTROLS, &a->proc2, PROC2_TSC_SCALING,
	                 ratio != 0);
}

void vendor_apply(struct vp *vp, u32 parts)
{
	bool flush = parts & VP_PART_PAGING;

	/* No child has branch records: it may write LBR, and reads it clear. */
	if ((parts & VP_PART_MSRS) && !vp->is_root)
		vp->state.debugctl &= ~DEBUGCTL_LBR;
	vmcs_load(vp);
	for (u32 i = 0; i < ARRAY_LEN(plain_fields); i++)
		if (plain_fields[i].part & parts)
			vmcs_write(plain_fields[i].field,
			           *state_at(vp, plain_fields[i].offset));
	for (u32 i = 0; i < VP_SEGMENTS; i++)
		if (segment_part(i) & parts)
			apply_segment(&vp->state.segment[i], i);
	/* Behind the plain fields: an injected #DB changes DR7 and DEBUGCTL again. */
	if ((parts & VP_PART_CORE) && apply_core(vp))
		flush = true;
	if (parts & VP_PART_PAGING)
		apply_paging(vp);
	if (parts & VP_PART_OURS) {
		apply_tsc_offset(vp);
		apply_tsc_ratio(vp);
	}
	/* CR3 and the mode may be new, and no instruction told the TLB; so may all of the
	 * VP be, whose VPID another one has had. */
	if (flush)
		tlb_flush_linear(vp);
}

/* ---- Life ---- */

void vendor_vp_init(struct vp *vp)
{
	vmcs_init(vp);
	if (vp->is_root)
		trace_door_begin(&cpu_vmx(arch_this_cpu())->trace);
}

void vendor_vp_free(struct vp *vp)
{
	vmcs_release(vp);
}

/* VM entry and exit leave them alone: they are the processor's. */
void vendor_save_live(struct vp *vp)
{
	vp->state.dr6 = dr6_read();
	vp->state.cr2 = cr2_read();
	vp->state.kernel_gs_base = msr_read(MSR_IA32_KERNEL_GS_BASE);
}

void vendor_load_live(struct vp *vp)
{
	dr6_write(vp->state.dr6);
	cr2_write(vp->state.cr2);
	msr_write(MSR_IA32_KERNEL_GS_BASE, vp->state.kernel_gs_base);
}

void vendor_load(struct vp *vp)
{
	vmcs_load(vp);
}

void vendor_let_go(struct vp *vp)
{
	vmcs_release(vp);
}

/* Where it is loaded the next time, its VMCS can be written. */
void vendor_moved(struct vp *vp)
{
	vp_vmx(vp)->moved = true;
}

/* ---- Without a capture ---- */

/* CPL is the DPL of SS in every mode (SDM 24.4.1). */
static u64 cpl(void)
{
	return vmcs_read(VMCS_GUEST_SS_RIGHTS) >> RIGHTS_DPL_SHIFT & 3;
}

/* Whoever asks knows the word: inlined, it is one VMREAD on the way of each call. */
__attribute__((always_inline)) inline u64 vendor_peek(struct vp *vp,
                                                      enum vendor_word word)
{
	vmcs_load(vp);
	switch (word) {
	case VENDOR_RIP:
		return vmcs_read(VMCS_GUEST_RIP);
	case VENDOR_RFLAGS:
		return vmcs_read(VMCS_GUEST_RFLAGS);
	case VENDOR_CR0:
		return vmcs_read(VMCS_GUEST_CR0);
	case VENDOR_EFER:
		return state_efer(vp);
	case VENDOR_CPL:
		return cpl();
	case VENDOR_CODE_64:
		return state_is_code_64(vp);
	case VENDOR_LENGTH:
		return vmcs_read(VMCS_EXIT_INSTRUCTION_LENGTH);
	case VENDOR_BLOCKING:
		return interrupt_state(vmcs_read(VMCS_GUEST_INTERRUPTIBILITY));
	case VENDOR_OCCUPIED:
		return vmcs_read(VMCS_ENTRY_EVENT) & EVENT_VALID;
	}
	return 0;
}
