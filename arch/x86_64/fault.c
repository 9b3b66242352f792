/*
 * Three things may happen while the hypervisor runs: an NMI, which is the
 * root's; a #GP of an instruction run for a guest (safe.c); or our own bug.
 */
#include "arch/x86_64/fault.h"

#include "arch/x86_64/cpu_arch.h"
#include "arch/x86_64/regs.h"
#include "arch/x86_64/report.h"
#include "hv/base/check.h"
#include "hv/base/cpu.h"
#include "hv/call/hypercall.h"
#include "include/handoff.h"

#define UNMAPPED_ADDRESS 0x0000700000000000ull
#define RECURSION_BYTES 512

/* exit.asm */
extern const u8 vm_window_start[], vm_window_end[], vm_window_restart[];

static u32 planted;

static void handle_nmi(struct fault_frame *frame)
{
	cpu_arch(arch_this_cpu())->nmi_arrived = true;
	if (frame->rip > (u64)vm_window_start &&
	    frame->rip < (u64)vm_window_end)
		frame->rip = (u64)vm_window_restart;
}

static bool handle_recovery(struct fault_frame *frame)
{
	struct cpu_arch *a = cpu_arch(arch_this_cpu());

	if (frame->vector != VECTOR_GP || !a->recover)
		return false;
	frame->rip = a->recover;
	frame->rflags |= RFLAGS_CF;
	return true;
}

void fault_handle(struct fault_frame *frame)
{
	if (frame->vector == VECTOR_NMI)
		handle_nmi(frame);
	else if (!handle_recovery(frame))
		report_exception(frame);
}

void fault_plant(u32 fault)
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

void fault_raise_planted(u32 code)
{
	const struct hypercall *call;
	u32 fault = planted;

	if (fault == HANDOFF_FAULT_NONE)
		return;
	call = hypercall_find(code);
	arch_this_cpu()->doing = call ? call->name : NULL;

	planted = HANDOFF_FAULT_NONE;
	CHECK(fault != HANDOFF_FAULT_CHECK);
	if (fault == HANDOFF_FAULT_EXCEPTION)
		*(volatile const u8 *)UNMAPPED_ADDRESS;
	if (fault == HANDOFF_FAULT_STACK)
		overflow_stack(0);
}
