/*
 * A VP's state in its VMCB, out of it and into it, by tables. A guest has all of its
 * control registers itself: no bit of them is ours, but EFER.SVME.
 */
#include "arch/x86_64/svm/state.h"

#include "arch/x86_64/common/vendor.h"
#include "arch/x86_64/svm/apic.h"
#include "arch/x86_64/svm/events.h"
#include "arch/x86_64/svm/features.h"
#include "arch/x86_64/svm/length.h"
#include "arch/x86_64/svm/segment.h"
#include "arch/x86_64/svm/svm.h"
#include "arch/x86_64/svm/svm_arch.h"
#include "hv/memory/gpa.h"
#include "hv/vp/partition.h"
#include "include/x86.h"
#include "include/x86_msr.h"

#define AT(field) ((u32)offsetof(struct vp_state, field))
#define PDPTE_ACCESSED BIT(5) /* is reserved; QEMU sets it in walks */

#define IN(field) ((u32)offsetof(struct vmcb, field))

/* Fields of 64 bits that hold the same as the state, and the part that they are of. */
static const struct {
	u32 field;
	u32 offset;
	u32 part;
} plain_fields[] = {
	{ IN(rip), AT(rip), VP_PART_RIP },
	{ IN(rflags), AT(rflags), VP_PART_CORE },
	{ IN(cr0), AT(cr0), VP_PART_CORE },
	{ IN(cr3), AT(cr3), VP_PART_PAGING },
	{ IN(cr4), AT(cr4), VP_PART_PAGING },
	{ IN(dr7), AT(dr7), VP_PART_CODE },
	{ IN(sysenter_cs), AT(sysenter_cs), VP_PART_MSRS },
	{ IN(sysenter_esp), AT(sysenter_rsp), VP_PART_MSRS },
	{ IN(sysenter_eip), AT(sysenter_rip), VP_PART_MSRS },
	{ IN(cr2), AT(cr2), VP_PART_LIVE },
	{ IN(dr6), AT(dr6), VP_PART_LIVE },
	{ IN(kernel_gs_base), AT(kernel_gs_base), VP_PART_LIVE },
};

/* By enum vp_segment. */
static const u32 segment_fields[VP_SEGMENTS] = {
	[VP_ES] = IN(es),     [VP_CS] = IN(cs), [VP_SS] = IN(ss),
	[VP_DS] = IN(ds),     [VP_FS] = IN(fs), [VP_GS] = IN(gs),
	[VP_LDTR] = IN(ldtr), [VP_TR] = IN(tr),
};

static u64 *state_at(struct vp *vp, u32 offset)
{
	return (u64 *)(void *)((u8 *)&vp->state + offset);
}

static void *field_at(struct vp *vp, u32 offset)
{
	return (u8 *)vmcb_of(vp) + offset;
}

/* Which of the parts a segment is in. */
static u32 segment_part(u32 index)
{
	return index == VP_CS ? VP_PART_CODE : VP_PART_SEGMENTS;
}

/* ---- VMCB to state ---- */

static u16 capture_attributes(struct vp *vp, u32 index)
{
	const struct vmcb *v = vmcb_of(vp);

	return segment_rights(field_at(vp, segment_fields[index]), index,
	                      v->cpl, v->rflags & RFLAGS_VM);
}

static void capture_segment(struct vp *vp, u32 index)
{
	const struct vmcb_segment *from = field_at(vp, segment_fields[index]);
	struct hv_segment *s = &vp->state.segment[index];

	s->selector = from->selector;
	s->limit = from->limit;
	s->base = from->base;
	s->attributes = capture_attributes(vp, index);
}

/* These limits have 16 bits, in fields of 32. */
static void capture_table(struct vp_table *to, const struct vmcb_segment *from)
{
	to->base = from->base;
	to->limit = from->limit & 0xffff;
}

static void capture_core(struct vp *vp)
{
	/* CPL and the mode belong to what is asked for most: they come without the
	 * segments that they are kept in. */
	static const u8 rights[] = { VP_CS, VP_SS };
	struct vp_state *s = &vp->state;

	s->efer = vmcb_of(vp)->efer & ~EFER_SVME;
	for (u32 i = 0; i < ARRAY_LEN(rights); i++)
		s->segment[rights[i]].attributes =
			capture_attributes(vp, rights[i]);
	s->pending_interruption = events_pending(vp);
	s->interrupt_state = state_blocking(vp);
	/* SVM does not say whose shadow it is. STI's is not without IF; and with
	 * TF a step is taken behind STI, whose exit is the only one there. */
	s->mov_ss =
		(s->interrupt_state & HV_INTERRUPT_STATE_SHADOW) &&
		(!(s->rflags & RFLAGS_IF) ||
	         ((s->rflags & RFLAGS_TF) &&
	          vmcb_of(vp)->exit_code != SVM_EXIT_EXCEPTION + VECTOR_DB));
}

