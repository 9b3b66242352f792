/*
 * RDMSR, WRMSR, XSETBV, XSAVES and XRSTORS. The core answers first; what it leaves to
 * the root is what root_msr.c makes of it.
 */
#include "arch/x86_64/cpu_arch.h"
#include "arch/x86_64/events.h"
#include "arch/x86_64/exits.h"
#include "arch/x86_64/msr.h"
#include "arch/x86_64/regs.h"
#include "arch/x86_64/root_msr.h"
#include "arch/x86_64/vmcs.h"
#include "hv/arch.h"

static u64 edx_eax(const struct vp *vp)
{
	return vp->state.gpr[VP_RDX] << 32 | (u32)vp->state.gpr[VP_RAX];
}

static enum exit_outcome native_rdmsr(struct vp *vp)
{
	u64 value;

	if (!root_msr_read(vp, (u32)vp->state.gpr[VP_RCX], &value))
		return EXIT_FAULT_GP;
	vp->state.gpr[VP_RAX] = (u32)value;
	vp->state.gpr[VP_RDX] = value >> 32;
	return EXIT_SKIP;
}

static enum exit_outcome native_wrmsr(struct vp *vp)
{
	return root_msr_write(vp, (u32)vp->state.gpr[VP_RCX], edx_eax(vp))
	               ? EXIT_SKIP
	               : EXIT_FAULT_GP;
}

enum exit_outcome exits_rdmsr(struct exit *x)
{
	enum exit_outcome outcome =
		exit_rdmsr(x->vp, exits_instruction_length());

	return outcome == EXIT_NATIVE ? native_rdmsr(x->vp) : outcome;
}

/* The instruction is executed again, and does not exit then. */
static enum exit_outcome again(struct vp *root)
{
	events_retry(root);
	return EXIT_AGAIN;
}

static struct trace *trace_of(const struct vp *root)
{
	return &cpu_arch(root->cpu)->trace;
}

enum exit_outcome exits_wrmsr(struct exit *x)
{
	enum exit_outcome outcome;

	if (x->vp->is_root &&
	    trace_written(trace_of(x->vp), (u32)x->vp->state.gpr[VP_RCX]))
		return again(x->vp);
	outcome = exit_wrmsr(x->vp, exits_instruction_length());
	return outcome == EXIT_NATIVE ? native_wrmsr(x->vp) : outcome;
}

/* CPL is the DPL of SS in every mode (SDM 24.4.1). */
static bool is_user(void)
{
	return vmcs_read(VMCS_GUEST_SS_RIGHTS) >> RIGHTS_DPL_SHIFT & 3;
}

/*
 * The processor checks the value for us; a child has fewer components. It checks
 * CPL before it exits (SDM 25.1.1), but emulators exit first.
 */
enum exit_outcome exits_xsetbv(struct exit *x)
{
	u64 value = edx_eax(x->vp);

	if (is_user() || (u32)x->vp->state.gpr[VP_RCX] != 0)
		return EXIT_FAULT_GP;
	if (!x->vp->is_root && (value & ~arch_facts()->compat.xcr0))
		return EXIT_FAULT_GP;
	if (!xcr0_write_safe(value))
		return EXIT_FAULT_GP;
	x->vp->state.xcr0 = value; /* CPUID has sizes of what is enabled */
	return EXIT_SKIP;
}

/*
 * By the components that trace_xss asked for (SDM 25.1.3). A child has neither of the
 * instructions; nothing that is not asked for exits.
 */
enum exit_outcome exits_xsaves(struct exit *x)
{
	if (!x->vp->is_root || !trace_xsaves(trace_of(x->vp)))
		return EXIT_FAULT_UD;
	return again(x->vp);
}
