/*
 * VM exits: the table of handlers by exit reason (SDM appendix C). Each decodes what
 * VT-x says of its exit.
 */
#include "arch/x86_64/common/exits.h"

#include "arch/x86_64/common/enter.h"
#include "arch/x86_64/common/kick.h"
#include "arch/x86_64/common/machine.h"
#include "arch/x86_64/common/outcome.h"
#include "arch/x86_64/common/report.h"
#include "arch/x86_64/common/root_apic.h"
#include "arch/x86_64/common/tally.h"
#include "arch/x86_64/common/vendor.h"
#include "arch/x86_64/vmx/entry.h"
#include "arch/x86_64/vmx/events.h"
#include "arch/x86_64/vmx/exits_cr.h"
#include "arch/x86_64/vmx/vmcs.h"
#include "arch/x86_64/vmx/vmx.h"
#include "arch/x86_64/vmx/vmx_arch.h"
#include "hv/base/log.h"
#include "hv/interrupt/lapic.h"
#include "hv/vp/debug.h"
#include "hv/vp/partition.h"
#include "include/x86_apic.h"

typedef enum exit_outcome (*exit_handler)(struct exit *x);

static u32 instruction_length(void)
{
	return (u32)vmcs_read(VMCS_EXIT_INSTRUCTION_LENGTH);
}

/* ---- Events ---- */

/* Where the root's HLT does not exit, it may be in it: then it still waits there. */
static void note_halt(struct exit *x)
{
	const struct vp_vmx *a = vp_vmx(x->vp);

	if (!x->vp->is_root || !(a->halted || !(a->proc & PROC_HLT)) ||
	    vmcs_read(VMCS_GUEST_ACTIVITY) != ACTIVITY_HLT)
		return;
	x->vp->cpu->root_halted = true;
	x->event = SCHED_HALT;
}

/* The NMI is the root's. Until an IRET the processor takes no other. */
static enum exit_outcome exits_nmi(struct exit *x)
{
	nmi_unblock();
	/* Bochs says here that the guest had NMIs blocked: it cannot have. */
	if (!(vp_vmx(x->vp)->pin & PIN_VIRTUAL_NMI))
		vmcs_write(VMCS_GUEST_INTERRUPTIBILITY,
		           vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) &
		                   ~INTERRUPTIBILITY_NMI);
	if (kick_came(x->vp->cpu)) {
		note_halt(x);
		return EXIT_AGAIN;
	}
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
		e.instruction_length = instruction_length();
	return exit_exception(x->vp, &e);
}

/* It stays pending: the root is entered and takes it through its own IDT. */
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

/* The root may have spent its slice in HLT. */
static enum exit_outcome exits_timer(struct exit *x)
{
	struct cpu *cpu = arch_this_cpu();

	x->event = cpu_arch(cpu)->nmi_poll || cpu_vmx(cpu)->watches
	                   ? SCHED_GO_ON
	                   : SCHED_SLICE_END;
	note_halt(x);
	return EXIT_AGAIN;
}

static enum exit_outcome exits_triple_fault(struct exit *x)
{
	return outcome_shut_down(x->vp);
}

/* Whoever runs: it is the processor's, and there is one. */
static enum exit_outcome exits_init(struct exit *x)
{
	(void)x;
	report_reset("an INIT");
}

/* The processor has switched nothing yet, and leaves all of it to us (SDM 25.4.2). */
static enum exit_outcome exits_task_switch(struct exit *x)
{
	if (x->vp->is_root)
		report_stop("the root partition: hardware task switch",
		            vmcs_read(VMCS_EXIT_QUALIFICATION));
	return exit_unsupported(x->vp, HV_UNSUPPORTED_TASK_SWITCH,
	                        vmcs_read(VMCS_EXIT_QUALIFICATION));
}

/* ---- Instructions ---- */

/* The instruction is executed again, and does not exit then. */
static enum exit_outcome again(struct vp *root)
{
	vendor_retry(root);
	return EXIT_AGAIN;
}

/* It exits in every guest, whatever the controls say (SDM 25.1.2). */
static enum exit_outcome exits_cpuid(struct exit *x)
{
	return exit_cpuid(x->vp, exits_length(x));
}