/*
 * The processor reads them from memory for each walk (15.25.10). For us and in a stream
 * they are what is there now; a walk does not get through one with reserved bits.
 */
static void capture_pdptes(struct vp *vp)
{
	struct vp_state *s = &vp->state;
	u64 reserved = ~(BIT(arch_facts()->compat.phys_bits) - 1) | PDPTE_RSVD;
	const u64 *table = NULL;

	if (vp_state_uses_pdptes(s))
		table = gpa_pin(&vp->partition->space,
		                gpa_of(s->cr3 & CR3_PDPT), sizeof(s->pdpte),
		                ARCH_READ);
	for (u32 i = 0; i < ARRAY_LEN(s->pdpte); i++) {
		u64 entry = table ? table[i] & ~PDPTE_ACCESSED : 0;

		s->pdpte[i] = (entry & PDPTE_PRESENT) && (entry & reserved)
		                      ? 0
		                      : entry;
	}
}

u64 state_blocking(struct vp *vp)
{
	u64 blocking = 0;

	if (vmcb_of(vp)->interrupt_shadow & VMCB_SHADOW)
		blocking |= HV_INTERRUPT_STATE_SHADOW;
	if (vp_svm(vp)->nmi_blocked)
		blocking |= HV_INTERRUPT_STATE_NMI_MASKED;
	return blocking;
}

void vendor_capture(struct vp *vp, u32 parts)
{
	struct vp_state *s = &vp->state;
	const struct vmcb *v = vmcb_of(vp);

	/* LIVE has its own way in, when the rest of it is (switch.c). */
	for (u32 i = 0; i < ARRAY_LEN(plain_fields); i++)
		if (plain_fields[i].part & parts & ~(u32)VP_PART_LIVE)
			*state_at(vp, plain_fields[i].offset) =
				*(u64 *)field_at(vp, plain_fields[i].field);
	for (u32 i = 0; i < VP_SEGMENTS; i++)
		if (segment_part(i) & parts)
			capture_segment(vp, i);
	if (parts & VP_PART_SEGMENTS) {
		capture_table(&s->gdtr, &v->gdtr);
		capture_table(&s->idtr, &v->idtr);
	}
	/* Before the MSRs: what waits there depends on whose shadow it is. */
	if (parts & VP_PART_CORE)
		capture_core(vp);
	if (parts & VP_PART_PAGING)
		capture_pdptes(vp);
	if (parts & VP_PART_MSRS) {
		/* Else a child's write exits, so that it is current. */
		if (features()->has_lbr)
			s->debugctl = v->debugctl;
		s->pending_debug = vp_svm(vp)->pending_debug;
		/* As VT-x has it: behind MOV SS the step waits (events.c). */
		if (s->mov_ss && (s->rflags & RFLAGS_TF))
			s->pending_debug |= DEBUG_STEP;
	}
}

void vendor_save_live(struct vp *vp)
{
	for (u32 i = 0; i < ARRAY_LEN(plain_fields); i++)
		if (plain_fields[i].part == VP_PART_LIVE)
			*state_at(vp, plain_fields[i].offset) =
				*(u64 *)field_at(vp, plain_fields[i].field);
}

/* ---- State to VMCB ---- */

void vendor_load_live(struct vp *vp)
{
	for (u32 i = 0; i < ARRAY_LEN(plain_fields); i++)
		if (plain_fields[i].part == VP_PART_LIVE)
			*(u64 *)field_at(vp, plain_fields[i].field) =
				*state_at(vp, plain_fields[i].offset);
}

/*
 * A segment without P is a null one: attributes 0 (15.5.1). Whether a task is busy counts
 * in the descriptor alone, and AMD's processors do not show it in the VMCB: without it
 * TR is what they save. QEMU 7.2 ends with a busy one at the next inner stack.
 */
static void apply_segment(struct vp *vp, u32 index)
{
	const struct hv_segment *s = &vp->state.segment[index];
	struct vmcb_segment *to = field_at(vp, segment_fields[index]);
	u32 rights = index == VP_TR ? s->attributes & ~TYPE_BUSY
	                            : s->attributes;

	to->selector = s->selector;
	to->limit = s->limit;
	to->base = s->base;
	to->attributes = rights & RIGHTS_P ? vmcb_attributes(rights) : 0;
}

