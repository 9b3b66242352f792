/*
 * VM exits: the table of handlers by exit reason, and the way from an exit to
 * the next entry.
 */
#include "arch/x86_64/exits.h"

#include "arch/x86_64/cpu_arch.h"
#include "arch/x86_64/enter.h"
#include "arch/x86_64/events.h"
#include "arch/x86_64/msr.h"
#include "arch/x86_64/report.h"
#include "arch/x86_64/start.h"
#include "arch/x86_64/tally.h"
#include "arch/x86_64/vmcs.h"
#include "arch/x86_64/vmx.h"
#include "hv/base/check.h"
#include "hv/base/log.h"
#include "hv/call/cost.h"
#include "hv/interrupt/lapic.h"
#include "hv/run/merge.h"
#include "hv/vp/debug.h"
#include "hv/vp/partition.h"
#include "include/x86_apic.h"

typedef enum exit_outcome (*exit_handler)(struct exit *x);

u32 exits_instruction_length(void)
{
	return (u32)vmcs_read(VMCS_EXIT_INSTRUCTION_LENGTH);
}

/* ---- Events ---- */

/* The NMI is the root's. Until an IRET the processor takes no other. */
static enum exit_outcome exits_nmi(struct exit *x)
{
	nmi_unblock();
	/* Bochs says here that the guest had NMIs blocked: it cannot have. */
	if (!(vp_arch(x->vp)->pin & PIN_VIRTUAL_NMI))
		vmcs_write(VMCS_GUEST_INTERRUPTIBILITY,
		           vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) &
		                   ~INTERRUPTIBILITY_NMI);
	cpu_arch(arch_this_cpu())->nmi_pending = true;
	x->event = SCHED_INTERRUPT;
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
	u64 event = events_read(VMCS_EXIT_EVENT);
	struct exit_exception e = {
		.vector = (u8)(event & EVENT_VECTOR),
		.has_error = event & EVENT_ERROR,
	};

	if ((event & EVENT_TYPE) == EVENT_TYPE_NMI)
		return exits_nmi(x);
	if (e.vector == VECTOR_MC)
		return exits_machine_check(x);
	if (event & EVENT_NMI_UNBLOCKED)
		events_block_nmi();
	e.parameter = e.vector == VECTOR_DB
	                      ? events_debug_causes()
	                      : vmcs_read(VMCS_EXIT_QUALIFICATION);
	if (!(x->vp->partition->exceptions >> e.vector & 1)) {
		events_hand_on(x->vp);
		return EXIT_AGAIN;
	}
	/* Otherwise these fields have nothing to do with this exit. */
	if (e.has_error)
		e.error = (u32)vmcs_read(VMCS_EXIT_ERROR);
	if ((event & EVENT_TYPE) > EVENT_TYPE_EXCEPTION)
		e.instruction_length = exits_instruction_length();
	return exit_exception(x->vp, &e);
}

static enum exit_outcome exits_interrupt(struct exit *x)
{
	x->event = SCHED_INTERRUPT;
	return EXIT_AGAIN;
}

/* The child can take an event now, or a tick: the way in sees to it. */
static enum exit_outcome exits_window(struct exit *x)
{
	(void)x;
	return EXIT_AGAIN;
}

/*
 * The processor has stored a self IPI of a vector below 16 into the APIC's page, and
 * leaves the error to us; the instruction is done (SDM 29.4.3, 29.5).
 */
static enum exit_outcome exits_apic_write(struct exit *x)
{
	u32 offset = (u32)vmcs_read(VMCS_EXIT_QUALIFICATION) & 0xff0;

	if (offset < LAPIC_PAGE_BYTES)
		lapic_write_msr(x->vp, LAPIC_MSR(offset),
		                *vp_apic_register(x->vp, offset));
	return EXIT_AGAIN;
}

/* The root may have spent its slice in HLT: then it still waits there. */
static enum exit_outcome exits_timer(struct exit *x)
{
	const struct vp_arch *a = vp_arch(x->vp);

	x->event = cpu_arch(arch_this_cpu())->nmi_looks ? SCHED_GO_ON
	                                                : SCHED_SLICE_END;
	if (x->vp->is_root && (a->halted || !(a->proc & PROC_HLT)) &&
	    vmcs_read(VMCS_GUEST_ACTIVITY) == ACTIVITY_HLT) {
		x->vp->cpu->root_halted = true;
		x->event = SCHED_HALT;
	}
	return EXIT_AGAIN;
}

