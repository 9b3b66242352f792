/*
 * Exits: the table of handlers by exit code (APM volume 2, appendix C). Each decodes
 * what SVM says of its exit.
 */
#include "arch/x86_64/common/exits.h"

#include "arch/x86_64/common/enter.h"
#include "arch/x86_64/common/machine.h"
#include "arch/x86_64/common/msr.h"
#include "arch/x86_64/common/outcome.h"
#include "arch/x86_64/common/regs.h"
#include "arch/x86_64/common/report.h"
#include "arch/x86_64/common/tally.h"
#include "arch/x86_64/common/vendor.h"
#include "arch/x86_64/svm/events.h"
#include "arch/x86_64/svm/exits_cr.h"
#include "arch/x86_64/svm/exits_memory.h"
#include "arch/x86_64/svm/exits_msr.h"
#include "arch/x86_64/svm/interrupt.h"
#include "arch/x86_64/svm/run.h"
#include "arch/x86_64/svm/svm.h"
#include "arch/x86_64/svm/svm_arch.h"
#include "arch/x86_64/svm/virtual.h"
#include "hv/base/log.h"
#include "hv/vp/debug.h"
#include "hv/vp/partition.h"

typedef enum exit_outcome (*exit_handler)(struct exit *x);

/* ---- Events ---- */

/* It still waits: whose it is, and what follows, the way in sees (enter_next). */
static enum exit_outcome exits_nmi(struct exit *x)
{
	(void)x;
	interrupt_open();
	return EXIT_AGAIN;
}

static enum exit_outcome exits_interrupt(struct exit *x)
{
	x->event = interrupt_exited(arch_this_cpu());
	return EXIT_AGAIN;
}

/* It can take an interrupt now: the way in sees to it. */
static enum exit_outcome exits_window(struct exit *x)
{
	(void)x;
	enter_prepared(arch_this_cpu());
	return EXIT_AGAIN;
}

/* Behind it NMIs come again, which is not before the next exit (events.c). */
static enum exit_outcome exits_iret(struct exit *x)
{
	events_iret(x->vp);
	return EXIT_AGAIN;
}

/*
 * It came while a child ran, which cannot go on: what broke may be its own. The
 * processor's banks are the root's, so the root gets the exception.
 */
static enum exit_outcome exits_machine_check(struct exit *x)
{
	cpu_arch(arch_this_cpu())->mc_pending = true;
	x->event = SCHED_INTERRUPT;
	return exit_machine_check(x->vp);
}

/*
 * #DB and #AC always exit, as a processor can be caught for ever in delivering them
 * again and again (CVE-2015-8104, CVE-2015-5307).
 */
static enum exit_outcome exits_exception(struct exit *x)
{
	const struct vmcb *v = vmcb_of(x->vp);
	struct exit_exception e = {
		.vector = (u8)(x->reason - SVM_EXIT_EXCEPTION),
	};

	if (e.vector == VECTOR_MC)
		return exits_machine_check(x);
	if (e.vector == VECTOR_DB && events_iret_stepped(x->vp))
		return EXIT_AGAIN;
	if (!(x->vp->partition->exceptions >> e.vector & 1)) {
		events_hand_on(x->vp, e.vector);
		return EXIT_AGAIN;
	}
	e.has_error = events_has_error(x->vp, e.vector);
	if (e.has_error)
		e.error = (u32)v->exit_info[0];
	if (e.vector == VECTOR_DB)
		e.parameter = events_debug_causes(x->vp);
	else if (e.vector == VECTOR_PF)
		e.parameter = v->exit_info[1];
	if (events_is_software(e.vector))
		e.instruction_length = 1;
	return exit_exception(x->vp, &e);
}

/*
 * INT n exits where the parent intercepts #BP or #OF: QEMU has no other exit for the
 * instructions INT3 and INTO, which are all that the parent has asked for.
 */
static enum exit_outcome exits_software(struct exit *x)
{
	struct exit_exception e = { 0 };
	u64 pending;

