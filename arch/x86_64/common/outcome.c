/*
 * What becomes of an exit: the instruction is done, or faults, or the VP could not even
 * be entered. The same for all vendors.
 */
#include "arch/x86_64/common/outcome.h"

#include "arch/x86_64/common/cpu_arch.h"
#include "arch/x86_64/common/enter.h"
#include "arch/x86_64/common/report.h"
#include "arch/x86_64/common/start.h"
#include "arch/x86_64/common/vendor.h"
#include "hv/base/check.h"
#include "hv/base/log.h"
#include "hv/call/cost.h"
#include "hv/call/hypercall.h"
#include "hv/run/merge.h"
#include "hv/vp/partition.h"
#include "include/x86.h"

enum exit_outcome outcome_shut_down(struct vp *vp)
{
	if (vp->is_root)
		report_reset("a triple fault");
	return exit_triple_fault(vp);
}

/* ---- Faults ---- */

/*
 * Of the exceptions that we raise #GP and #DF have an error code; in real mode none is
 * pushed.
 */
static bool has_error(struct vp *vp, enum vector vector)
{
	u64 cr0 = vp->cached & VP_PART_CORE ? vp->state.cr0
	                                    : vendor_peek(vp, VENDOR_CR0);

	return (vector == VECTOR_GP || vector == VECTOR_DF) && (cr0 & CR0_PE);
}

/* The parent may intercept an exception of ours as any other of the child's. */
static void raise(struct vp *vp, enum vector vector, u32 error)
{
	struct exit_exception e = {
		.vector = (u8)vector,
		.has_error = has_error(vp, vector),
	};

	/* These are faults, the others aborts (SDM table 6-1). */
	if (vector == VECTOR_UD || vector == VECTOR_GP)
		vendor_retry(vp);
	if (e.has_error)
		e.error = error;
	if (!vp->is_root && (vp->partition->exceptions >> vector & 1)) {
		exit_exception(vp, &e);
		return;
	}
	vendor_inject(vp, &(struct vendor_event){
				  .type = HV_PENDING_TYPE_EXCEPTION,
				  .vector = e.vector,
				  .has_error = e.has_error,
				  .error = e.error,
			  });
}

/*
 * In the middle of a delivery it is one fault more. The parent sees the event
 * beside it, as with any exit there; else the new one takes its place.
 */
static void raise_in_delivery(struct vp *vp, const struct vendor_event *first,
                              enum vector vector)
{
	switch (merge_events(first->type, first->vector, (u8)vector)) {
	case MERGE_SERIAL:
		if (!(vp->partition->exceptions >> vector & 1))
			vendor_drop(vp);
		raise(vp, vector, merge_error(first->type));
		break;
	case MERGE_DOUBLE_FAULT:
		vendor_drop(vp);
		raise(vp, VECTOR_DF, 0);
		break;
	case MERGE_SHUTDOWN:
		vendor_drop(vp);
		outcome_shut_down(vp);
		break;
	}
}

static void raise_fault(struct vp *vp, enum vector vector)
{
	struct vendor_event first;

	if (vendor_delivering(vp, &first))
		raise_in_delivery(vp, &first, vector);
	else
		raise(vp, vector, 0);
}

/* ---- From an exit to the next entry ---- */

static void carry_out(struct vp *vp, enum exit_outcome outcome)
{
	switch (outcome) {
	case EXIT_SKIP:
	case EXIT_HALTED:
		vendor_skip(vp);
		break;
	case EXIT_FAULT_UD:
		raise_fault(vp, VECTOR_UD);
		break;
	case EXIT_FAULT_GP:
		raise_fault(vp, VECTOR_GP);
		break;
	case EXIT_FAULT_MC:
		raise_fault(vp, VECTOR_MC);
		break;
	case EXIT_AGAIN:
	case EXIT_SUSPENDED:
	case EXIT_NATIVE:
		break;
	}
}

void outcome_begin(struct exit *x)
{
	struct cpu *cpu = arch_this_cpu();

	CHECK(x->vp == cpu->current);
	x->event = SCHED_GO_ON;
	sched_exited(cpu, x->began);
}

void outcome_has_run(struct vp *vp)
{
	cpu_arch(arch_this_cpu())->started = true;
	vp->cached = VP_PART_OURS;
	vp->dirty = 0;
}

/*
 * The next VP is prepared inside of what is measured: its caller waits for that, too.
 * One place calls it, on the way of every exit, in another file: inlined there.
 */
__attribute__((always_inline)) inline struct vp *outcome_finish(
	struct exit *x, enum exit_outcome outcome)
{
	struct cpu *cpu = arch_this_cpu();
	bool is_root =
		x->vp->is_root; /* that VP may be gone behind the way in */
	struct vp *next;
	u64 ticks;

	carry_out(x->vp, outcome);
	next = enter_next(cpu, x->event);
	ticks = arch_tsc() - x->began;
	if (x->is_call)
		cost_note(cpu->counters, hypercall_slot(x->call), ticks);
	else
		cost_exit(cpu->counters,
		          is_root ? HV_COUNTER_ROOT_EXIT
		                  : HV_COUNTER_CHILD_EXIT,
		          x->reason, ticks);
	return next;
}

/* EIP that the processor has let run over 4 GiB, and takes no more (vp_confine.c). */
static bool is_put_right(struct vp *vp)
{
	if (!(vendor_peek(vp, VENDOR_RIP) >> 32))
		return false;
	vp_state_part(vp, VP_PART_RIP);
	return vp->dirty & VP_PART_RIP;
}

struct vp *outcome_not_entered(struct vp *vp, u64 detail)
{
	struct cpu *cpu = arch_this_cpu();

	if (!cpu_arch(cpu)->started)
		start_give_up(detail);
	if (vp->is_root)
		report_stop("the root partition: its state cannot be entered",
		            detail);
	if (!is_put_right(vp)) {
		log_line("partition %u VP %u: entry failed (%x)",
		         vp->partition->id, (u64)vp->index, detail);
		exit_invalid_state(vp);
	}
	return enter_next(cpu, SCHED_GO_ON);
}
