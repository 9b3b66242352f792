/*
 * Injection, redelivery, and advancing RIP (APM volume 2, 15.7, 15.20).
 *
 * Of a software event (INT n, INT3, INTO, INT1) SVM keeps no length of the instruction:
 * it is delivered with the RIP that the VMCB has, so RIP is moved behind it for the
 * entry, and put back where the delivery is cut short. One that the guest executes
 * itself has RIP still at it, and is executed again.
 */
#include "arch/x86_64/svm/events.h"

#include "arch/x86_64/common/enter.h"
#include "arch/x86_64/common/vendor.h"
#include "arch/x86_64/svm/length.h"
#include "arch/x86_64/svm/opcode.h"
#include "arch/x86_64/svm/svm.h"
#include "arch/x86_64/svm/svm_arch.h"
#include "hv/interrupt/lapic.h"
#include "hv/run/exit.h"
#include "hv/vp/debug.h"
#include "hv/vp/gva.h"
#include "hv/vp/partition.h"
#include "lib/insn.h"

#define VECTOR_BR 5u
#define EXCEPTIONS 31u /* QEMU refuses 31 too, which no processor raises */

/* #DF #TS #NP #SS #GP #PF #AC #CP, and 29, 30 of encrypted guests. */
#define WITH_ERROR \
	(BIT(8) | 0x1full << 10 | BIT(17) | BIT(21) | BIT(29) | BIT(30))

/*
 * Its type in the VMCB: 5 and 6 are VT-x's and the TLFS's alone. VMRUN refuses what is no
 * exception, or none of the mode (15.20). No processor raises these, but a parent may
 * ask for them: as INT n every vector can be delivered.
 */
static u64 code_of(struct vp *vp, u64 type, u64 vector)
{
	if (type < HV_PENDING_TYPE_EXCEPTION ||
	    type == HV_PENDING_TYPE_SOFTWARE_INTERRUPT)
		return type;
	if (vector >= EXCEPTIONS || vector == VECTOR_NMI)
		return HV_PENDING_TYPE_SOFTWARE_INTERRUPT;
	/* INTO and BOUND are not there in 64-bit mode. */
	return (vector == VECTOR_OF || vector == VECTOR_BR) &&
	                       vendor_peek(vp, VENDOR_CODE_64)
	               ? HV_PENDING_TYPE_SOFTWARE_INTERRUPT
	               : HV_PENDING_TYPE_EXCEPTION;
}

bool events_is_software(u8 vector)
{
	return vector == VECTOR_BP || vector == VECTOR_OF;
}

/* To SVM INT3 and INTO are exceptions, to QEMU of type 4: the vector tells (15.20). */
static bool is_software(u64 event)
{
	return (event & EVENT_TYPE) == EVENT_TYPE_SOFTWARE ||
	       ((event & EVENT_TYPE) == EVENT_TYPE_EXCEPTION &&
	        events_is_software((u8)event));
}

u64 events_pending(struct vp *vp)
{
	const struct vp_svm *a = vp_svm(vp);
	u64 event = vmcb_of(vp)->event, pending;
	/* The VMCB has fewer types and no length: what was asked for is kept. */
	u64 type = a->soft_type ? a->soft_type
	                        : (event & EVENT_TYPE) >> EVENT_TYPE_SHIFT;

	if (!(event & EVENT_VALID))
		return 0;
	pending = HV_PENDING_INTERRUPTION | type << HV_PENDING_TYPE_SHIFT |
	          (event & EVENT_VECTOR) << HV_PENDING_VECTOR_SHIFT;
	if (event & EVENT_ERROR)
		pending |= HV_PENDING_DELIVER_ERROR_CODE |
		           event >> EVENT_CODE_SHIFT << HV_PENDING_ERROR_SHIFT;
	if (a->soft_type)
		pending |= (u64)a->soft_length << HV_PENDING_LENGTH_SHIFT;
	return pending;
}

void events_set_pending(struct vp *vp, u64 pending)
{
	struct vp_svm *a = vp_svm(vp);
	struct vmcb *v = vmcb_of(vp);
	u64 type = pending >> HV_PENDING_TYPE_SHIFT & 7;
	u64 vector = pending >> HV_PENDING_VECTOR_SHIFT & EVENT_VECTOR;
	u64 code = code_of(vp, type, vector);

	v->event = 0;
	a->soft_type = 0;
	if (!(pending & HV_PENDING_INTERRUPTION))
		return;
	v->event = EVENT_VALID | code << EVENT_TYPE_SHIFT | vector;
	if (pending & HV_PENDING_DELIVER_ERROR_CODE)
		v->event |= EVENT_ERROR |
		            pending >> HV_PENDING_ERROR_SHIFT
		                               << EVENT_CODE_SHIFT;
	if (type >= HV_PENDING_TYPE_SOFTWARE_INTERRUPT || code != type) {
		a->soft_type = (u8)type;
		/* Of a hardware exception there is none. */
		a->soft_length = type > HV_PENDING_TYPE_EXCEPTION
		                         ? pending >> HV_PENDING_LENGTH_SHIFT &
		                                   15
		                         : 0;
	} else if (vector == VECTOR_DB && type == HV_PENDING_TYPE_EXCEPTION) {
		v->dr7 &= ~DR7_GD; /* over, as at any delivery */
	}
}