	pending = events_software(x->vp);
	e.vector = (u8)(pending >> HV_PENDING_VECTOR_SHIFT);
	e.instruction_length = pending >> HV_PENDING_LENGTH_SHIFT & 15;
	if ((pending >> HV_PENDING_TYPE_SHIFT & 7) ==
	            HV_PENDING_TYPE_SOFTWARE_EXCEPTION &&
	    (x->vp->partition->exceptions >> e.vector & 1))
		return exit_exception(x->vp, &e);
	events_inject_pending(x->vp, pending);
	return EXIT_AGAIN;
}

/* As with VT-x the parent is told of a #DB without a cause, behind no instruction yet. */
static enum exit_outcome exits_int1(struct exit *x)
{
	const struct exit_exception e = {
		.vector = VECTOR_DB,
		/* Of its one byte and what is before that. */
		.instruction_length =
			events_software(x->vp) >> HV_PENDING_LENGTH_SHIFT & 15,
	};

	return exit_exception(x->vp, &e);
}

/* What was being delivered when it shut down is over. */
static enum exit_outcome exits_shutdown(struct exit *x)
{
	vendor_drop(x->vp);
	return outcome_shut_down(x->vp);
}

/* Whoever runs: it is the processor's, and there is one. */
static enum exit_outcome exits_init(struct exit *x)
{
	(void)x;
	report_reset("an INIT");
}

static enum exit_outcome exits_task_switch(struct exit *x)
{
	const struct vmcb *v = vmcb_of(x->vp);

	if (x->vp->is_root)
		report_stop("the root partition: hardware task switch",
		            v->exit_info[0]);
	return exit_unsupported(x->vp, HV_UNSUPPORTED_TASK_SWITCH,
	                        v->exit_info[0]);
}

/* ---- Instructions ---- */

static enum exit_outcome exits_cpuid(struct exit *x)
{
	/* Where no exit has told us of XSETBV its sizes are of this. */
	if (x->vp->state.gpr[VP_RAX] == CPUID_XSAVE && arch_facts()->has_xsave)
		x->vp->state.xcr0 = xcr0_read();
	return exit_cpuid(x->vp, exits_length(x));
}

/* A debug exception that is due behind it ends it at once. */
static enum exit_outcome exits_hlt(struct exit *x)
{
	if (vmcb_of(x->vp)->rflags & RFLAGS_TF)
		return EXIT_SKIP;
	x->event = SCHED_HALT;
	return exit_halt(x->vp);
}

static enum exit_outcome exits_io(struct exit *x)
{
	u64 info = vmcb_of(x->vp)->exit_info[0]; /* 15.10.2 */
	struct exit_io io = {
		.port = (u16)(info >> IO_PORT_SHIFT),
		.size = (u8)(info >> IO_SIZE_SHIFT & 7),
		.in = info & IO_IN,
		.string = info & IO_STRING,
		.rep = info & IO_REP,
		.instruction_length = exits_length(x),
	};
	enum exit_outcome outcome = exit_io(x->vp, &io);

	/* A breakpoint on the port is a trap: the processor, which exited before the
	 * access, has not looked for it. */
	if (outcome == EXIT_SKIP && (vmcb_of(x->vp)->dr7 & DR7_ENABLES))
		debug_port(x->vp, io.port, io.size);
	return outcome;
}

/* A guest never stops the machine with an exit that we do not know. */
static enum exit_outcome exits_unknown(struct exit *x)
{
	if (!x->vp->is_root)
		return exit_unsupported(x->vp, HV_UNSUPPORTED_INTERCEPT,
		                        x->reason);
	log_line("root: unexpected exit %x", (u64)x->reason);
	return EXIT_FAULT_UD;
}

