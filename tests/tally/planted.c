/*
 * Raises the fault that a test has planted (planted.h), once.
 */
#include "tests/tally/planted.h"

#include "arch/x86_64/common/tally.h"
#include "hv/arch.h"
#include "hv/base/check.h"
#include "hv/base/cpu.h"
#include "hv/call/hypercall.h"

#define UNMAPPED_ADDRESS 0x0000700000000000ull
#define RECURSION_BYTES 512

u32 planted;

void tally_begin(u32 fault)
{
	planted = fault;
}

/* Runs the stack down to its guard page; the volatile keeps the frames. */
static u64 overflow_stack(u64 depth)
{
	volatile u8 frame[RECURSION_BYTES];

	frame[depth % RECURSION_BYTES] = (u8)depth;
	if (depth == ~0ull)
		return 0;
	return overflow_stack(depth + 1) + frame[depth % RECURSION_BYTES];
}

/* Not inlined: a report of it names this function. */
__attribute__((noinline)) void planted_call(u32 code)
{
	const struct hypercall *call;
	u32 fault = planted & PLANTED_FAULT;
	u32 on = planted >> PLANTED_ON_SHIFT & 0xff;
	u32 at = planted >> PLANTED_CALL_SHIFT;

	if (fault == PLANTED_NONE || (at && at != code) ||
	    (on && on - 1 != arch_this_cpu()->index))
		return;
	call = hypercall_find(code);
	arch_this_cpu()->doing = call ? call->name : NULL;

	planted = PLANTED_NONE;
	CHECK(fault != PLANTED_CHECK);
	if (fault == PLANTED_EXCEPTION)
		*(volatile const u8 *)UNMAPPED_ADDRESS;
	if (fault == PLANTED_STACK)
		overflow_stack(0);
	while (fault == PLANTED_HANG)
		__asm__ volatile("pause");
}

void planted_exit(void)
{
	if ((planted >> PLANTED_ON_SHIFT & 0xff) > 1)
		planted_call(0);
}
