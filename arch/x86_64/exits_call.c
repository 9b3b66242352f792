/*
 * VMCALL: the two register conventions of a hypercall (TLFS 3.7).
 */
#include "arch/x86_64/events.h"
#include "arch/x86_64/exits.h"
#include "arch/x86_64/regs.h"
#include "arch/x86_64/tally.h"
#include "arch/x86_64/vmcs.h"
#include "arch/x86_64/vp.h"
#include "hv/call/hypercall.h"

/* Protected mode and CPL 0; virtual-8086 mode has CPL 3. */
static bool may_call(bool wide)
{
	if (vmcs_read(VMCS_GUEST_SS_RIGHTS) & 3u << RIGHTS_DPL_SHIFT)
		return false;
	return wide || ((vmcs_read(VMCS_GUEST_CR0) & CR0_PE) &&
	                !(vmcs_read(VMCS_GUEST_RFLAGS) & RFLAGS_VM));
}

static u64 pair(const u64 *gpr, enum vp_gpr high, enum vp_gpr low)
{
	return gpr[high] << 32 | (u32)gpr[low];
}

static void set_pair(u64 *gpr, u64 value)
{
	gpr[VP_RDX] = value >> 32;
	gpr[VP_RAX] = (u32)value;
}

static enum exit_outcome call_64(struct vp *vp)
{
	u64 *gpr = vp->state.gpr;
	struct hypercall_registers call = {
		.control = gpr[VP_RCX],
		.input = gpr[VP_RDX],
		.output = gpr[8],
	};
	enum exit_outcome outcome = hypercall_execute(vp, &call);

	if (outcome == EXIT_SKIP)
		gpr[VP_RAX] = call.result;
	if (call.is_rep && (outcome == EXIT_SKIP || outcome == EXIT_AGAIN))
		gpr[VP_RCX] = call.control;
	return outcome;
}

/* Control word and result share EDX:EAX: what comes last is the result. */
static enum exit_outcome call_32(struct vp *vp)
{
	u64 *gpr = vp->state.gpr;
	struct hypercall_registers call = {
		.control = pair(gpr, VP_RDX, VP_RAX),
		.input = pair(gpr, VP_RBX, VP_RCX),
		.output = pair(gpr, VP_RDI, VP_RSI),
	};
	enum exit_outcome outcome = hypercall_execute(vp, &call);

	if (outcome == EXIT_SKIP)
		set_pair(gpr, call.result);
	else if (call.is_rep && outcome == EXIT_AGAIN)
		set_pair(gpr, call.control);
	return outcome;
}

enum exit_outcome exits_vmcall(struct exit *x)
{
	bool wide = vp_in_64_bit_mode(x->vp);
	enum exit_outcome outcome;

	x->call = (u16)x->vp->state.gpr[wide ? VP_RCX : VP_RAX];
	if (!may_call(wide))
		return EXIT_FAULT_UD;
	if (x->vp->is_root && tally_call(x->vp))
		return EXIT_SKIP;
	outcome = wide ? call_64(x->vp) : call_32(x->vp);
	if (outcome == EXIT_AGAIN)
		events_retry(x->vp);
	return outcome;
}
