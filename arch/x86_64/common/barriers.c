/*
 * The barriers themselves. They cost only where the partition changes, so two VPs
 * of one child may learn of one another.
 */
#include "arch/x86_64/common/barriers.h"

#include "arch/x86_64/common/cpu_arch.h"
#include "arch/x86_64/common/msr.h"
#include "arch/x86_64/common/tables.h"
#include "include/handoff.h"

#define PRED_CMD_IBPB BIT(0)
#define FLUSH_CMD_L1D BIT(0)
#define RETURN_STACK 32u /* entries, at most */

static u32 used;

void barriers_init(u32 barriers)
{
	used = barriers;
}

/* Each CALL is an entry; what it leads to, if it is ever believed, only waits. */
static void refill_return_stack(void)
{
	u64 left = RETURN_STACK;

	__asm__ volatile("1:\n\t"
	                 "call 3f\n"
	                 "2:\n\t"
	                 "pause\n\t"
	                 "lfence\n\t"
	                 "jmp 2b\n"
	                 "3:\n\t"
	                 "add $8, %%rsp\n\t"
	                 "dec %0\n\t"
	                 "jnz 1b\n\t"
	                 "lfence"
	                 : "+r"(left)
	                 :
	                 : "cc", "memory");
}

/* With a selector in memory, that of a writable segment: the quick way. */
static void overwrite_buffers(void)
{
	static const u16 selector = SELECTOR_DATA;

	__asm__ volatile("verw %0" : : "m"(selector) : "cc");
}

void barriers_cross(const struct partition *to)
{
	struct cpu_arch *a = cpu_arch(arch_this_cpu());

	if (a->partition == to)
		return;
	a->partition = to;
	if (used & HANDOFF_BARRIER_BRANCHES)
		msr_write(MSR_IA32_PRED_CMD, PRED_CMD_IBPB);
	if (used & HANDOFF_BARRIER_RETURNS)
		refill_return_stack();
	if (used & HANDOFF_BARRIER_L1D)
		msr_write(MSR_IA32_FLUSH_CMD, FLUSH_CMD_L1D);
	if (used & HANDOFF_BARRIER_BUFFERS)
		overwrite_buffers();
}
