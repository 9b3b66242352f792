/*
 * Both have one exit code. Of what is the same for all vendors exits_rdmsr and
 * exits_wrmsr know the rest (common/exits_msr.c).
 */
#include "arch/x86_64/svm/exits_msr.h"

#include "arch/x86_64/svm/apic.h"
#include "arch/x86_64/svm/svm_arch.h"
#include "hv/arch.h"
#include "include/x86_msr.h"

/*
 * The processor's own would be ours: EFER, with SVME in it; and the TSC without the
 * root's offset, which only QEMU would not add, so it exits at all (maps.c).
 */
static bool root_reads(struct vp *root, u32 msr, u64 *value)
{
	if (msr == MSR_IA32_EFER)
		*value = vp_state_part(root, VP_PART_CORE)->efer;
	else if (msr == MSR_IA32_TSC)
		*value = vp_tsc_at(root, arch_tsc());
	else
		return apic_read_msr(root, msr, value);
	return true;
}

enum exit_outcome exits_msr(struct exit *x)
{
	u64 *gpr = x->vp->state.gpr, value;
	enum exit_outcome outcome;

	/* EXITINFO1: 1 for WRMSR, 0 for RDMSR (15.11). The timer's registers are asked
	 * for first: what is common to all vendors takes them for the APIC's. */
	if (vmcb_of(x->vp)->exit_info[0]) {
		value = gpr[VP_RDX] << 32 | (u32)gpr[VP_RAX];
		return x->vp->is_root && apic_write_msr(x, (u32)gpr[VP_RCX],
		                                        value, &outcome)
		               ? outcome
		               : exits_wrmsr(x);
	}
	if (!x->vp->is_root || !root_reads(x->vp, (u32)gpr[VP_RCX], &value))
		return exits_rdmsr(x);
	gpr[VP_RAX] = (u32)value;
	gpr[VP_RDX] = value >> 32;
	return EXIT_SKIP;
}
