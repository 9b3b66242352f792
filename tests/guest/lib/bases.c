/*
 * The states, written into the chunks of a stream.
 */
#include "tests/guest/lib/bases.h"

#include "include/x86_apic.h"
#include "tests/guest/lib/chunks.h"
#include "tests/guest/lib/code.h"
#include "tests/guest/lib/random.h"
#include "tests/guest/lib/test.h"

#define IDT_LONG 0x2000u
#define IDT_32 0x3000u
#define GDT 0x3800u
#define DIRECTORY_32 0x5000u
#define PML4 0x6000u
#define PDPT_LONG 0x7000u
#define PAGE_DIRECTORY 0x8000u /* of long mode and PAE */
#define PAGE_TABLE 0xa000u     /* of the last 2 MiB of a half, or of 4 GiB */
#define TSS 0x900u
#define TSS_LONG 0xa00u
#define STACK 0x9ff0u
#define HANDLER (BASES_CODE + 0x800)
#define PDE_LARGE_USER (PTE_USER | PTE_LARGE)

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
	vp->table->gdtr.base = GDT;
	vp->table->gdtr.limit = 0x3f;
	vp->segment->seg[7] = (struct hv_segment){
		.base = TSS, .limit = 0x67, .selector = 0x18, .attributes = 0x8b
	};
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
	set_tables(vp, IDT_32, 0x7ff);
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
	vp->control->cr3 = DIRECTORY_32;
	vp->control->cr4 |= CR4_PSE;
	vp->control->cr0 |= CR0_PG;
}

static void paging_pae(struct bases_vp *vp)
{
	protected_mode(vp);
	vp->control->cr3 = BASES_PDPT;
	vp->control->cr4 |= CR4_PAE;
	vp->control->cr0 |= CR0_PG;
	vp->events->pdpte[0] = PAGE_DIRECTORY | 1;
}

static void long_mode(struct bases_vp *vp)
{
	set_segments(vp, 0xffffffff, RIGHTS_DATA_32);
	set_code(vp, 0xffffffff, RIGHTS_CODE_64);
	set_tables(vp, IDT_LONG, 0xfff);
	vp->segment->seg[7].base = TSS_LONG;
	vp->control->cr0 = CR0_PROTECTED | CR0_PG;
	vp->control->cr3 = PML4;
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
	vp->gp->gpr[4] = STACK;
	bases[base].make(vp);
}

/* ---- Memory ---- */

/* Bytes that mean the same in all modes, but for the REX prefixes' rows. */
static const u8 snippets[BASES_SNIPPETS][BASES_SNIPPET_SIZE] = {
	{ NOP, CPUID, NOP, OUT_AL(BASES_PORT), HLT, JMP_SELF },
	/* PUSHF, POPF: a shadow, and a step if there is one. */
	{ STI, NOP, 0x9c, 0x9d, OUT_AL(BASES_PORT), HLT, JMP_SELF },
	/* MOV EAX, SS and back: the other shadow. */
	{ 0x8c, 0xd0, 0x8e, 0xd0, NOP, OUT_AL(BASES_PORT), HLT, JMP_SELF },
	/* CR0, CR4, CR3 as they are. */
	{ 0x0f,
	  0x20,
	  0xc0,
	  0x0f,
	  0x22,
	  0xc0,
	  0x0f,
	  0x20,
	  0xe0,
	  0x0f,
	  0x22,
	  0xe0,
	  0x0f,
	  0x20,
	  0xd8,
	  0x0f,
	  0x22,
	  0xd8,
	  OUT_AL(BASES_PORT),
	  HLT },
	{ RDTSC, INT3, NOP, OUT_AL(BASES_PORT), HLT, JMP_SELF },
	{ 0xcd, 0x21, OUT_AL(BASES_PORT), CLI, HLT, JMP_SELF },
	/* FLD1, MOVAPS XMM0, XMM1, FWAIT. */
	{ 0xd9, 0xe8, 0x0f, 0x28, 0xc1, 0x9b, OUT_AL(BASES_PORT), STI, HLT },
	/* The MSR that RCX says; CPUID for an exit behind it. */
	{ WRMSR, RDMSR, CPUID, OUT_AL(BASES_PORT), HLT, JMP_SELF },
};