static void apply_table(struct vmcb_segment *to, const struct vp_table *from)
{
	to->base = from->base;
	to->limit = (u32)from->limit;
}

static void apply_core(struct vp *vp)
{
	const struct vp_state *s = &vp->state;
	struct vmcb *v = vmcb_of(vp);

	/* Without it there is no VMRUN, and VMMCALL is #UD (15.5.1). */
	v->efer = s->efer | EFER_SVME;
	/* It comes with either part of SS, and not with its segment alone. */
	v->cpl = (u8)(s->segment[VP_SS].attributes >> RIGHTS_DPL_SHIFT & 3);
	v->interrupt_shadow = s->interrupt_state & HV_INTERRUPT_STATE_SHADOW
	                              ? VMCB_SHADOW
	                              : 0;
	events_block_nmi(vp,
	                 s->interrupt_state & HV_INTERRUPT_STATE_NMI_MASKED);
	events_set_pending(vp, s->pending_interruption);
}

static void apply_tsc(struct vp *vp)
{
	struct vp_svm *a = vp_svm(vp);
	u64 offset = vp->state.tsc_offset;

	if (vp->is_root && a->tsc_offset != offset)
		apic_tsc_moved(a->tsc_offset, offset);
	vmcb_of(vp)->tsc_offset = a->tsc_offset = offset;
}

/* A guest's write of these exits: nobody but us changes them. */
static void apply_syscall(struct vp *vp)
{
	const struct vp_state *s = &vp->state;
	struct vmcb *v = vmcb_of(vp);

	v->star = s->star;
	v->lstar = s->lstar;
	v->cstar = s->cstar;
	v->sfmask = s->sfmask;
}

void vendor_apply(struct vp *vp, u32 parts)
{
	struct vp_state *s = &vp->state;
	struct vmcb *v = vmcb_of(vp);
	u64 cr0 = v->cr0, efer = v->efer;

	for (u32 i = 0; i < ARRAY_LEN(plain_fields); i++)
		if (plain_fields[i].part & parts & ~(u32)VP_PART_LIVE)
			*(u64 *)field_at(vp, plain_fields[i].field) =
				*state_at(vp, plain_fields[i].offset);
	for (u32 i = 0; i < VP_SEGMENTS; i++)
		if (segment_part(i) & parts)
			apply_segment(vp, i);
	if (parts & VP_PART_SEGMENTS) {
		apply_table(&v->gdtr, &s->gdtr);
		apply_table(&v->idtr, &s->idtr);
	}
	/* Behind the plain fields: an injected #DB clears GD in DR7, which is one. */
	if (parts & VP_PART_CORE)
		apply_core(vp);
	if (parts & VP_PART_MSRS) {
		/* No child has branch records: it reads LBR clear. */
		if (!vp->is_root)
			s->debugctl &= ~DEBUGCTL_LBR;
		v->debugctl = s->debugctl;
		v->pat = s->pat;
		vp_svm(vp)->pending_debug = s->pending_debug;
	}
	if (parts & VP_PART_OURS) {
		apply_tsc(vp);
		apply_syscall(vp);
	}
	/* CR3 and the mode may be new, and no instruction told the TLB. */
	if ((parts & VP_PART_PAGING) || v->cr0 != cr0 || v->efer != efer)
		asid_flush(&vp_svm(vp)->asid);
}

/* ---- Without a capture ---- */

static bool is_code_64(const struct vmcb *v)
{
	return (v->efer & EFER_LMA) &&
	       (vmcb_rights(v->cs.attributes) & RIGHTS_L);
}

u64 vendor_peek(struct vp *vp, enum vendor_word word)
{
	const struct vmcb *v = vmcb_of(vp);

	switch (word) {
	case VENDOR_RIP:
		return v->rip;
	case VENDOR_RFLAGS:
		return v->rflags;
	case VENDOR_CR0:
		return v->cr0;
	case VENDOR_EFER:
		return v->efer & ~EFER_SVME;
	case VENDOR_CPL:
		return v->cpl;
	case VENDOR_CODE_64:
		return is_code_64(v);
	case VENDOR_LENGTH:
		return length_of_exit(vp, v->exit_code);
	case VENDOR_BLOCKING:
		return state_blocking(vp);
	case VENDOR_OCCUPIED:
		return v->event & EVENT_VALID;
	}
	return 0;
}
