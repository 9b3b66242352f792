/*
 * The states, written into the chunks of a stream.
 */
#include "tests/guest/lib/bases.h"

#include "include/x86_apic.h"
#include "tests/guest/lib/chunks.h"
#include "tests/guest/lib/test.h"

bool bases_open(struct bases_vp *vp, const struct saved *s)
{
	u32 length = 0, msrs = 0;

	vp->gp = chunks_find(s, STREAM_VP_GP, &length);
	vp->fp = chunks_find(s, STREAM_VP_FP, &length);
	vp->control = chunks_find(s, STREAM_VP_CONTROL, &length);
	vp->debug = chunks_find(s, STREAM_VP_DEBUG, &length);
	vp->segment = chunks_find(s, STREAM_VP_SEGMENT, &length);
	vp->table = chunks_find(s, STREAM_VP_TABLE, &length);
	vp->msrs = chunks_find(s, STREAM_VP_MSRS, &msrs);
	vp->msr_count = msrs / (u32)sizeof(*vp->msrs);
	vp->events = chunks_find(s, STREAM_VP_EVENTS, &length);
	vp->apic = chunks_find(s, STREAM_VP_APIC, &length);
	return EXPECT(vp->gp && vp->fp && vp->control && vp->debug &&
	              vp->segment && vp->table && vp->msrs && vp->events &&
	              vp->apic);
}

/* ---- Modes ---- */

static void set_segments(struct bases_vp *vp, u32 limit, u16 attributes)
{
	for (u32 i = 0; i < 6; i++)
		vp->segment->seg[i] = (struct hv_segment){
			.limit = limit,
			.attributes = attributes,
			.selector = i == 1 ? 8 : 16,
		};
}

static void set_code(struct bases_vp *vp, u32 limit, u16 attributes)
{
	vp->segment->seg[1].limit = limit;
	vp->segment->seg[1].attributes = attributes;
}

static void set_tables(struct bases_vp *vp, u64 idt, u16 idt_limit)
{
	vp->table->idtr.base = idt;
	vp->table->idtr.limit = idt_limit;
	vp->table->gdtr.base = BASES_GDT;
	vp->table->gdtr.limit = 0x3f;
	vp->segment->seg[7] = (struct hv_segment){ .base = BASES_TSS,
		                                   .limit = 0x67,
		                                   .selector = 0x18,
		                                   .attributes = 0x8b };
}

static void real_mode(struct bases_vp *vp)
{
	set_segments(vp, 0xffff, 0x93);
	for (u32 i = 0; i < 6; i++)
		vp->segment->seg[i].selector = 0;
	set_code(vp, 0xffff, RIGHTS_CODE_16);
	vp->table->idtr.base = 0;
	vp->table->idtr.limit = 0x3ff;
	vp->control->cr0 = CR0_REAL;
	vp->gp->gpr[4] = 0x800;
}

/* The limits of protected mode, as after a way there and back. */
static void unreal_mode(struct bases_vp *vp)
{
	real_mode(vp);
	for (u32 i = 0; i < 6; i++) {
		vp->segment->seg[i].limit = 0xffffffff;
		vp->segment->seg[i].attributes |= 0x8000;
	}
}

static void protected_mode(struct bases_vp *vp)
{
	set_segments(vp, 0xffffffff, RIGHTS_DATA_32);
	set_code(vp, 0xffffffff, RIGHTS_CODE_32);
	set_tables(vp, BASES_IDT_32, 0x7ff);
	vp->control->cr0 = CR0_PROTECTED;
	vp->control->cr4 = CR4_SSE;
}

static void to_user(struct bases_vp *vp)
{
	for (u32 i = 0; i < 6; i++) {
		vp->segment->seg[i].attributes |= RIGHTS_DPL;
		vp->segment->seg[i].selector |= 3;
	}
	vp->segment->cpl = 3;
	vp->gp->rflags |= RFLAGS_IOPL;
}

static void protected_user(struct bases_vp *vp)
{
	protected_mode(vp);
	to_user(vp);
}

static void protected_16(struct bases_vp *vp)
{
	protected_mode(vp);
	set_code(vp, 0xffff, RIGHTS_CODE_16);
}