/* IRET would end an NMI's blocking; 64-bit code takes it with a prefix. */
static const u8 handler[] = { OUT_AL(BASES_HANDLED), HLT, JMP_SELF };

/* At the end of the page: RIP goes to where no address is. */
static const u8 last[] = { CPUID };

static void fill_interrupt_tables(const struct child *c)
{
	u32 *vectors = child_at(c, 0);
	u64 *idt_32 = child_at(c, IDT_32);
	u64 *idt_long = child_at(c, IDT_LONG);

	for (u32 i = 0; i < 256; i++) {
		/* The real-mode table lies below its stack. */
		if (i < 0x80)
			vectors[i] = HANDLER;
		idt_32[i] = HANDLER | 8ull << 16 | 0xee00ull << 32;
		idt_long[2 * i] = HANDLER | 0x20ull << 16 | 0xee00ull << 32;
		idt_long[2 * i + 1] = 0;
	}
}

static void fill_descriptors(const struct child *c)
{
	u64 *gdt = child_at(c, GDT);
	u32 *tss = child_at(c, TSS), *tss_long = child_at(c, TSS_LONG);

	gdt[0] = 0;
	gdt[1] = 0x00cf9b000000ffffull; /* 8: 32-bit code */
	gdt[2] = 0x00cf93000000ffffull; /* 0x10: data */
	gdt[3] = 0x00008b0000000067ull | (u64)TSS << 16;
	gdt[4] = 0x00af9b000000ffffull; /* 0x20: 64-bit code */
	/* Stacks of CPL 0. */
	tss[1] = tss_long[1] = STACK;
	tss[2] = 0x10;
	tss_long[2] = 0;
}

static void fill_page_tables(const struct child *c)
{
	u64 *pml4 = child_at(c, PML4);
	u64 *pdpt = child_at(c, PDPT_LONG);
	u64 *pae = child_at(c, BASES_PDPT);
	u64 *pd = child_at(c, PAGE_DIRECTORY);
	u64 *pt = child_at(c, PAGE_TABLE);
	u32 *directory = child_at(c, DIRECTORY_32);

	/* The lowest GiB stands at both ends of each half, and below 4 GiB. */
	pml4[0] = pml4[255] = pml4[256] = pml4[511] = PDPT_LONG | PTE_USER;
	pdpt[0] = pdpt[3] = pdpt[511] = PAGE_DIRECTORY | PTE_USER;
	/* Those of PAE paging are in the processor: here they may be anything. */
	for (u64 i = 0; i < 4; i++)
		pae[i] = random_next();
	for (u64 i = 0; i < 512; i++) {
		pd[i] = i << 21 | PDE_LARGE_USER;
		pt[i] = i << PAGE_SHIFT | PTE_USER;
	}
	/* The last page is that of the code. */
	pd[511] = PAGE_TABLE | PTE_USER;
	pt[511] = BASES_CODE | PTE_USER;
	for (u32 i = 0; i < 1024; i++)
		directory[i] = i << 22 | PDE_LARGE_USER;
}

/*
 * Jumps, calls and returns to another segment. In real mode they would give CS
 * any RPL, and Bochs alone wants that of its DPL at the next entry.
 */
static bool is_far(u8 opcode)
{
	static const u8 far[] = { 0x9a, 0xca, 0xcb, 0xcf, 0xea, 0xff };

	for (u32 i = 0; i < sizeof(far); i++)
		if (opcode == far[i])
			return true;
	return false;
}

void bases_fill(const struct child *c)
{
	u8 *random = child_at(c, BASES_RANDOM);

	fill_interrupt_tables(c);
	fill_descriptors(c);
	fill_page_tables(c);
	child_put(c, BASES_CODE, snippets, sizeof(snippets));
	child_put(c, HANDLER, handler, sizeof(handler));
	child_put(c, BASES_CODE + PAGE_SIZE - sizeof(last), last, sizeof(last));
	for (u32 i = 0; i < PAGE_SIZE; i++) {
		random[i] = (u8)random_next();
		if (is_far(random[i]))
			random[i] = NOP;
	}
}