static enum exit_outcome shut_down(struct vp *vp)
{
	if (vp->is_root)
		report_reset("a triple fault");
	return exit_triple_fault(vp);
}

static enum exit_outcome exits_triple_fault(struct exit *x)
{
	return shut_down(x->vp);
}

/* Whoever runs: it is the processor's, and there is one. */
static enum exit_outcome exits_init(struct exit *x)
{
	(void)x;
	report_reset("an INIT");
}

static enum exit_outcome exits_task_switch(struct exit *x)
{
	if (x->vp->is_root)
		report_stop("the root partition: hardware task switch",
		            vmcs_read(VMCS_EXIT_QUALIFICATION));
	return exit_unsupported(x->vp, HV_UNSUPPORTED_TASK_SWITCH,
	                        vmcs_read(VMCS_EXIT_QUALIFICATION));
}

/* ---- Instructions ---- */

static enum exit_outcome exits_cpuid(struct exit *x)
{
	return exit_cpuid(x->vp, exits_instruction_length());
}

/* A debug exception that is due behind it ends it at once (SDM 6.9, HLT). */
static enum exit_outcome exits_hlt(struct exit *x)
{
	if (events_debug_ends())
		return EXIT_SKIP;
	x->event = SCHED_HALT;
	return exit_halt(x->vp);
}

/*
 * A child has no MWAIT. The root gives its time away by it, but does not halt: it may
 * wake at any time, as for a write to what it monitors, which we do not see.
 */
static enum exit_outcome exits_mwait(struct exit *x)
{
	if (!x->vp->is_root)
		return EXIT_FAULT_UD;
	x->event = SCHED_HALT;
	return EXIT_SKIP;
}

/* Throwing dirty lines away would throw away the hypervisor's as well. */
static enum exit_outcome exits_invd(struct exit *x)
{
	(void)x;
	caches_write_back();
	return EXIT_SKIP;
}

static enum exit_outcome exits_undefined(struct exit *x)
{
	(void)x;
	return EXIT_FAULT_UD;
}

static enum exit_outcome exits_refuse(struct exit *x)
{
	(void)x;
	return EXIT_FAULT_GP;
}

static enum exit_outcome exits_io(struct exit *x)
{
	u64 q = vmcs_read(VMCS_EXIT_QUALIFICATION); /* SDM table 27-5 */
	struct exit_io io = {
		.port = (u16)(q >> 16),
		.size = (u8)((q & 7) + 1),
		.in = q & BIT(3),
		.string = q & BIT(4),
		.rep = q & BIT(5),
		.instruction_length = exits_instruction_length(),
	};
	enum exit_outcome outcome;

	outcome = exit_io(x->vp, &io);
	if (outcome == EXIT_SKIP && (vmcs_read(VMCS_GUEST_DR7) & DR7_ENABLES))
		debug_port(x->vp, io.port, io.size);
	return outcome;
}

/* ---- Memory ---- */

static u8 access_type(u64 qualification)
{
	if (qualification & EPT_VIOLATION_EXECUTE)
		return HV_INTERCEPT_EXECUTE;
	return qualification & EPT_VIOLATION_WRITE ? HV_INTERCEPT_WRITE
	                                           : HV_INTERCEPT_READ;
}

/* A mapping may be without any right: only the map itself tells it apart. */
static enum exit_outcome exits_ept_violation(struct exit *x)
{
	u64 q = vmcs_read(VMCS_EXIT_QUALIFICATION);
	struct exit_memory m = {
		.gpa = gpa_of(vmcs_read(VMCS_GUEST_PHYSICAL_ADDRESS)),
		.gva = vmcs_read(VMCS_GUEST_LINEAR_ADDRESS),
		.gva_valid = q & EPT_VIOLATION_GVA_VALID,
		.access = access_type(q),
		.walk = (q & EPT_VIOLATION_GVA_VALID) &&
		        !(q & EPT_VIOLATION_FINAL),
	};
	struct arch_mapping mapping;

