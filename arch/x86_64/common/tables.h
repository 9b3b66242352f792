/*
 * The hypervisor's descriptor tables and stacks.
 */
#ifndef ARCH_TABLES_H
#define ARCH_TABLES_H

#include "arch/x86_64/common/asm_offsets.h"
#include "arch/x86_64/common/regs.h"
#include "hv/base/cpu.h"

#define SELECTOR_CODE 8
#define SELECTOR_DATA 16
#define SELECTOR_TSS 24

#define STACK_SIZE 32768

/* The lowest page is never mapped. */
struct stack {
	_Alignas(PAGE_SIZE) u8 guard[PAGE_SIZE];
	u8 bytes[STACK_SIZE];
};
_Static_assert(sizeof(struct stack) == STACK_FIRST_TOP, "asm_offsets.h");

enum stack_use { STACK_MAIN, STACK_NMI, STACK_MC, STACK_DF, STACKS };

/* First address above a stack of the processor. */
u64 tables_stack_top(struct cpu *cpu, enum stack_use use);

/*
 * Fills GDT, TSS and IDT of a processor, loads nothing. NMI, #MC and #DF have
 * stacks of their own: the task register is to be loaded before the IDT.
 */
void tables_init(struct cpu *cpu);

struct descriptor_table tables_gdt(struct cpu *cpu);
struct descriptor_table tables_idt(void);
u64 tables_tss(struct cpu *cpu);

#endif
