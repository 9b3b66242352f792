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
#include "include/handoff.h"

#define PROCESSOR_VENDOR_PAGES 4 /* whose addresses are in its control blocks */

struct processor {
	struct stack stacks[STACKS]; /* first: entry.asm */
	_Alignas(PAGE_SIZE) u8 vendor[PROCESSOR_VENDOR_PAGES][PAGE_SIZE];
	struct cpu cpu;
	struct counters counters;
	struct firmware firmware;
};
_Static_assert(offsetof(struct processor, stacks) == 0, "entry.asm");

_Static_assert(sizeof(struct processor) <= HANDOFF_PROCESSOR_BYTES &&
                       HANDOFF_PROCESSOR_BYTES == 1 << PROCESSOR_SHIFT &&
                       HANDOFF_PROCESSORS == PROCESSORS,
               "handoff.h, asm_offsets.h");

/* The one that boot runs on, and where the others begin: 1, 2, ... */
extern struct processor boot_processor;
extern u8 *other_processors;

/* By its number. */
static inline struct processor *processor_at(u32 index)
{
	u8 *at = other_processors + (u64)(index - 1) * HANDOFF_PROCESSOR_BYTES;

	return index == 0 ? &boot_processor : (struct processor *)(void *)at;
}

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
