/*
 * Saves, leaves and restores the firmware's environment, and turns it into the
 * first state of the root VP.
 */
#include "arch/x86_64/common/environment.h"

#include "arch/x86_64/common/cpu_arch.h"
#include "arch/x86_64/common/msr.h"
#include "arch/x86_64/common/paging.h"
#include "arch/x86_64/common/processor.h"
#include "arch/x86_64/common/regs.h"
#include "arch/x86_64/common/switch.h"
#include "arch/x86_64/common/tables.h"
#include "arch/x86_64/common/vendor.h"

#define TSS_LIMIT 0x67
/* Which rights make a TSS of 64-bit mode, busy or not (SDM 3.5). */
#define TSS_RIGHTS (RIGHTS_P | RIGHTS_S | (RIGHTS_TYPE & ~TYPE_BUSY))

/* In the firmware's GDT. NULL: a null selector, or not there. */
static u64 *descriptor_at(const struct firmware *f, u16 selector)
{
	u64 offset = selector & SELECTOR_INDEX;

	if (!offset || (selector & SELECTOR_TI) ||
	    offset + sizeof(u64) - 1 > f->gdt.limit)
		return NULL;
	return (u64 *)(f->gdt.base + offset);
}

/* Copied now: the firmware's GDT may be where our page tables map nothing. */
static void save_descriptor(struct firmware *f, enum vp_segment index)
{
	u16 selector = f->selectors[index];
	struct firmware_descriptor *d = &f->descriptors[index];
	const u64 *entry = descriptor_at(f, selector);

	*d = (struct firmware_descriptor){ 0 };
	if (!entry)
		return;
	d->low = *entry;
	if (!(d->low >> 40 & RIGHTS_S) && descriptor_at(f, selector + 8))
		d->high = entry[1];
}

/* A start that was refused leaves our selector in TR, which is no TSS here. */
static void save_task_register(struct firmware *f)
{
	u64 rights = f->descriptors[VP_TR].low >> 40;

	if ((rights & TSS_RIGHTS) == (RIGHTS_BUSY_TSS & TSS_RIGHTS))
		return;
	f->selectors[VP_TR] = 0;
	f->descriptors[VP_TR] = (struct firmware_descriptor){ 0 };
}

void environment_save(struct cpu *cpu)
{
	struct firmware *f = &processor_of(cpu)->firmware;

	f->cr0 = cr0_read();
	f->cr3 = cr3_read();
	f->cr4 = cr4_read();
	f->efer = msr_read(MSR_IA32_EFER);
	f->fs_base = msr_read(MSR_IA32_FS_BASE);
	f->gs_base = msr_read(MSR_IA32_GS_BASE);
	f->dr7 = dr7_read();
	f->gdt = gdt_read();
	f->idt = idt_read();
	f->selectors[VP_ES] = (u16)es_read();
	f->selectors[VP_CS] = (u16)cs_read();
	f->selectors[VP_SS] = (u16)ss_read();
	f->selectors[VP_DS] = (u16)ds_read();
	f->selectors[VP_FS] = (u16)fs_read();
	f->selectors[VP_GS] = (u16)gs_read();
	f->selectors[VP_LDTR] = ldtr_read();
	f->selectors[VP_TR] = tr_read();
	for (u32 i = 0; i < VP_SEGMENTS; i++)
		save_descriptor(f, (enum vp_segment)i);
	save_task_register(f);
}

/*
 * An NMI or a machine check may come at any time. Descriptors and handlers of
 * ours, with the task register that has their stacks, are there while the
 * firmware's page tables still are: in ours its handlers are not executable.
 * Both sets of tables have our image where it is. From LGDT to LIDT, here and
 * on the way back, a gate finds the other's GDT; no order avoids that.
 */
static void enter_tables(struct cpu *cpu)
{
	dr7_write(DR7_FIXED);
	gdt_write(tables_gdt(cpu));
	cs_write(SELECTOR_CODE);
	data_segments_write(SELECTOR_DATA, SELECTOR_DATA, SELECTOR_DATA);
	fs_gs_write(SELECTOR_DATA, SELECTOR_DATA);
	msr_write(MSR_IA32_FS_BASE, 0);
	msr_write(MSR_IA32_GS_BASE, (u64)cpu);
	tr_write(SELECTOR_TSS);
	idt_write(tables_idt());
}

/*
 * EFER first, as our page tables have pages that are not executable; CR4 last,
 * as with SMEP the firmware's may have none that are ours to execute.
 */
void environment_enter(struct cpu *cpu)
{
	const struct firmware *f = &processor_of(cpu)->firmware;
	struct vendor_registers ours = vendor_registers();

	enter_tables(cpu);
	msr_write(MSR_IA32_EFER, f->efer | EFER_NXE);
	cr3_write(paging_root());
	cr0_write(ours.cr0 | (f->cr0 & (CR0_CD | CR0_NW)));
	cr4_write(ours.cr4);
}

/* A null task register cannot be had back: ours stays then. */
static void leave_system_segments(const struct firmware *f)
{
	u16 tr = f->selectors[VP_TR];

	if (f->selectors[VP_LDTR] != ldtr_read())
		__asm__ volatile("lldt %0" : : "r"(f->selectors[VP_LDTR]));
	if (!f->descriptors[VP_TR].low)
		return;
	*descriptor_at(f, tr) &= ~((u64)TYPE_BUSY << 40);
	tr_write(tr);
}