	events_not_done();
	m.mapped = arch_space_lookup(&x->vp->partition->space.arch, m.gpa,
	                             &mapping);
	if (q & EPT_VIOLATION_NMI_UNBLOCKED)
		events_block_nmi();
	return exit_memory(x->vp, &m);
}

/* Only we write these tables. */
static enum exit_outcome exits_ept_misconfiguration(struct exit *x)
{
	(void)x;
	report_stop("EPT misconfiguration at guest-physical address",
	            vmcs_read(VMCS_GUEST_PHYSICAL_ADDRESS));
}

/* A guest never stops the machine with an exit that we do not know. */
static enum exit_outcome exits_unknown(struct exit *x)
{
	if (!x->vp->is_root)
		return exit_unsupported(x->vp, HV_UNSUPPORTED_INTERCEPT,
		                        x->reason);
	log_line("root: unexpected exit %u", (u64)x->reason);
	return EXIT_FAULT_UD;
}

static const exit_handler handlers[VMX_EXITS] = {
	[VMX_EXIT_EXCEPTION_NMI] = exits_exception,
	[VMX_EXIT_EXTERNAL_INTERRUPT] = exits_interrupt,
	[VMX_EXIT_TRIPLE_FAULT] = exits_triple_fault,
	[VMX_EXIT_INIT] = exits_init,
	[VMX_EXIT_INTERRUPT_WINDOW] = exits_window,
	[VMX_EXIT_NMI_WINDOW] = exits_window,
	[VMX_EXIT_TASK_SWITCH] = exits_task_switch,
	[VMX_EXIT_CPUID] = exits_cpuid,
	[VMX_EXIT_GETSEC] = exits_undefined,
	[VMX_EXIT_HLT] = exits_hlt,
	[VMX_EXIT_INVD] = exits_invd,
	[VMX_EXIT_RDPMC] = exits_refuse,
	[VMX_EXIT_VMCALL] = exits_vmcall,
	[VMX_EXIT_VMCLEAR] = exits_undefined,
	[VMX_EXIT_VMLAUNCH] = exits_undefined,
	[VMX_EXIT_VMPTRLD] = exits_undefined,
	[VMX_EXIT_VMPTRST] = exits_undefined,
	[VMX_EXIT_VMREAD] = exits_undefined,
	[VMX_EXIT_VMRESUME] = exits_undefined,
	[VMX_EXIT_VMWRITE] = exits_undefined,
	[VMX_EXIT_VMXOFF] = exits_undefined,
	[VMX_EXIT_VMXON] = exits_undefined,
	[VMX_EXIT_CR] = exits_cr,
	[VMX_EXIT_IO] = exits_io,
	[VMX_EXIT_RDMSR] = exits_rdmsr,
	[VMX_EXIT_WRMSR] = exits_wrmsr,
	[VMX_EXIT_MWAIT] = exits_mwait,
	[VMX_EXIT_MONITOR] = exits_undefined,
	[VMX_EXIT_EOI] = exits_window,
	[VMX_EXIT_EPT_VIOLATION] = exits_ept_violation,
	[VMX_EXIT_EPT_MISCONFIGURATION] = exits_ept_misconfiguration,
	[VMX_EXIT_INVEPT] = exits_undefined,
	[VMX_EXIT_TIMER] = exits_timer,
	[VMX_EXIT_INVVPID] = exits_undefined,
	[VMX_EXIT_XSETBV] = exits_xsetbv,
	[VMX_EXIT_APIC_WRITE] = exits_apic_write,
	[VMX_EXIT_VMFUNC] = exits_undefined,
	[VMX_EXIT_XSAVES] = exits_xsaves,
	[VMX_EXIT_XRSTORS] = exits_xsaves,
};

/* ---- From an exit to the next entry ---- */

/* The parent may intercept an exception of ours as any other of the child's. */
static void raise(struct vp *vp, enum vector vector, u32 error)
{
	struct exit_exception e = {
		.vector = (u8)vector,
		.has_error = events_has_error(vp, vector),
	};

	/* These are faults, the others aborts (SDM table 6-1). */
	if (vector == VECTOR_UD || vector == VECTOR_GP)
		events_retry(vp);
	if (e.has_error)
		e.error = error;
	if (!vp->is_root && (vp->partition->exceptions >> vector & 1))
		exit_exception(vp, &e);
	else
		events_inject(vp, vector, error);
}

