/*
 * States at random, and the memory that they run in.
 */
#include "tests/guest/lib/wildstate.h"

#include "parent/cpu.h"
#include "tests/guest/lib/random.h"
#include "tests/guest/lib/values.h"
#include "tests/guest/lib/wildcode.h"

#define IDT_LONG 0x2000u
#define IDT_32 0x3000u
#define GDT 0x3800u
#define GDT_ENTRIES 24u
#define TABLES_FIRST 0x5000u /* page tables of all kinds: six pages */
#define TABLES_PAGES 6u
#define PDPT_LONG 0x7000u
#define TSS 0x900u
#define TASK_GATE (0x40ull << 16 | 0xe500ull << 32)

#define PDE_LARGE_USER (PTE_USER | PTE_LARGE)
#define RFLAGS_CHANGED 0x3ffdd5u
#define CR4_CHANGED 0x3109df /* all but PAE, OSFXSR, OSXMMEXCPT, LA57, VMX */
#define APIC_ENABLED 0x1ffu

u32 wildstate_bits(const struct bases_vp *vp)
{
	u16 attributes = vp->segment->seg[1].attributes;

	if (attributes & RIGHTS_L)
		return 64;
	return attributes & RIGHTS_DB ? 32 : 16;
}

/* ---- Tables ---- */

/* All gates lead into the code. */
static void fill_gates(const struct child *c)
{
	u32 *vectors = child_at(c, 0);
	u64 *idt_32 = child_at(c, IDT_32);
	u64 *idt_long = child_at(c, IDT_LONG);
	u64 at;

	for (u32 i = 0; i < 256; i++) {
		at = random_below(WILD_CODE_SIZE);
		/* The real-mode table lies below its stack. */
		if (i < 0x80)
			vectors[i] = (u32)at | (WILD_CODE >> 4) << 16;
		at |= (u64)(WILD_CODE >> 16) << 48;
		idt_32[i] = random_one_in(32)
		                    ? TASK_GATE
		                    : at | 8ull << 16 | 0xee00ull << 32;
		idt_long[2 * i] = at | 0x20ull << 16 | 0xee00ull << 32;
		idt_long[2 * i + 1] = 0;
	}
}

/* Of any type that there is, and of any there is not. */
static u64 any_gate(void)
{
	u64 offset = wildplace_any();
	u64 type = random_one_in(2) ? 0x8e00 : random_next() & 0xff00;

	return (offset & 0xffff) | (offset >> 16) << 48 |
	       (u64)wildplace_selector() << 16 | type << 32;
}

static u64 any_descriptor(void)
{
	u64 base = random_one_in(2) ? 0 : wildplace_any();
	u64 limit = values_next(VALUES_LIMIT, 0, 0xffff) & 0xfffff;
	u64 rights = values_next(VALUES_RIGHTS, 0, 0xc093) & 0xf0ff;

	return (limit & 0xffff) | (base & 0xffffff) << 16 | rights << 40 |
	       (limit >> 16) << 48 | (base >> 24) << 56;
}

/* Somewhere, large or not, with rights and a reserved bit at times. */
static u64 any_entry(void)
{
	u64 entry = wildplace_any() & ~0xfffu;

	entry |= random_one_in(6) ? random_next() & 0xfff : PTE_USER;
	if (random_one_in(6))
		entry |= BIT(7);
	if (random_one_in(8))
		entry ^= BIT(random_below(64));
	return entry;
}

/* Code and data of CPL 3, a TSS, gates; the rest at random. */
static void fill_descriptors(const struct child *c)
{
	u64 *gdt = child_at(c, GDT);

	gdt[5] = 0x00cffb000000ffffull;
	gdt[6] = 0x00cff3000000ffffull;
	gdt[7] = 0x00affb000000ffffull;
	gdt[8] = 0x0000890000000067ull | (u64)TSS << 16;
	gdt[9] = 0;
	gdt[10] = any_gate();
	for (u32 i = 11; i < GDT_ENTRIES; i++)
		gdt[i] = random_one_in(2) ? any_descriptor() : any_gate();
}

/* 3 to 4 GiB: the APIC's page where it is, all else as below 1 GiB. */
static void fill_devices(const struct child *c)
{
	u64 *pdpt = child_at(c, PDPT_LONG);
	u64 *devices = child_at(c, WILD_DEVICES);

	for (u64 i = 0; i < 512; i++)
		devices[i] = i << 21 | PDE_LARGE_USER;
	devices[WILD_APIC >> 21 & 511] = (WILD_APIC & ~0x1fffffull) |
	                                 PDE_LARGE_USER;
	pdpt[3] = WILD_DEVICES | PTE_USER;
}

/* One word or a few, in tables of one kind. */
static void spoil(const struct child *c)
{
	u64 *table;

	switch (random_below(4)) {
	case 0:
		table = child_at(c, random_one_in(2) ? IDT_LONG : IDT_32);
		table[random_below(64)] = any_gate();
		break;
	case 1:
		table = child_at(c, GDT);
		table[random_below(GDT_ENTRIES)] ^= BIT(random_below(64));
		break;
	case 2:
		table = child_at(c, TSS);
		table[random_below(64)] = random_next();
		break;
	default:
		table = child_at(c, TABLES_FIRST + random_below(TABLES_PAGES) *
		                                           PAGE_SIZE);
		/* The first ones are those that matter. */
		table[random_one_in(2) ? random_below(4) : random_below(512)] =
			any_entry();
	}
}

static void fill_random(const struct child *c, u32 gpa, u32 size)
{
	u64 *words = child_at(c, gpa);

	for (u32 i = 0; i < size / sizeof(u64); i++)
		words[i] = random_one_in(2) ? any_entry() : random_next();
}

