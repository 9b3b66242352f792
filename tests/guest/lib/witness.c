/*
 * The child's tables and handlers, and the parent's way to what they wrote.
 */
#include "tests/guest/lib/witness.h"

#include <efi.h>

#include "tests/guest/lib/gate.h"
#include "tests/guest/lib/insn.h"
#include "tests/guest/lib/serial.h"
#include "tests/guest/lib/test.h"

#define GATES (WITNESS_VECTOR + 1)
#define OWN_TSS 40
#define PDE_LARGE_UC (PTE_RW | PTE_PCD | PTE_LARGE)

/* What a handler calls: no vector registers there either. */
#define CALLED \
	__attribute__((no_caller_saved_registers, target("general-regs-only")))

struct witness witness;

static struct gate gates[GATES];
static u64 descriptors[7] = {
	0,
	0x00209b0000000000,
	0x00cf93000000ffff, /* code, data */
	0x00cff3000000ffff,
	0x0020fb0000000000, /* the same of CPL 3 */
};
/* SDM 7.7: IST 1 at 36. */
static _Alignas(8) u32 tss[26];
static _Alignas(PAGE_SIZE) u64 apic_directory[512];

CALLED static void note(struct frame *frame, u32 vector, u64 error)
{
	struct witness_record *r = &witness.record[witness.count];

	if (witness.count == WITNESS_RECORDS)
		insn_out32(WITNESS_PORT, 0xf011);
	witness.count++;
	*r = (struct witness_record){ .vector = vector,
		                      .error = error,
		                      .rip = frame->rip,
		                      .flags = frame->rflags };
	__asm__ volatile("mov %%dr6, %0" : "=r"(r->dr6));
	__asm__ volatile("mov %%dr7, %0" : "=r"(r->dr7));
	if (vector == VECTOR_DB)
		__asm__ volatile("mov %0, %%dr6" : : "r"(DR6_FIXED));
	if (vector == VECTOR_DB && witness.steps && --witness.steps == 0)
		frame->rflags &= ~RFLAGS_TF;
	if (vector == VECTOR_DB && witness.rf)
		frame->rflags |= RFLAGS_RF;
	if (vector >= VECTOR_UD && vector < 32) {
		/* Nobody expects it: that is the end. */
		if (!witness.resume)
			insn_out32(WITNESS_PORT, 0xbad);
		frame->rip = witness.resume;
		witness.resume = 0;
	}
}

HANDLER static void handle_db(struct frame *frame)
{
	note(frame, VECTOR_DB, 0);
}

HANDLER static void handle_nmi(struct frame *frame)
{
	note(frame, VECTOR_NMI, 0);
}

HANDLER static void handle_ud(struct frame *frame)
{
	note(frame, VECTOR_UD, 0);
}

HANDLER static void handle_df(struct frame *frame, u64 error)
{
	note(frame, VECTOR_DF, error);
}

HANDLER static void handle_gp(struct frame *frame, u64 error)
{
	note(frame, VECTOR_GP, error);
}

HANDLER static void handle_ac(struct frame *frame, u64 error)
{
	note(frame, VECTOR_AC, error);
}

HANDLER static void handle_interrupt(struct frame *frame)
{
	note(frame, WITNESS_VECTOR, 0);
	cpu_write_msr(HV_MSR_EOI, 0);
}

static void set_gate(u32 vector, u64 handler)
{
	gates[vector] = (struct gate){
		.offset0 = (u16)handler,
		.selector = GATE_SELECTOR,
		.flags = GATE_INTERRUPT,
		.offset16 = (u16)(handler >> 16),
		.offset32 = (u32)(handler >> 32),
	};
}

void witness_begin(void)
{
	const struct descriptor_table idt = { sizeof(gates) - 1, (u64)gates };
	const struct descriptor_table gdt = { sizeof(descriptors) - 1,
		                              (u64)descriptors };
	u64 base = (u64)tss;

	set_gate(VECTOR_DB, (u64)handle_db);
	set_gate(VECTOR_NMI, (u64)handle_nmi);
	set_gate(VECTOR_UD, (u64)handle_ud);
	set_gate(VECTOR_DF, (u64)handle_df);
	set_gate(VECTOR_GP, (u64)handle_gp);
	set_gate(VECTOR_AC, (u64)handle_ac);
	set_gate(WITNESS_VECTOR, (u64)handle_interrupt);
	descriptors[5] = 0x0000890000000000 | (sizeof(tss) - 1) |
	                 (base & 0xffffff) << 16 | (base >> 24 & 0xff) << 56;
	descriptors[6] = base >> 32;
	__asm__ volatile("lgdt %0; lidt %1; ltr %w2"
	                 :
	                 : "m"(gdt), "m"(idt), "r"(OWN_TSS)
	                 : "memory");
}

void witness_use_stack(u32 vector, u64 top)
{
	tss[9] = (u32)top;
	tss[10] = (u32)(top >> 32);
	gates[vector].flags |= 1;
}

void witness_end(void)
{
	insn_out32(WITNESS_PORT, WITNESS_DONE);
}

/* ---- In the parent ---- */

static void map_apic(const struct child *c)
{
	u64 pdpt = c->base + (c->pages - CHILD_TABLES + 1) * PAGE_SIZE;

	*(u64 *)child_at(c, pdpt + 3 * 8) = (u64)apic_directory | PTE_RW;
	*(u64 *)child_at(c, (u64)(apic_directory + 503)) = WITNESS_APIC |
	                                                   PDE_LARGE_UC;
}

bool witness_create(struct child *c, void (*function)(u64 a, u64 b), u64 a)
{
	if (!child_fork(c, function, a, 0) ||
	    !child_intercept_out(c, WITNESS_PORT))
		return false;
	map_apic(c);
	return true;
}

bool witness_finish(struct child *c)
{
	u64 value = 0;

	if (!child_run_to_out(c, WITNESS_PORT, &value) ||
	    !EXPECT_EQUAL((u32)value, WITNESS_DONE)) {
		witness_print(c);
		return false;
	}
	return true;
}

bool witness_run(struct child *c, void (*function)(u64 a, u64 b), u64 a)
{
	return witness_create(c, function, a) && witness_finish(c);
}

struct witness *witness_of(const struct child *c)
{
	return child_at(c, (u64)&witness);
}

const struct witness_record *witness_record(const struct child *c, u32 i)
{
	return &witness_of(c)->record[i];
}

bool witness_count_is(const struct child *c, u32 count)
{
	if (EXPECT_EQUAL(witness_of(c)->count, count))
		return true;
	witness_print(c);
	return false;
}

void witness_print(const struct child *c)
{
	const struct witness *w = witness_of(c);

	for (u32 i = 0; i < w->count; i++)
		serial_print("  vector %x error %x rip %x rflags %x dr6 %x\r\n",
		             w->record[i].vector, w->record[i].error,
		             w->record[i].rip, w->record[i].flags,
		             w->record[i].dr6);
}