void events_inject_pending(struct vp *vp, u64 pending)
{
	events_set_pending(vp, pending);
	/* It may be applied once more. */
	if (vp->cached & VP_PART_CORE)
		vp->state.pending_interruption = pending;
}

void vendor_inject(struct vp *vp, const struct vendor_event *e)
{
	u64 pending = HV_PENDING_INTERRUPTION |
	              (u64)e->type << HV_PENDING_TYPE_SHIFT |
	              (u64)e->vector << HV_PENDING_VECTOR_SHIFT;

	if (e->has_error)
		pending |= HV_PENDING_DELIVER_ERROR_CODE |
		           (u64)e->error << HV_PENDING_ERROR_SHIFT;
	events_inject_pending(vp, pending);
}

/* ---- Around a run ---- */

/* No field says that NMIs are blocked: only the IRET that ends it is seen (15.9). */
void events_block_nmi(struct vp *vp, bool blocked)
{
	vp_svm(vp)->nmi_blocked = blocked;
	vp_svm(vp)->irets = false;
	vmcb_intercept(vmcb_of(vp), VMCB_INTERCEPT_IRET, blocked);
}

static u64 rip_behind(struct vp *vp, u64 length)
{
	u64 rip = vmcb_of(vp)->rip + length;

	/* Outside 64-bit mode RIP wraps at 4 GiB. */
	return vendor_peek(vp, VENDOR_CODE_64) ? rip : (u32)rip;
}

void events_enter(struct vp *vp)
{
	struct vp_svm *a = vp_svm(vp);
	struct vmcb *v = vmcb_of(vp);

	/* Not left to the processor: QEMU blocks nothing by one that is injected. */
	if ((v->event & EVENT_TYPE) == EVENT_TYPE_NMI)
		events_block_nmi(vp, true);
	if (!a->soft_type)
		return;
	a->soft_runs = true;
	a->soft_rip = v->rip;
	a->soft_event = v->event;
	/* A processor with NRIP save pushes that, the others RIP. */
	v->rip = v->next_rip = rip_behind(vp, a->soft_length);
}

/* What we injected of software: its delivery was cut short, or is over. */
static void end_software(struct vp *vp)
{
	struct vp_svm *a = vp_svm(vp);
	struct vmcb *v = vmcb_of(vp);

	a->soft_runs = false;
	if (!(v->exit_event & EVENT_VALID)) {
		a->soft_type = 0;
		return;
	}
	/* A parent must not see RIP behind what has not been delivered. And it is the
	 * event as it was: EXITINTINFO can have another type for it. */
	v->rip = a->soft_rip;
	v->event = a->soft_event;
}

/*
 * The exit by IRET comes before it. It is done when RIP is another; else something has
 * come in between, and it will exit again.
 */
static void end_iret(struct vp *vp)
{
	struct vp_svm *a = vp_svm(vp);
	struct vmcb *v = vmcb_of(vp);

	if (!a->irets)
		return;
	/* A child's are set anew for each entry (run.c), the root's by nobody else. */
	if (a->iret_steps && vp->is_root)
		v->exceptions &= ~(u32)BIT(VECTOR_DB);
	if (v->rip != a->iret_rip) {
		/* IRET has loaded the guest's own TF: ours is gone by itself. */
		if (v->exit_code != SVM_EXIT_EXCEPTION + VECTOR_DB)
			a->iret_steps = false;
		events_block_nmi(vp, false);
		return;
	}
	if (a->iret_steps)
		v->rflags &= ~RFLAGS_TF;
	a->iret_steps = false;
	events_block_nmi(vp, true);
}

/* On the way of every exit, in another file: inlined there. */
__attribute__((always_inline)) inline void events_exited(struct vp *vp)
{
	struct vmcb *v = vmcb_of(vp);
	u64 event = v->exit_event;

	/* It is delivered, or EXITINTINFO has it; V alone may have been cleared. */
	v->event = 0;
	end_iret(vp);
	if (vp_svm(vp)->soft_runs) {
		end_software(vp);
		return;
	}
	vp_svm(vp)->soft_type = 0;
	if (!(event & EVENT_VALID) || is_software(event))
		return;
	/* Real mode pushes none, whatever is said of it (8.4.1). */
	if (!(v->cr0 & CR0_PE))
		event &= (u32)~EVENT_ERROR;
	/* It blocks NMIs when it is delivered at last. */
	if ((event & EVENT_TYPE) == EVENT_TYPE_NMI)
		events_block_nmi(vp, false);
	v->event = event;
}