/* A debug exception that is due behind it ends it at once (SDM 6.9, HLT). */
static enum exit_outcome exits_hlt(struct exit *x)
{
	if (events_debug_ends())
		return EXIT_SKIP;
	x->event = SCHED_HALT;
	return exit_halt(x->vp);
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
		.instruction_length = exits_length(x),
	};
	enum exit_outcome outcome;

	outcome = exit_io(x->vp, &io);
	if (outcome == EXIT_SKIP && (vmcs_read(VMCS_GUEST_DR7) & DR7_ENABLES))
		debug_port(x->vp, io.port, io.size);
	return outcome;
}

/* A write that brings something of trace.h into use is the processor's own to do. */
static enum exit_outcome exits_traced_wrmsr(struct exit *x)
{
	if (x->vp->is_root && trace_written(&cpu_vmx(arch_this_cpu())->trace,
	                                    (u32)x->vp->state.gpr[VP_RCX]))
		return again(x->vp);
	return exits_wrmsr(x);
}

/*
 * By the components that trace_xss asked for (SDM 25.1.3). A child has neither of the
 * instructions; nothing that is not asked for exits.
 */
static enum exit_outcome exits_xsaves(struct exit *x)
{
	if (!x->vp->is_root || !trace_xsaves(&cpu_vmx(arch_this_cpu())->trace))
		return EXIT_FAULT_UD;
	return again(x->vp);
}

/* ---- Memory ---- */

/* One access may do two things, as an XCHG: the write is what the parent is told. */
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
	enum exit_outcome outcome;

	events_not_done();
	if (x->vp->is_root && root_apic_is_page(m.gpa.v))
		return root_apic_access(x->vp, m.gpa.v);
	m.mapped = arch_space_lookup(&x->vp->partition->space.arch, m.gpa,
	                             &mapping);
	if (q & EPT_VIOLATION_NMI_UNBLOCKED)
		events_block_nmi();
	outcome = exit_memory(x->vp, &m);
	if (x->vp->is_root)
		root_apic_hide_again();
	return outcome;
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

/* Without a row: exits of controls that are off, and of what newer processors have. */
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
	[VMX_EXIT_VMCALL] = exits_call,
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
	[VMX_EXIT_WRMSR] = exits_traced_wrmsr,
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

/* The VP did not start: nothing of it was saved, its state is as it was. */
static struct vm_entry entry_failed(struct vp *vp, u64 detail)
{
	struct cpu *cpu = arch_this_cpu();

	/* The firmware goes on: with what it had written down. */
	if (!cpu_arch(cpu)->started)
		trace_end(&cpu_vmx(cpu)->trace);
	return entry_of(outcome_not_entered(vp, detail));
}

struct vm_entry exits_dispatch(struct vp *vp)
{
	struct exit x = { .vp = vp, .began = arch_tsc() };
	struct cpu_vmx *c = cpu_vmx(arch_this_cpu());
	struct vp_vmx *a = vp_vmx(vp);
	u32 reason = (u32)vmcs_read(VMCS_EXIT_REASON);
	exit_handler handler = exits_unknown;

	machine_take(arch_this_cpu());
	outcome_begin(&x);
	tally_exit(vp, reason);
	/* No field of the guest has been written then, RSP neither (SDM 26.7). */
	if (reason & VMX_EXIT_ENTRY_FAILURE)
		return entry_failed(vp, reason);
	a->launched = true;
	if (vp->is_root)
		trace_exited(&c->trace);
	a->unveiled = false;
	/* Read at once, as the next VMCS that is loaded may be another VP's. */
	a->rsp = vp->state.gpr[VP_RSP] = vmcs_read(VMCS_GUEST_RSP);
	outcome_has_run(vp);
	events_put_back();
	x.reason = reason & VMX_EXIT_REASON;
	if (x.reason < VMX_EXITS && handlers[x.reason])
		handler = handlers[x.reason];
	/* RSP last: a handler may have given the VP another. */
	return entry_of(outcome_finish(&x, handler(&x)));
}

/* An NMI in the last moment: it is to be seen to before the guest goes on. */
struct vm_entry exits_interrupted(void)
{
	machine_take(arch_this_cpu());
	return entry_of(enter_next(arch_this_cpu(), SCHED_GO_ON));
}

struct vm_entry exits_refused(void)
{
	u64 error = 0;

	machine_take(arch_this_cpu());
	vmread_safe(VMCS_INSTRUCTION_ERROR, &error);
	return entry_failed(arch_this_cpu()->current, error);
}
