/*
 * A VP's state in the VMCS, out of it and into it, by tables. What is not in
 * the VMCS is live in the processor while the VP is resident (switch.c).
 */
#include "arch/x86_64/vp.h"

#include "arch/x86_64/cpu_arch.h"
#include "arch/x86_64/features.h"
#include "arch/x86_64/regs.h"
#include "arch/x86_64/switch.h"
#include "arch/x86_64/tlb.h"
#include "arch/x86_64/vmcs.h"
#include "arch/x86_64/vmx.h"
#include "hv/check.h"
#include "hv/partition.h"

/* Fields that hold the same as the state. */
static const struct {
	u32 field;
	u32 offset;
} plain_fields[] = {
	{ VMCS_GUEST_RIP, offsetof(struct vp_state, rip) },
	{ VMCS_GUEST_RFLAGS, offsetof(struct vp_state, rflags) },
	{ VMCS_GUEST_CR3, offsetof(struct vp_state, cr3) },
	{ VMCS_GUEST_EFER, offsetof(struct vp_state, efer) },
	{ VMCS_GUEST_DR7, offsetof(struct vp_state, dr7) },
	{ VMCS_GUEST_IDTR_BASE, offsetof(struct vp_state, idtr.base) },
	{ VMCS_GUEST_IDTR_LIMIT, offsetof(struct vp_state, idtr.limit) },
	{ VMCS_GUEST_GDTR_BASE, offsetof(struct vp_state, gdtr.base) },
	{ VMCS_GUEST_GDTR_LIMIT, offsetof(struct vp_state, gdtr.limit) },
	{ VMCS_GUEST_PAT, offsetof(struct vp_state, pat) },
	{ VMCS_GUEST_SYSENTER_CS, offsetof(struct vp_state, sysenter_cs) },
	{ VMCS_GUEST_SYSENTER_EIP, offsetof(struct vp_state, sysenter_rip) },
	{ VMCS_GUEST_SYSENTER_ESP, offsetof(struct vp_state, sysenter_rsp) },
	{ VMCS_GUEST_DEBUGCTL, offsetof(struct vp_state, debugctl) },
	{ VMCS_GUEST_PENDING_DEBUG, offsetof(struct vp_state, pending_debug) },
	{ VMCS_TSC_OFFSET, offsetof(struct vp_state, tsc_offset) },
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
u64 vp_cr0_mask(const struct vp *vp)
{
	return features()->cr0_fixed | CR0_NE |
	       (vp->is_root ? 0 : CR0_CD | CR0_NW);
}

u64 vp_cr4_mask(const struct vp *vp)
{
	u64 mask = features()->cr4_fixed | CR4_VMXE;

	return vp->is_root ? mask : mask | CR4_MCE | ~arch_facts()->cr4_allowed;
}

/* ---- Hardware to state ---- */

static void capture_segment(struct hv_segment *s, u32 index)
{
	u32 rights = (u32)vmcs_read(segment_fields.rights + 2 * index);

	s->selector = (u16)vmcs_read(segment_fields.selector + 2 * index);
	s->limit = (u32)vmcs_read(segment_fields.limit + 2 * index);
	s->base = vmcs_read(segment_fields.base + 2 * index);
	s->attributes = (u16)(rights & RIGHTS_MASK);
	if (rights & RIGHTS_UNUSABLE)
		s->attributes &= (u16)~RIGHTS_P;
}

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

static u64 interrupt_state(u64 interruptibility)
{
	u64 state = 0;

	if (interruptibility & (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS))
		state |= HV_INTERRUPT_STATE_SHADOW;
	if (interruptibility & INTERRUPTIBILITY_NMI)
		state |= HV_INTERRUPT_STATE_NMI_MASKED;
	return state;
}

void arch_vp_capture(struct vp *vp)
{
	struct vp_state *s = &vp->state;
	u64 blocking;

	switch_save_if_resident(vp);
	vmcs_load(vp);
	for (u32 i = 0; i < ARRAY_LEN(plain_fields); i++)
		*state_at(vp, plain_fields[i].offset) =
			vmcs_read(plain_fields[i].field);
	for (u32 i = 0; i < VP_SEGMENTS; i++)
		capture_segment(&s->segment[i], i);
	s->cr0 = capture_cr(VMCS_GUEST_CR0, VMCS_CR0_SHADOW, vp_cr0_mask(vp));
	s->cr4 = capture_cr(VMCS_GUEST_CR4, VMCS_CR4_SHADOW, vp_cr4_mask(vp));
	for (u32 i = 0; i < 4; i++)
		s->pdpte[i] = vp_state_uses_pdptes(s)
		                      ? vmcs_read(VMCS_GUEST_PDPTE0 + 2 * i)
		                      : 0;
	s->pending_interruption = capture_event();
	blocking = vmcs_read(VMCS_GUEST_INTERRUPTIBILITY);
	s->interrupt_state = interrupt_state(blocking);
	s->mov_ss = !!(blocking & INTERRUPTIBILITY_MOV_SS);
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

static void apply_controls(struct vp *vp)
{
	const struct vp_state *s = &vp->state;
	const struct features *f = features();
	u64 mask0 = vp_cr0_mask(vp), mask4 = vp_cr4_mask(vp);
	u32 entry = vp->is_root ? f->root[CONTROL_ENTRY]
	                        : f->child[CONTROL_ENTRY];

	vmcs_write(VMCS_CR0_MASK, mask0);
	vmcs_write(VMCS_CR0_SHADOW, s->cr0);
	vmcs_write(VMCS_GUEST_CR0, (s->cr0 & ~mask0) | f->cr0_fixed | CR0_NE);
	vmcs_write(VMCS_CR4_MASK, mask4);
	vmcs_write(VMCS_CR4_SHADOW, s->cr4);
	vmcs_write(VMCS_GUEST_CR4, (s->cr4 & ~mask4) | f->cr4_fixed | CR4_VMXE |
	                                   (vp->is_root ? 0 : CR4_MCE));
	if (!(s->efer & EFER_LMA))
		entry &= ~(u32)ENTRY_CTL_IA32E;
	vmcs_write(VMCS_ENTRY_CONTROLS, entry);
}

void arch_vp_apply(struct vp *vp)
{
	struct vp_state *s = &vp->state;

	/* A VMCS made anew: no field of before can be left in it. */
	if (vp->renewed)
		arch_vp_init(vp);
	vp->renewed = false;
	vmcs_load(vp);
	apply_pdptes(s);
	for (u32 i = 0; i < ARRAY_LEN(plain_fields); i++)
		vmcs_write(plain_fields[i].field,
		           *state_at(vp, plain_fields[i].offset));
	for (u32 i = 0; i < VP_SEGMENTS; i++)
		apply_segment(&s->segment[i], i);
	apply_controls(vp);
	apply_event(s->pending_interruption);
	apply_interruptibility(s);
	switch_load_if_resident(vp);
	/* CR3 and the mode may be new, and no instruction told the TLB. */
	tlb_flush_linear(vp->vpid);
}

/* ---- Life ---- */

void arch_vp_init(struct vp *vp)
{
	vmcs_init(vp);
	tlb_flush_linear(vp->vpid);
}

void arch_vp_free(struct vp *vp)
{
	struct cpu_arch *a = cpu_arch(arch_this_cpu());

	if (a->resident == vp)
		a->resident = NULL;
	vmcs_release(vp);
}

/* There is one processor, and it runs the caller. */
void arch_vp_kick(struct vp *vp)
{
	CHECK(vp->cpu == arch_this_cpu());
}