static bool nmi_waits(struct vp *vp)
{
	return vp->is_root ? cpu_arch(vp->cpu)->nmi_pending
	                   : lapic_nmi_pending(vp);
}

/* With one that waits there is to be an exit behind it: a step of ours. */
void events_iret(struct vp *vp)
{
	struct vp_svm *a = vp_svm(vp);
	struct vmcb *v = vmcb_of(vp);

	a->irets = true;
	a->iret_rip = v->rip;
	vmcb_intercept(v, VMCB_INTERCEPT_IRET, false);
	if (!nmi_waits(vp) || (v->rflags & RFLAGS_TF))
		return;
	a->iret_steps = true;
	v->rflags |= RFLAGS_TF;
	v->exceptions |= (u32)BIT(VECTOR_DB);
}

bool events_iret_stepped(struct vp *vp)
{
	struct vp_svm *a = vp_svm(vp);

	if (!a->iret_steps)
		return false;
	a->iret_steps = false;
	vmcb_of(vp)->dr6 = a->dr6;
	return true;
}

bool vendor_delivering(struct vp *vp, struct vendor_event *event)
{
	u64 first = vmcb_of(vp)->exit_event;
	u64 type = (first & EVENT_TYPE) >> EVENT_TYPE_SHIFT;

	/* The TLFS has a type for INT3 and INTO, which SVM has not. */
	if (type == HV_PENDING_TYPE_EXCEPTION && is_software(first))
		type = HV_PENDING_TYPE_SOFTWARE_EXCEPTION;
	*event = (struct vendor_event){
		.type = (enum hv_pending_type)type,
		.vector = (u8)(first & EVENT_VECTOR),
	};
	return first & EVENT_VALID;
}

/* An NMI that is lost all the same blocks others, up to the next IRET. */
void vendor_drop(struct vp *vp)
{
	struct vmcb *v = vmcb_of(vp);
	u64 event = v->exit_event;

	events_set_pending(vp, 0);
	if (vp->cached & VP_PART_CORE)
		vp->state.pending_interruption = 0;
	if (!(event & EVENT_VALID) || (event & EVENT_TYPE) != EVENT_TYPE_NMI)
		return;
	events_block_nmi(vp, true);
	if (vp->cached & VP_PART_CORE)
		vp->state.interrupt_state |= HV_INTERRUPT_STATE_NMI_MASKED;
}

void vendor_retry(struct vp *vp)
{
	if (vp->cached & VP_PART_CORE)
		vp_state_change(vp, VP_PART_CORE)->rflags |= RFLAGS_RF;
	else
		vmcb_of(vp)->rflags |= RFLAGS_RF;
}

/* ---- Debug exceptions ---- */

/* SVM has no field for those that wait. They wait here, up to the next preparation. */
static u64 *waiting(struct vp *vp)
{
	return vp->cached & VP_PART_MSRS ? &vp->state.pending_debug
	                                 : &vp_svm(vp)->pending_debug;
}

bool vendor_debug_waits(struct vp *vp)
{
	return debug_is_due(*waiting(vp));
}

static void clear_waiting(struct vp *vp)
{
	vp_svm(vp)->pending_debug = 0;
	if (vp->cached & VP_PART_MSRS)
		vp->state.pending_debug = 0;
}

static void set_dr6(struct vp *vp, u64 causes)
{
	struct vmcb *v = vmcb_of(vp);

	/* In both, where both have it: the captured one is what is read next. */
	v->dr6 = debug_status(v->dr6, causes);
	if (vp->cached & VP_PART_LIVE)
		vp->state.dr6 = v->dr6;
}

static bool is_parents(const struct vp *vp)
{
	return !vp->is_root && (vp->partition->exceptions >> VECTOR_DB & 1);
}

static void intercept_debug(struct vp *vp, u64 causes)
{
	const struct exit_exception e = { .vector = VECTOR_DB,
		                          .parameter = causes & DEBUG_CAUSES };

	exit_exception(vp, &e);
}

static void inject_debug(struct vp *vp)
{
	const struct vendor_event e = { .type = HV_PENDING_TYPE_EXCEPTION,
		                        .vector = VECTOR_DB };

	vendor_inject(vp, &e);
}

enum exit_outcome events_raise_debug(struct vp *vp, u64 causes)
{
	set_dr6(vp, causes);
	if (is_parents(vp)) {
		intercept_debug(vp, causes);
		return EXIT_SUSPENDED;
	}
	inject_debug(vp);
	return EXIT_AGAIN;
}

