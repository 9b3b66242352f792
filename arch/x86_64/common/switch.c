/*
 * Saves and loads what VM entry and exit leave alone: debug registers, CR2,
 * MSRs, vector and floating-point state.
 */
#include "arch/x86_64/common/switch.h"

#include "arch/x86_64/common/cpu_arch.h"
#include "arch/x86_64/common/msr.h"
#include "arch/x86_64/common/regs.h"
#include "arch/x86_64/common/vendor.h"
#include "arch/x86_64/common/xstate.h"

/*
 * The MSRs of SYSCALL, and TSC_AUX. A guest's write of one exits (bitmaps.c), so
 * what a VP has in them is always in its state, and none has to be read.
 */
static const struct {
	u32 msr;
	u32 offset;
} msr_rows[CPU_SYSCALL_MSRS] = {
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

static void load_msrs(struct vp *vp)
{
	u64 *now = cpu_arch(arch_this_cpu())->msrs;

	for (u32 i = 0; i < msr_count(); i++) {
		if (now[i] == *msr_place(vp, i))
			continue;
		now[i] = *msr_place(vp, i);
		msr_write(msr_rows[i].msr, now[i]);
	}
}

void switch_begin(struct vp *root)
{
	struct cpu_arch *a = cpu_arch(arch_this_cpu());

	a->resident = root;
	for (u32 i = 0; i < msr_count(); i++)
		a->msrs[i] = *msr_place(root, i) = msr_read(msr_rows[i].msr);
}

void switch_msr_written(struct vp *root, u32 msr, u64 value)
{
	for (u32 i = 0; i < msr_count(); i++)
		if (msr_rows[i].msr == msr)
			cpu_arch(arch_this_cpu())->msrs[i] =
				*msr_place(root, i) = value;
	/* Where the processor loads it at an entry it has it from there. */
	vp_state_change(root, VP_PART_OURS);
}

/*
 * Of the last x87 instruction and its operand either 64-bit addresses can be
 * saved, or 32 bits and selectors (SDM 10.5.1): what the guest's mode has.
 */
static bool is_long(struct vp *vp)
{
	if (vp->cached & VP_PART_CORE)
		return vp->state.efer & EFER_LMA;
	return vendor_peek(vp, VENDOR_EFER) & EFER_LMA;
}

static void save_registers(struct vp *vp)
{
	struct vp_state *s = &vp->state;

	s->dr[0] = dr0_read();
	s->dr[1] = dr1_read();
	s->dr[2] = dr2_read();
	s->dr[3] = dr3_read();
	vendor_save_live(vp);
}

static void load_registers(struct vp *vp)
{
	const struct vp_state *s = &vp->state;

	dr0_write(s->dr[0]);
	dr1_write(s->dr[1]);
	dr2_write(s->dr[2]);
	dr3_write(s->dr[3]);
	vendor_load_live(vp);
}

/* All but the debug registers. XCR0 is left with all components (xstate.h). */
static void save_rest(struct vp *vp)
{
	xstate_save(vp, is_long(vp));
	vp->cached |= VP_PART_LIVE;
}

static void load_rest(struct vp *vp)
{
	xstate_load(vp, is_long(vp));
}

/*
 * The debug registers of both in one go: KVM lets a guest have them from the first
 * access on, up to the next exit.
 */
void switch_change(struct vp *vp)
{
	struct cpu_arch *a = cpu_arch(arch_this_cpu());
	struct vp *old = a->resident;

	/* A captured VP has not run since, and its state may be newer. */
	if (old && (old->cached & VP_PART_LIVE))
		old = NULL;
	if (old)
		save_registers(old);
	load_registers(vp);
	if (old)
		save_rest(old);
	load_rest(vp);
	load_msrs(vp);
	a->resident = vp;
	vp->dirty &= ~(u32)VP_PART_LIVE;
}

void switch_save_if_resident(struct vp *vp)
{
	if (cpu_arch(arch_this_cpu())->resident != vp)
		return;
	save_registers(vp);
	save_rest(vp);
	xstate_enable(vp);
}

void switch_load_if_resident(struct vp *vp, u32 parts)
{
	if (cpu_arch(arch_this_cpu())->resident != vp)
		return;
	if (parts & VP_PART_LIVE) {
		load_registers(vp);
		load_rest(vp);
	}
	if (parts & VP_PART_OURS)
		load_msrs(vp);
}
