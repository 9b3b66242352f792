/*
 * Saves and loads what VM entry and exit leave alone: debug registers, CR2,
 * MSRs, vector and floating-point state.
 */
#include "arch/x86_64/switch.h"

#include "arch/x86_64/cpu_arch.h"
#include "arch/x86_64/msr.h"
#include "arch/x86_64/regs.h"
#include "arch/x86_64/vmcs.h"
#include "arch/x86_64/vmx.h"

static const struct {
	u32 msr;
	u32 offset;
} msr_rows[] = {
	{ MSR_IA32_KERNEL_GS_BASE, offsetof(struct vp_state, kernel_gs_base) },
	{ MSR_IA32_STAR, offsetof(struct vp_state, star) },
	{ MSR_IA32_LSTAR, offsetof(struct vp_state, lstar) },
	{ MSR_IA32_CSTAR, offsetof(struct vp_state, cstar) },
	{ MSR_IA32_FMASK, offsetof(struct vp_state, sfmask) },
	/* Last: not every processor has it. */
	{ MSR_IA32_TSC_AUX, offsetof(struct vp_state, tsc_aux) },
};

static u32 msr_count(void)
{
	return ARRAY_LEN(msr_rows) - (arch_facts()->has_tsc_aux ? 0 : 1);
}

static u64 *msr_place(struct vp *vp, u32 row)
{
	return (u64 *)(void *)((u8 *)&vp->state + msr_rows[row].offset);
}

/*
 * Of the last x87 instruction and its operand either 64-bit addresses can be
 * saved, or 32 bits and selectors (SDM 10.5.1): what the guest's mode has.
 */
static bool is_long(struct vp *vp)
{
	if (vp->cached)
		return vp->state.efer & EFER_LMA;
	vmcs_load(vp);
	return vmcs_read(VMCS_GUEST_EFER) & EFER_LMA;
}

/*
 * The components that a child may have are saved and loaded whatever the VP
 * has enabled: so nothing of one VP is left behind for another.
 */
static void save_extended(struct vp *vp)
{
	u64 all = arch_facts()->compat.xcr0;
	void *area = vp->pages[VP_PAGE_XSAVE];

	if (!arch_facts()->has_xsave) {
		(is_long(vp) ? fxsave : fxsave_32)(area);
		return;
	}
	vp->state.xcr0 = xcr0_read();
	xcr0_write(all);
	(is_long(vp) ? xsave : xsave_32)(area, all);
	xcr0_write(vp->state.xcr0);
}

static void load_extended(struct vp *vp)
{
	u64 all = arch_facts()->compat.xcr0;
	const void *area = vp->pages[VP_PAGE_XSAVE];

	if (!arch_facts()->has_xsave) {
		(is_long(vp) ? fxrstor : fxrstor_32)(area);
		return;
	}
	xcr0_write(all);
	(is_long(vp) ? xrstor : xrstor_32)(area, all);
	xcr0_write(vp->state.xcr0);
}

static void save(struct vp *vp)
{
	struct vp_state *s = &vp->state;

	s->dr[0] = dr0_read();
	s->dr[1] = dr1_read();
	s->dr[2] = dr2_read();
	s->dr[3] = dr3_read();
	s->dr6 = dr6_read();
	s->cr2 = cr2_read();
	for (u32 i = 0; i < msr_count(); i++)
		*msr_place(vp, i) = msr_read(msr_rows[i].msr);
	save_extended(vp);
}

static void load(struct vp *vp)
{
	const struct vp_state *s = &vp->state;

	dr0_write(s->dr[0]);
	dr1_write(s->dr[1]);
	dr2_write(s->dr[2]);
	dr3_write(s->dr[3]);
	dr6_write(s->dr6);
	cr2_write(s->cr2);
	for (u32 i = 0; i < msr_count(); i++)
		msr_write(msr_rows[i].msr, *msr_place(vp, i));
	load_extended(vp);
}

void switch_to(struct vp *vp)
{
	struct cpu_arch *a = cpu_arch(arch_this_cpu());

	if (a->resident == vp)
		return;
	/* A captured VP has not run since, and its state may be newer. */
	if (a->resident && !a->resident->cached)
		save(a->resident);
	load(vp);
	a->resident = vp;
}

void switch_save_if_resident(struct vp *vp)
{
	if (cpu_arch(arch_this_cpu())->resident == vp)
		save(vp);
}

void switch_load_if_resident(struct vp *vp)
{
	if (cpu_arch(arch_this_cpu())->resident == vp)
		load(vp);
}
