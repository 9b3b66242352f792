/*
 * The two register conventions of a hypercall (TLFS 3.7).
 */
#include "arch/x86_64/common/exits.h"
#include "arch/x86_64/common/tally.h"
#include "arch/x86_64/common/vendor.h"
#include "hv/call/hypercall.h"
#include "include/x86.h"

/* Protected mode and CPL 0; virtual-8086 mode has CPL 3. */
static bool may_call(struct vp *vp, bool wide)
{
	if (vendor_peek(vp, VENDOR_CPL) != 0)
		return false;
	return wide || ((vendor_peek(vp, VENDOR_CR0) & CR0_PE) &&
	                !(vendor_peek(vp, VENDOR_RFLAGS) & RFLAGS_VM));
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

enum exit_outcome exits_call(struct exit *x)
{
	bool wide = vendor_peek(x->vp, VENDOR_CODE_64);
	enum exit_outcome outcome;

	if (!may_call(x->vp, wide))
		return EXIT_FAULT_UD;
	if (x->vp->is_root && tally_call(x->vp))
		return EXIT_SKIP;
	x->is_call = true;
	x->call = (u16)x->vp->state.gpr[wide ? VP_RCX : VP_RAX];
	outcome = wide ? call_64(x->vp) : call_32(x->vp);
	if (outcome == EXIT_AGAIN)
		vendor_retry(x->vp);
	return outcome;
}
