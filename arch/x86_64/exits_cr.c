/*
 * MOV to and from control registers. Of CR0 and CR4 only writes that change a
 * bit which is not the guest's own come here (vp.h).
 */
#include "arch/x86_64/events.h"
#include "arch/x86_64/exits.h"
#include "arch/x86_64/regs.h"
#include "arch/x86_64/vmcs.h"
#include "arch/x86_64/vp.h"
#include "hv/arch.h"
#include "hv/log.h"

/* Exit qualification (SDM table 27-3). */
#define CR_NUMBER 15u
#define CR_TYPE_SHIFT 4
#define CR_GPR_SHIFT 8

enum cr_type { CR_TYPE_TO, CR_TYPE_FROM, CR_TYPE_CLTS, CR_TYPE_LMSW };

/* Would a processor refuse this value, whatever the bit that made it exit? */
static bool cr0_refused(struct vp *vp, u64 value)
{
	u64 efer = vp_efer(vp);
	u64 cr4 = vmcs_read(VMCS_GUEST_CR4);
	bool pages = vmcs_read(VMCS_GUEST_CR0) & CR0_PG;
	bool in_64 = vp_in_64_bit_mode(vp);

	if (value >> 32 || ((value & CR0_PG) && !(value & CR0_PE)) ||
	    ((value & CR0_NW) && !(value & CR0_CD)))
		return true;
	if (!(value & CR0_PG))
		return pages && (in_64 || (cr4 & CR4_PCIDE));
	return !pages && (efer & EFER_LME) &&
	       (!(cr4 & CR4_PAE) ||
	        (vmcs_read(VMCS_GUEST_CS_RIGHTS) & RIGHTS_L));
}

/*
 * The guest gets its value of our bits to read, and executes the instruction
 * again: then it changes none of them and the processor does all the rest.
 */
static void show(struct vp *vp, u64 shadow_field, u64 mask, u64 value)
{
	events_retry(vp);
	vmcs_write(shadow_field,
	           (vmcs_read(shadow_field) & ~mask) | (value & mask));
}

static enum exit_outcome write_cr0(struct vp *vp, u64 value)
{
	if (cr0_refused(vp, value))
		return EXIT_FAULT_GP;
	show(vp, VMCS_CR0_SHADOW, vp_cr0_mask(vp), value);
	return EXIT_AGAIN;
}

static enum exit_outcome write_cr4(struct vp *vp, u64 value)
{
	u64 mask = vp_cr4_mask(vp);
	u64 allowed = vp->is_root ? ~mask : arch_facts()->cr4_allowed;

	if (value & ~allowed)
		return EXIT_FAULT_GP;
	show(vp, VMCS_CR4_SHADOW, mask, value);
	return EXIT_AGAIN;
}

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
	u64 value = vp_in_64_bit_mode(x->vp) ? *gpr : (u32)*gpr;

	if (type == CR_TYPE_TO && number == 0)
		return write_cr0(x->vp, value);
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
