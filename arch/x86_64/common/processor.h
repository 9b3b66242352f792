/*
 * All that a logical processor has for itself. struct cpu is what hv/ knows of it;
 * beside that stand the pages that the processor is given the address of, and what
 * it goes back to when a launch is refused.
 */
#ifndef ARCH_PROCESSOR_H
#define ARCH_PROCESSOR_H

#include "arch/x86_64/common/environment.h"
#include "arch/x86_64/common/tables.h"
#include "hv/arch.h"

#define PROCESSOR_VENDOR_PAGES 4 /* whose addresses are in its control blocks */

struct processor {
	struct stack stacks[STACKS]; /* first: entry.asm */
	_Alignas(PAGE_SIZE) u8 vendor[PROCESSOR_VENDOR_PAGES][PAGE_SIZE];
	struct cpu cpu;
	struct counters counters;
	struct firmware firmware;
};
_Static_assert(offsetof(struct processor, stacks) == 0, "entry.asm");

/* The one that boot runs on. */
extern struct processor boot_processor;

static inline struct processor *processor_of(struct cpu *cpu)
{
	return (struct processor *)(void *)((u8 *)cpu -
	                                    offsetof(struct processor, cpu));
}

/* From environment_enter on, when GS is ours. */
static inline struct processor *processor_this(void)
{
	return processor_of(arch_this_cpu());
}

#endif