static void virtual_8086(struct bases_vp *vp)
{
	protected_mode(vp);
	set_segments(vp, 0xffff, 0xf3);
	for (u32 i = 0; i < 6; i++)
		vp->segment->seg[i].selector = 0;
	vp->segment->cpl = 3;
	vp->gp->rflags |= RFLAGS_VM | RFLAGS_IOPL;
	vp->gp->gpr[4] = 0x800;
}

static void paging_32(struct bases_vp *vp)
{
	protected_mode(vp);
	vp->control->cr3 = BASES_DIRECTORY_32;
	vp->control->cr4 |= CR4_PSE;
	vp->control->cr0 |= CR0_PG;
}

static void paging_pae(struct bases_vp *vp)
{
	protected_mode(vp);
	vp->control->cr3 = BASES_PDPT;
	vp->control->cr4 |= CR4_PAE;
	vp->control->cr0 |= CR0_PG;
	vp->events->pdpte[0] = BASES_PAGE_DIRECTORY | 1;
}

static void long_mode(struct bases_vp *vp)
{
	set_segments(vp, 0xffffffff, RIGHTS_DATA_32);
	set_code(vp, 0xffffffff, RIGHTS_CODE_64);
	set_tables(vp, BASES_IDT_LONG, 0xfff);
	vp->segment->seg[7].base = BASES_TSS_LONG;
	vp->control->cr0 = CR0_PROTECTED | CR0_PG;
	vp->control->cr3 = BASES_PML4;
	vp->control->cr4 = CR4_SSE | CR4_PAE;
	vp->control->efer = EFER_LONG;
}

static void long_user(struct bases_vp *vp)
{
	long_mode(vp);
	to_user(vp);
}

static void end_of_half(struct bases_vp *vp)
{
	long_mode(vp);
	vp->gp->rip = BASES_LOW_END - 1;
}

static void compatibility(struct bases_vp *vp)
{
	long_user(vp);
	set_code(vp, 0xffffffff, RIGHTS_CODE_32 | RIGHTS_DPL);
}

static void compatibility_16(struct bases_vp *vp)
{
	long_mode(vp);
	set_code(vp, 0xffff, RIGHTS_CODE_16);
}

/* ---- Events ---- */

static void halted(struct bases_vp *vp)
{
	long_mode(vp);
	vp->gp->rflags |= RFLAGS_IF;
	vp->events->activity = HV_ACTIVITY_HALT_SUSPEND;
}

/* An interrupt is there that ends the halt. */
static void waking(struct bases_vp *vp)
{
	halted(vp);
	vp->apic->svr = 0x1ff;
	vp->apic->irr[2] = BIT(1);
}

static void waits_for_sipi(struct bases_vp *vp)
{
	real_mode(vp);
	vp->events->activity = HV_ACTIVITY_STARTUP_SUSPEND;
}

static void shadow_of_sti(struct bases_vp *vp)
{
	long_mode(vp);
	vp->gp->rflags |= RFLAGS_IF;
	vp->events->interrupt_state = HV_INTERRUPT_STATE_SHADOW;
}

static void shadow_of_mov_ss(struct bases_vp *vp)
{
	real_mode(vp);
	vp->events->interrupt_state = HV_INTERRUPT_STATE_SHADOW;
}

static void nmi_blocked(struct bases_vp *vp)
{
	paging_32(vp);
	vp->events->interrupt_state = HV_INTERRUPT_STATE_NMI_MASKED;
	vp->apic->events = STREAM_APIC_NMI;
}

static void stepping(struct bases_vp *vp)
{
	long_mode(vp);
	vp->gp->rflags |= RFLAGS_TF;
	vp->events->interrupt_state = HV_INTERRUPT_STATE_SHADOW;
	vp->events->pending_debug = DEBUG_STEP;
}

static void x2apic(struct bases_vp *vp)
{
	long_mode(vp);
	vp->gp->rflags |= RFLAGS_IF;
	for (u32 i = 0; i < vp->msr_count; i++)
		if (vp->msrs[i].name == HV_REGISTER_APIC_BASE)
			vp->msrs[i].value |= LAPIC_BASE_X2APIC;
	vp->apic->svr = 0x1ff;
	vp->apic->irr[1] = BIT(5) | BIT(20);
	vp->apic->ldr = 0;
}