/*
 * In the middle of a delivery it is one fault more. The parent sees the event
 * beside it, as with any exit there; else the new one takes its place.
 */
static void raise_in_delivery(struct vp *vp, u64 first, enum vector vector)
{
	enum hv_pending_type type = (enum hv_pending_type)(
		(first & EVENT_TYPE) >> EVENT_TYPE_SHIFT);

	switch (merge_events(type, (u8)(first & EVENT_VECTOR), (u8)vector)) {
	case MERGE_SERIAL:
		if (!(vp->partition->exceptions >> vector & 1))
			events_drop(vp);
		raise(vp, vector, merge_error(type));
		break;
	case MERGE_DOUBLE_FAULT:
		events_drop(vp);
		raise(vp, VECTOR_DF, 0);
		break;
	case MERGE_SHUTDOWN:
		events_drop(vp);
		shut_down(vp);
		break;
	}
}

static void raise_fault(struct vp *vp, enum vector vector)
{
	u64 first;

	vmcs_load(vp);
	first = vmcs_read(VMCS_IDT_VECTORING_EVENT);
	if (first & EVENT_VALID)
		raise_in_delivery(vp, first, vector);
	else
		raise(vp, vector, 0);
}

static void carry_out(struct vp *vp, enum exit_outcome outcome)
{
	switch (outcome) {
	case EXIT_SKIP:
	case EXIT_HALTED:
		events_skip(vp);
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

/* EIP that the processor has let run over 4 GiB, and takes no more (vp_confine.c). */
static bool is_put_right(struct vp *vp)
{
	if (!(vmcs_read(VMCS_GUEST_RIP) >> 32))
		return false;
	vp_state_part(vp, VP_PART_RIP);
	return vp->dirty & VP_PART_RIP;
}

/* The VP did not start: nothing of it was saved, its state is as it was. */
static struct vm_entry entry_failed(struct vp *vp, u64 detail)
{
	struct cpu *cpu = arch_this_cpu();

	if (!cpu_arch(cpu)->started)
		start_give_up(detail);
	if (vp->is_root)
		report_stop("the root partition: its state cannot be entered",
		            detail);
	if (is_put_right(vp))
		return enter_next(cpu, SCHED_GO_ON);
	log_line("partition %u VP %u: entry failed (%x)", vp->partition->id,
	         (u64)vp->index, detail);
	exit_invalid_state(vp);
	return enter_next(cpu, SCHED_GO_ON);
}

struct vm_entry exits_dispatch(struct vp *vp)
{
	u64 began = arch_tsc(); /* see hv/call/cost.h */
	struct cpu *cpu = arch_this_cpu();
	struct vp_arch *a = vp_arch(vp);
	u32 reason = (u32)vmcs_read(VMCS_EXIT_REASON);
	struct exit x = { .vp = vp,
		          .reason = reason & VMX_EXIT_REASON,
		          .event = SCHED_GO_ON };
	exit_handler handler = exits_unknown;
	struct vm_entry next;

	CHECK(vp == cpu->current);
	sched_exited(cpu, began);
	tally_exit(vp, reason);
	if (reason & VMX_EXIT_ENTRY_FAILURE)
		return entry_failed(vp, reason);
	cpu_arch(cpu)->started = true;
	a->launched = true;
	if (vp->is_root)
		trace_exited(&cpu_arch(cpu)->trace);
	a->unveiled = false;
	a->rsp = vp->state.gpr[VP_RSP] = vmcs_read(VMCS_GUEST_RSP);
	vp->cached = VP_PART_OURS;
	vp->dirty = 0;
	events_put_back();
	if (x.reason < VMX_EXITS && handlers[x.reason])
		handler = handlers[x.reason];
	carry_out(vp, handler(&x));
	next = enter_next(cpu, x.event);
	if (x.reason == VMX_EXIT_VMCALL)
		cost_note(x.call, arch_tsc() - began);
	return next;
}

struct vm_entry exits_interrupted(void)
{
	return enter_next(arch_this_cpu(), SCHED_GO_ON);
}

struct vm_entry exits_refused(void)
{
	u64 error = 0;

	vmread_safe(VMCS_INSTRUCTION_ERROR, &error);
	return entry_failed(arch_this_cpu()->current, error);
}
