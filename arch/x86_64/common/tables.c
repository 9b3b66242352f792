/*
 * GDT, TSS, IDT (SDM 3.4.5, 6.14, 7.2.3) and the stacks.
 */
#include "arch/x86_64/common/tables.h"

#include "arch/x86_64/common/cpu_arch.h"
#include "arch/x86_64/common/processor.h"

#define GDT_CODE_64 0x00209b0000000000ull
#define GDT_DATA 0x00cf930000000000ull
#define GDT_TSS_AVAILABLE 0x0000890000000000ull

struct gate {
	u64 low;
	u64 high;
};

/*
 * One for all processors, constant after start-up: a gate names a stack by its place
 * in the TSS, and the TSS is the processor's own.
 */
static _Alignas(PAGE_SIZE) struct gate idt[VECTORS];

extern const u8 vector_stubs[]; /* entry.asm */

static const struct {
	u8 vector;
	enum stack_use use;
} ist_rows[] = {
	{ VECTOR_NMI, STACK_NMI },
	{ VECTOR_MC, STACK_MC },
	{ VECTOR_DF, STACK_DF },
};

u64 tables_stack_top(struct cpu *cpu, enum stack_use use)
{
	return (u64)(processor_of(cpu)->stacks[use].bytes + STACK_SIZE);
}

static void idt_init(void)
{
	for (u64 i = 0; i < VECTORS; i++) {
		u64 stub = (u64)vector_stubs + i * STUB_SIZE;

		idt[i].low = (stub & 0xffff) | (u64)SELECTOR_CODE << 16 |
		             GATE_INTERRUPT << 32 | (stub >> 16 & 0xffff) << 48;
		idt[i].high = stub >> 32;
	}
	for (u64 i = 0; i < ARRAY_LEN(ist_rows); i++)
		idt[ist_rows[i].vector].low |= (i + 1) << 32;
}

static void tss_init(struct cpu *cpu)
{
	struct tss *tss = &cpu_arch(cpu)->tss;

	for (u32 i = 0; i < ARRAY_LEN(ist_rows); i++) {
		u64 stack = tables_stack_top(cpu, ist_rows[i].use);

		tss->ist[2 * i] = (u32)stack;
		tss->ist[2 * i + 1] = (u32)(stack >> 32);
	}
	tss->io_map = sizeof(*tss);
}

void tables_init(struct cpu *cpu)
{
	struct cpu_arch *a = cpu_arch(cpu);
	u64 tss = tables_tss(cpu);

	a->stack_top = tables_stack_top(cpu, STACK_MAIN);
	a->gdt[1] = GDT_CODE_64;
	a->gdt[2] = GDT_DATA;
	a->gdt[3] = GDT_TSS_AVAILABLE | (sizeof(struct tss) - 1) |
	            (tss & 0xffffff) << 16 | (tss >> 24 & 0xff) << 56;
	a->gdt[4] = tss >> 32;
	tss_init(cpu);
	idt_init();
}

struct descriptor_table tables_gdt(struct cpu *cpu)
{
	struct cpu_arch *a = cpu_arch(cpu);

	return (struct descriptor_table){ sizeof(a->gdt) - 1, (u64)a->gdt };
}

struct descriptor_table tables_idt(void)
{
	return (struct descriptor_table){ sizeof(idt) - 1, (u64)idt };
}

u64 tables_tss(struct cpu *cpu)
{
	return (u64)&cpu_arch(cpu)->tss;
}