static const exit_handler handlers[SVM_EXITS] = {
	[SVM_EXIT_CR_WRITE + 4] = exits_cr4,
	[SVM_EXIT_CR_WRITE + 8] = exits_cr8,
	[SVM_EXIT_DR_WRITE + 7] = exits_dr7,
	[SVM_EXIT_CR0_SELECTIVE] = exits_cr0,
	[SVM_EXIT_EXCEPTION... SVM_EXIT_EXCEPTION + 31] = exits_exception,
	[SVM_EXIT_INTR] = exits_interrupt,
	[SVM_EXIT_NMI] = exits_nmi,
	[SVM_EXIT_INIT] = exits_init,
	[SVM_EXIT_VINTR] = exits_window,
	[SVM_EXIT_RDPMC] = exits_refuse,
	[SVM_EXIT_CPUID] = exits_cpuid,
	[SVM_EXIT_IRET] = exits_iret,
	[SVM_EXIT_SOFTWARE] = exits_software,
	[SVM_EXIT_INVD] = exits_invd,
	[SVM_EXIT_HLT] = exits_hlt,
	[SVM_EXIT_INVLPGA] = exits_undefined,
	[SVM_EXIT_IO] = exits_io,
	[SVM_EXIT_MSR] = exits_msr,
	[SVM_EXIT_TASK_SWITCH] = exits_task_switch,
	[SVM_EXIT_SHUTDOWN] = exits_shutdown,
	[SVM_EXIT_VMRUN] = exits_undefined,
	[SVM_EXIT_VMMCALL] = exits_call,
	[SVM_EXIT_VMLOAD] = exits_undefined,
	[SVM_EXIT_VMSAVE] = exits_undefined,
	[SVM_EXIT_STGI] = exits_undefined,
	[SVM_EXIT_CLGI] = exits_undefined,
	[SVM_EXIT_SKINIT] = exits_undefined,
	[SVM_EXIT_INT1] = exits_int1,
	[SVM_EXIT_MONITOR] = exits_undefined,
	[SVM_EXIT_MWAIT] = exits_mwait,
	[SVM_EXIT_MWAIT_ARMED] = exits_mwait,
	[SVM_EXIT_XSETBV] = exits_xsetbv,
	[SVM_EXIT_RDPRU] = exits_undefined,
	[SVM_EXIT_INVLPGB] = exits_undefined,
	[SVM_EXIT_MCOMMIT] = exits_undefined,
	[SVM_EXIT_TLBSYNC] = exits_undefined,
};

/* The guest's registers are what was refused (run_was_refused_inside). */
static enum exit_outcome exits_refused(struct exit *x)
{
	vp_svm(x->vp)->refused_gp = true;
	return EXIT_FAULT_GP;
}

static exit_handler find(u32 code)
{
	exit_handler handler = NULL;

	if (code < SVM_EXITS)
		handler = handlers[code];
	else if (code == SVM_EXIT_NPF)
		handler = exits_memory;
	else if (code == SVM_EXIT_INVALID)
		handler = exits_refused;
	return handler ? handler : exits_unknown;
}

struct vm_entry exits_dispatch(struct vp *vp)
{
	struct exit x = { .vp = vp, .began = arch_tsc() };
	struct vmcb *v = vmcb_of(vp);
	enum exit_outcome outcome;
	u64 untaken;

	machine_take(vp->cpu);
	x.reason = (u32)v->exit_code;
	run_disarm(v);
	outcome_begin(&x);
	tally_exit(vp, x.reason);
	/* Only the VMCB has these two (15.5.1), and all that follows looks here. */
	vp->state.gpr[VP_RAX] = v->rax;
	vp->state.gpr[VP_RSP] = v->rsp;
	untaken = virtual_exited(vp);
	if (untaken)
		v->event = untaken;
	/* Nothing has run: events_exited would clear an event that is still to come. */
	if (x.reason == SVM_EXIT_INVALID && !run_was_refused_inside(vp))
		return run_entry(outcome_not_entered(vp, x.reason));
	outcome_has_run(vp);
	/* Before the handlers, which may drop what it puts back, or inject instead. */
	events_exited(vp);
	if (untaken)
		v->event = untaken;
	/* Up to the next exit: a refusal of the #GP itself is another matter. */
	vp_svm(vp)->refused_gp = false;
	outcome = find(x.reason)(&x);
	/* Else it is told of behind the instruction, by vendor_skip. */
	if (outcome != EXIT_SKIP && outcome != EXIT_HALTED)
		events_settle_debug(vp);
	return run_entry(outcome_finish(&x, outcome));
}