/* environment_enter, backwards. */
void environment_leave(struct cpu *cpu)
{
	const struct firmware *f = &processor_of(cpu)->firmware;
	const u16 *s = f->selectors;

	cr4_write(f->cr4);
	cr0_write(f->cr0);
	cr3_write(f->cr3);
	msr_write(MSR_IA32_EFER, f->efer);
	idt_write(f->idt);
	gdt_write(f->gdt);
	cs_write(s[VP_CS]);
	data_segments_write(s[VP_DS], s[VP_ES], s[VP_SS]);
	fs_gs_write(s[VP_FS], s[VP_GS]);
	msr_write(MSR_IA32_FS_BASE, f->fs_base);
	msr_write(MSR_IA32_GS_BASE, f->gs_base);
	leave_system_segments(f);
	dr7_write(f->dr7);
}

/* ---- The root VP ---- */

static u64 descriptor_base(struct firmware_descriptor d)
{
	u64 base = (d.low >> 16 & 0xffffff) | (d.low >> 56) << 24;

	/* Descriptors of the system have 64-bit bases. */
	return (d.low >> 40 & RIGHTS_S) ? base : base | d.high << 32;
}

static u32 descriptor_limit(u64 d)
{
	u32 limit = (u32)((d & 0xffff) | (d >> 32 & 0xf0000));

	return d >> 40 & RIGHTS_G ? limit << 12 | 0xfff : limit;
}

/* Hidden parts as the processor loaded them (SDM 3.4.3). */
static void capture_segment(struct hv_segment *s, const struct firmware *f,
                            enum vp_segment index)
{
	struct firmware_descriptor d = f->descriptors[index];

	*s = (struct hv_segment){ .selector = f->selectors[index] };
	if (!d.low)
		return;
	s->base = descriptor_base(d);
	s->limit = descriptor_limit(d.low);
	s->attributes = (u16)(d.low >> 40 & RIGHTS_MASK);
	if (s->attributes & RIGHTS_S)
		s->attributes |= TYPE_ACCESSED;
}

static void capture_general(struct vp_state *s,
                            const struct firmware_frame *frame)
{
	s->gpr[VP_RAX] = 0; /* HANDOFF_OK */
	s->gpr[VP_RBX] = frame->rbx;
	s->gpr[VP_RBP] = frame->rbp;
	s->gpr[VP_RSP] = (u64)(frame + 1);
	s->gpr[12] = frame->r12;
	s->gpr[13] = frame->r13;
	s->gpr[14] = frame->r14;
	s->gpr[15] = frame->r15;
	s->rip = frame->rip;
	s->rflags = frame->rflags;
}

/*
 * A state that can be entered has a task register (entry_rules.c), which UEFI firmware need
 * not have, and a busy one, which the descriptor does not show where the GDT was copied
 * since.
 */
static void capture_task_register(struct hv_segment *tr)
{
	if (tr->attributes & RIGHTS_P) {
		tr->attributes |= TYPE_BUSY;
		return;
	}
	tr->limit = TSS_LIMIT;
	tr->attributes = RIGHTS_BUSY_TSS;
}

static void capture_msrs(struct vp_state *s)
{
	s->pat = msr_read(MSR_IA32_PAT);
	s->kernel_gs_base = msr_read(MSR_IA32_KERNEL_GS_BASE);
	s->sysenter_cs = msr_read(MSR_IA32_SYSENTER_CS);
	s->sysenter_rsp = msr_read(MSR_IA32_SYSENTER_ESP);
	s->sysenter_rip = msr_read(MSR_IA32_SYSENTER_EIP);
	if (!msr_read_safe(MSR_IA32_DEBUGCTL, &s->debugctl))
		s->debugctl = 0;
}

void environment_capture(struct vp *root)
{
	const struct firmware *f = &processor_of(root->cpu)->firmware;
	struct vp_state *s = &root->state;

	/* What the VMCS does not hold is live: the root is resident already. */
	switch_begin(root);
	switch_save_if_resident(root);
	capture_general(s, (const struct firmware_frame *)f->frame);
	capture_msrs(s);
	s->cr2 = cr2_read();
	s->dr6 = dr6_read();
	s->efer = f->efer;
	s->cr0 = f->cr0;
	s->cr3 = f->cr3;
	s->cr4 = f->cr4;
	s->dr7 = f->dr7;
	s->gdtr = (struct vp_table){ f->gdt.base, f->gdt.limit };
	s->idtr = (struct vp_table){ f->idt.base, f->idt.limit };
	for (u32 i = 0; i < VP_SEGMENTS; i++)
		capture_segment(&s->segment[i], f, (enum vp_segment)i);
	capture_task_register(&s->segment[VP_TR]);
	s->segment[VP_FS].base = f->fs_base;
	s->segment[VP_GS].base = f->gs_base;
	s->activity = s->interrupt_state = 0;
	s->pending_interruption = s->pending_debug = s->tsc_offset = 0;
	root->cached = root->dirty = VP_PART_ALL;
}
