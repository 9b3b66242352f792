/*
 * Four things may happen while the hypervisor runs: an NMI, which is the root's or a kick;
 * an interrupt that has been let in; a #GP of an instruction run for a guest (safe.c); or
 * our own bug.
 */
#include "arch/x86_64/common/fault.h"

#include "arch/x86_64/common/cpu_arch.h"
#include "arch/x86_64/common/machine.h"
#include "arch/x86_64/common/regs.h"
#include "arch/x86_64/common/report.h"
#include "arch/x86_64/common/vendor.h"

extern const u8 wait_for_nmi_end[]; /* entry.asm */

/* Where one that comes between the look for it and HLT goes on, else it is slept through. */
static u64 behind_halt(u64 rip)
{
	return rip >= (u64)wait_for_nmi && rip < (u64)wait_for_nmi_end
	               ? (u64)wait_for_nmi_end
	               : rip;
}

static void handle_nmi(struct fault_frame *frame)
{
	struct cpu_arch *a = cpu_arch(arch_this_cpu());

	if (machine_has_stopped()) {
		__atomic_store_n(&a->stopped, frame->rip, __ATOMIC_RELEASE);
		halt_forever();
	}
	a->nmi_arrived = true;
	frame->rip = behind_halt(vendor_nmi_return(frame->rip));
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

static bool handle_interrupt(struct fault_frame *frame)
{
	struct cpu_arch *a = cpu_arch(arch_this_cpu());

	if (!a->open)
		return false;
	a->taken = (u32)frame->vector;
	frame->rflags &= ~RFLAGS_IF;
	return true;
}

u32 fault_take_interrupt(void (*window)(void))
{
	struct cpu_arch *a = cpu_arch(arch_this_cpu());

	a->taken = 0;
	a->open = true;
	window();
	a->open = false;
	return a->taken;
}

void fault_handle(struct fault_frame *frame)
{
	if (frame->vector == VECTOR_NMI)
		handle_nmi(frame);
	else if (!handle_interrupt(frame) && !handle_recovery(frame))
		report_exception(frame);
}
