/*
 * MOV to and from control registers. Of CR0 and CR4 only writes that change a
 * bit which is not the guest's own come here (state.h); what they do is hv/run/cr.c's.
 */
#include "arch/x86_64/vmx/exits_cr.h"

#include "arch/x86_64/vmx/state.h"
#include "arch/x86_64/vmx/vmcs.h"
#include "hv/arch.h"
#include "hv/base/log.h"
#include "hv/interrupt/lapic.h"
#include "hv/run/cr.h"

/* Exit qualification (SDM table 27-3). */
#define CR_NUMBER 15u
#define CR_TYPE_SHIFT 4
#define CR_GPR_SHIFT 8

enum cr_type { CR_TYPE_TO, CR_TYPE_FROM, CR_TYPE_CLTS, CR_TYPE_LMSW };

/* The root may have all that the processor has, but for what VMX has fixed. */
static enum exit_outcome write_cr4(struct vp *vp, u64 value)
{
	return cr_write_cr4(vp, value,
	                    vp->is_root ? ~state_cr4_mask(vp)
	                                : arch_facts()->cr4_allowed);
}

/* Only without APIC virtualization, where it is the page's TPR. */
static enum exit_outcome write_cr8(struct vp *vp, u64 value)
{
	if (value > 15)
		return EXIT_FAULT_GP;
	lapic_set_cr8(vp, value);
	return EXIT_SKIP;
}

enum exit_outcome exits_cr(struct exit *x)
{
	u64 qualification = vmcs_read(VMCS_EXIT_QUALIFICATION);
	u32 number = qualification & CR_NUMBER;
	u32 type = qualification >> CR_TYPE_SHIFT & 3;
	u64 *gpr = &x->vp->state.gpr[qualification >> CR_GPR_SHIFT & 15];
	/* Outside of 64-bit mode MOV moves the low half. */
	u64 value = state_is_code_64(x->vp) ? *gpr : (u32)*gpr;

	/* MOV to CR3 does not exit with EPT, and neither do reads but those of CR8. */
	if (type == CR_TYPE_TO && number == 0)
		return cr_write_cr0(x->vp, value);
	if (type == CR_TYPE_TO && number == 4)
		return write_cr4(x->vp, value);
	if (type == CR_TYPE_TO && number == 8)
		return write_cr8(x->vp, value);
	if (type == CR_TYPE_FROM && number == 8) {
		*gpr = lapic_cr8(x->vp);
		return EXIT_SKIP;
	}
	/* CLTS and LMSW reach none of our bits. */
	log_line("unexpected access to CR%u, type %u", (u64)number, (u64)type);
	return EXIT_FAULT_UD;
}