static void timer(struct bases_vp *vp)
{
	paging_pae(vp);
	vp->gp->rflags |= RFLAGS_IF;
	vp->apic->svr = 0x1ff;
	vp->apic->lvt[0] = 0x20040;
	vp->apic->initial_count = 2000;
	vp->apic->timer_due = 1000;
}

static void pend(struct bases_vp *vp, u64 type, u64 vector, u64 more)
{
	vp->events->pending_interruption =
		HV_PENDING_INTERRUPTION | type << HV_PENDING_TYPE_SHIFT |
		vector << HV_PENDING_VECTOR_SHIFT | more;
}

static void pending_interrupt(struct bases_vp *vp)
{
	real_mode(vp);
	vp->gp->rflags |= RFLAGS_IF;
	pend(vp, HV_PENDING_TYPE_INTERRUPT, 0x41, 0);
}

static void pending_nmi(struct bases_vp *vp)
{
	paging_pae(vp);
	pend(vp, HV_PENDING_TYPE_NMI, 2, 0);
}

static void pending_exception(struct bases_vp *vp)
{
	long_user(vp);
	pend(vp, HV_PENDING_TYPE_EXCEPTION, 13,
	     HV_PENDING_DELIVER_ERROR_CODE | 0xfff8ull
	                                             << HV_PENDING_ERROR_SHIFT);
}

static void pending_fault(struct bases_vp *vp)
{
	real_mode(vp);
	pend(vp, HV_PENDING_TYPE_EXCEPTION, 6, 0);
}

static void pending_software(struct bases_vp *vp)
{
	protected_mode(vp);
	pend(vp, HV_PENDING_TYPE_SOFTWARE_INTERRUPT, 0x21,
	     2ull << HV_PENDING_LENGTH_SHIFT);
}

static void pending_icebp(struct bases_vp *vp)
{
	virtual_8086(vp);
	pend(vp, HV_PENDING_TYPE_PRIVILEGED_SOFTWARE_EXCEPTION, 1,
	     1ull << HV_PENDING_LENGTH_SHIFT);
}

static void pending_int3(struct bases_vp *vp)
{
	compatibility(vp);
	pend(vp, HV_PENDING_TYPE_SOFTWARE_EXCEPTION, 3,
	     1ull << HV_PENDING_LENGTH_SHIFT);
}

static const struct {
	const char *name;
	void (*make)(struct bases_vp *vp);
} bases[] = {
	{ "real mode", real_mode },
	{ "real mode, large limits", unreal_mode },
	{ "protected mode", protected_mode },
	{ "protected mode, CPL 3", protected_user },
	{ "protected mode, 16 bits", protected_16 },
	{ "virtual-8086 mode", virtual_8086 },
	{ "32-bit paging", paging_32 },
	{ "PAE paging", paging_pae },
	{ "long mode", long_mode },
	{ "long mode, CPL 3", long_user },
	{ "long mode, end of the lower half", end_of_half },
	{ "compatibility mode", compatibility },
	{ "compatibility mode, 16 bits", compatibility_16 },
	{ "halted", halted },
	{ "halted, an interrupt is there", waking },
	{ "waits for SIPI", waits_for_sipi },
	{ "shadow of STI", shadow_of_sti },
	{ "shadow of MOV SS", shadow_of_mov_ss },
	{ "NMI blocked, another is there", nmi_blocked },
	{ "single step", stepping },
	{ "x2APIC mode, interrupts", x2apic },
	{ "periodic timer", timer },
	{ "interrupt pending", pending_interrupt },
	{ "NMI pending", pending_nmi },
	{ "exception pending, error code", pending_exception },
	{ "exception pending, real mode", pending_fault },
	{ "software interrupt pending", pending_software },
	{ "ICEBP pending", pending_icebp },
	{ "INT3 pending", pending_int3 },
};

u32 bases_count(void)
{
	return ARRAY_LEN(bases);
}

const char *bases_name(u32 base)
{
	return bases[base].name;
}

void bases_make(struct bases_vp *vp, u32 base)
{
	vp->gp->rip = BASES_CODE;
	vp->gp->rflags = RFLAGS_FIXED;
	vp->gp->gpr[4] = BASES_STACK;
	bases[base].make(vp);
}