void events_settle_child(struct vp *vp)
{
	u64 causes = *waiting(vp);

	if (!is_parents(vp) || vp_is_suspended(vp) || !debug_is_due(causes))
		return;
	set_dr6(vp, causes);
	clear_waiting(vp);
	intercept_debug(vp, causes);
}

/*
 * Behind MOV SS it waits for the instruction that follows: with TF that one makes a step
 * of its own.
 */
void events_inject_debug(struct vp *vp)
{
	struct vmcb *v = vmcb_of(vp);
	u64 causes = *waiting(vp);

	/* An entry delivers one event (15.20): this one goes on waiting. */
	if (!debug_is_due(causes) || (v->event & EVENT_VALID))
		return;
	clear_waiting(vp);
	if ((v->interrupt_shadow & VMCB_SHADOW) && (v->rflags & RFLAGS_TF) &&
	    !(v->rflags & RFLAGS_IF))
		return;
	set_dr6(vp, causes);
	v->interrupt_shadow = 0;
	inject_debug(vp);
}

/*
 * DR6 and DR7 are as the guest's handler would find them (15.12.2). What was in DR6 before,
 * but for the breakpoints, is not of this exception; nor can it be told from a step that
 * is. GD comes back until the delivery: the parent may think better of it.
 */
u64 events_debug_causes(struct vp *vp)
{
	struct vmcb *v = vmcb_of(vp);
	u64 news = v->dr6 & ~vp_svm(vp)->dr6 & (DEBUG_REGISTERS | DEBUG_STEP);

	if ((v->dr6 & DEBUG_STEP) && (v->rflags & RFLAGS_TF))
		news |= DEBUG_STEP;
	if (vp_svm(vp)->dr7 & ~v->dr7 & DR7_GD) {
		v->dr7 |= DR7_GD;
		news |= DEBUG_REGISTERS;
	}
	return news | (v->dr6 & DEBUG_BREAKPOINTS);
}

/* ---- What the exit was ---- */

bool events_has_error(struct vp *vp, u8 vector)
{
	return vector < 32 && (WITH_ERROR >> vector & 1) &&
	       (vmcb_of(vp)->cr0 & CR0_PE);
}

u64 events_software(struct vp *vp)
{
	u8 bytes[INSN_MAX];
	u32 count = gva_fetch(vp, bytes, sizeof(bytes));
	struct opcode o = opcode_find(bytes, count, gva_code_width(vp));
	/* What is neither INT3 nor INT n is INTO: nothing else exits so. */
	u64 length = o.prefixes + 1, vector = VECTOR_OF;
	u64 type = HV_PENDING_TYPE_SOFTWARE_EXCEPTION;

	if (o.count && o.at[0] == OPCODE_INT3) {
		vector = VECTOR_BP;
	} else if (o.count > 1 && o.at[0] == OPCODE_INT_N) {
		vector = o.at[1];
		length++;
		type = HV_PENDING_TYPE_SOFTWARE_INTERRUPT;
	}
	return HV_PENDING_INTERRUPTION | type << HV_PENDING_TYPE_SHIFT |
	       length << HV_PENDING_LENGTH_SHIFT |
	       vector << HV_PENDING_VECTOR_SHIFT;
}

/* A delivery ends every shadow. */
void events_hand_on(struct vp *vp, u8 vector)
{
	struct vmcb *v = vmcb_of(vp);
	struct vendor_event e = {
		.type = HV_PENDING_TYPE_EXCEPTION,
		.vector = vector,
		.has_error = events_has_error(vp, vector),
	};

	if (e.has_error)
		e.error = (u32)v->exit_info[0];
	/* #DB and #AC, which exit unasked, make no #DF together with what was being
	 * delivered (8.2.9). Dropped first, as that empties EVENTINJ. */
	vendor_drop(vp);
	vendor_inject(vp, &e);
	v->interrupt_shadow = 0;
	/* The intercept is looked at before CR2 is written (15.12). */
	if (vector == VECTOR_PF)
		v->cr2 = v->exit_info[1];
	/* A #DB may be a trap: RF would hide a breakpoint on the next instruction. */
	if (vector != VECTOR_DB)
		vendor_retry(vp);
}

/* The instruction is done: its shadow is over and a single step is due. */
void vendor_skip(struct vp *vp)
{
	struct vmcb *v = vmcb_of(vp);
	/* Before RIP moves: NRIP is taken relative to it. */
	u32 length = length_of_exit(vp, v->exit_code);

	if (vp->cached & VP_PART_CORE) {
		vp_skip(vp, length);
	} else {
		v->rip = rip_behind(vp, length);
		v->interrupt_shadow = 0;
		v->rflags &= ~RFLAGS_RF; /* it was for that instruction */
		if (v->rflags & RFLAGS_TF) {
			*waiting(vp) |= DEBUG_STEP;
			enter_prepared(arch_this_cpu());
		}
	}
	events_settle_debug(vp);
}