void wildstate_fill(const struct child *c, u32 bits)
{
	u64 *words = child_at(c, 0);

	/* Nothing is left of the life before. */
	for (u32 i = 0; i < WILD_PAGES * PAGE_SIZE / sizeof(*words); i++)
		words[i] = 0;
	bases_fill(c);
	fill_gates(c);
	fill_descriptors(c);
	fill_devices(c);
	wildcode_fill(child_at(c, WILD_CODE), WILD_CODE_SIZE, WILD_CODE, bits);
	fill_random(c, WILD_DATA, 0x400);
	fill_random(c, WILD_TABLES, 0x400);
	if (random_one_in(2))
		for (u32 i = 1 + random_below(6); i > 0; i--)
			spoil(c);
}

/* ---- Registers ---- */

/* Mostly where it is; else cut short, or anywhere. */
static void choose_table(struct stream_table *table)
{
	if (random_one_in(4))
		table->limit = (u16)values_next(VALUES_LIMIT, 0, table->limit);
	if (random_one_in(6))
		table->base = wildplace_any();
}

/* What covers pages, and ways into the system that MSRs hold. */
static u64 msr_value(u32 name, u64 old)
{
	switch (name) {
	case HV_REGISTER_GUEST_OS_ID:
		return 1;
	case HV_REGISTER_HYPERCALL:
		return WILD_OVERLAY | 1;
	case HV_REGISTER_REFERENCE_TSC:
		return (WILD_OVERLAY + 0x1000) | 1;
	case HV_REGISTER_SIMP:
		return (WILD_OVERLAY + 0x2000) | 1;
	case HV_REGISTER_SIEFP:
		return (WILD_OVERLAY + 0x3000) | 1;
	case HV_REGISTER_SCONTROL:
		return 1;
	case HV_REGISTER_STAR:
		return 0x00230008ull << 32 | WILD_CODE;
	case HV_REGISTER_LSTAR:
	case HV_REGISTER_CSTAR:
	case HV_REGISTER_SYSENTER_RIP:
		return WILD_CODE + random_below(WILD_CODE_SIZE);
	case HV_REGISTER_SYSENTER_RSP:
		return wildplace_any();
	case HV_REGISTER_SYSENTER_CS:
		return 8;
	default:
		return old;
	}
}

static void choose_msrs(struct bases_vp *vp)
{
	for (u32 i = 0; i < vp->msr_count; i++)
		if (!random_one_in(4))
			vp->msrs[i].value =
				msr_value(vp->msrs[i].name, vp->msrs[i].value);
}

/* Into the code; where 16 bits do not reach it, by a base of CS. */
static void choose_rip(struct bases_vp *vp)
{
	struct hv_segment *cs = &vp->segment->seg[1];

	vp->gp->rip = random_below(WILD_CODE_SIZE);
	if (cs->limit > 0xffff) {
		vp->gp->rip += WILD_CODE;
		return;
	}
	cs->base = WILD_CODE;
	if (!(vp->control->cr0 & CR0_PE) || (vp->gp->rflags & RFLAGS_VM))
		cs->selector = WILD_CODE >> 4;
}

/* What its processor may have: XSAVE, and one bit more. */
static void choose_control(struct bases_vp *vp)
{
	if ((cpu_cpuid(1).ecx & CPUID_1_ECX_XSAVE) && random_one_in(2))
		vp->control->cr4 |= CR4_OSXSAVE;
	if (random_one_in(4))
		vp->control->cr4 ^= random_bit_of(CR4_CHANGED);
	if (random_one_in(8))
		vp->control->cr0 ^= random_bit_of(0x4005002e);
}

/* Interrupts, ticks, and breakpoints on what it executes, reads or writes. */
static void choose_events(struct bases_vp *vp)
{
	if (random_one_in(2))
		vp->gp->rflags |= RFLAGS_IF;
	if (random_one_in(2))
		vp->apic->svr = APIC_ENABLED;
	if (random_one_in(4)) {
		vp->apic->lvt[0] = 0x20 + random_below(0xe0);
		vp->apic->lvt[0] |= random_one_in(2) ? 0x20000 : 0;
		vp->apic->initial_count = 1 + random_below(100000);
		vp->apic->timer_due = 1 + random_below(100000);
	}
	if (!random_one_in(4) || !wildcode_breaks)
		return;
	for (u32 i = 0; i < 4; i++)
		vp->debug->dr[i] = wildplace_any();
	vp->debug->dr7 = 0x400 | (random_next() & 0xffff00ff);
}

void wildstate_make(struct bases_vp *vp, u32 base)
{
	bases_make(vp, base);
	choose_rip(vp);
	for (u32 i = 0; i < 16; i++)
		if (i != 4)
			vp->gp->gpr[i] = random_one_in(2) ? wildplace_any()
			                                  : random_next();
	if (random_one_in(3))
		vp->gp->gpr[4] = wildplace_any();
	else if (vp->segment->seg[2].limit > 0xffff)
		vp->gp->gpr[4] = WILD_STACK + 0xff0;
	if (random_one_in(3))
		vp->gp->rflags ^= random_bit_of(RFLAGS_CHANGED);
	if (vp->control->cr0 & CR0_PE) {
		vp->table->gdtr.limit = GDT_ENTRIES * 8 - 1;
		choose_table(&vp->table->gdtr);
	}
	choose_table(&vp->table->idtr);
	choose_control(vp);
	choose_events(vp);
	choose_msrs(vp);
	if (vp->events->pdpte[0])
		vp->events->pdpte[3] = WILD_DEVICES | 1;
}
