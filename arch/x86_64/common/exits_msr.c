/*
 * RDMSR, WRMSR and XSETBV. The core answers first; what it leaves to the root is what
 * root_msr.c makes of it.
 */
#include "arch/x86_64/common/exits.h"
#include "arch/x86_64/common/msr.h"
#include "arch/x86_64/common/root_msr.h"
#include "arch/x86_64/common/vendor.h"
#include "hv/arch.h"

u32 exits_length(const struct exit *x)
{
	return x->vp->is_root ? 0 : (u32)vendor_peek(x->vp, VENDOR_LENGTH);
}

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
	enum exit_outcome outcome = exit_rdmsr(x->vp, exits_length(x));

	return outcome == EXIT_NATIVE ? native_rdmsr(x->vp) : outcome;
}

enum exit_outcome exits_wrmsr(struct exit *x)
{
	enum exit_outcome outcome = exit_wrmsr(x->vp, exits_length(x));

	return outcome == EXIT_NATIVE ? native_wrmsr(x->vp) : outcome;
}

/*
 * The processor checks the value for us; a child has fewer components. It checks
 * CPL before it exits (SDM 25.1.1), but emulators exit first.
 */
enum exit_outcome exits_xsetbv(struct exit *x)
{
	u64 value = edx_eax(x->vp);

	if (vendor_peek(x->vp, VENDOR_CPL) ||
	    (u32)x->vp->state.gpr[VP_RCX] != 0)
		return EXIT_FAULT_GP;
	if (!x->vp->is_root && (value & ~arch_facts()->compat.xcr0))
		return EXIT_FAULT_GP;
	if (!xcr0_write_safe(value))
		return EXIT_FAULT_GP;
	x->vp->state.xcr0 = value; /* CPUID has sizes of what is enabled */
	return EXIT_SKIP;
}
