/*
 * What is switched with XSAVE. The root's XCR0 may have components that no child
 * can have. The SDM does not say that their state outlives a time without their bit
 * in XCR0; of AMX it says to initialize it before that (vol. 1, chapter 18). So they are
 * saved and initial by then.
 *
 * A component that is disabled by XFD is left alone: software may not rely on what
 * is in it (likewise), XSAVE takes it for initial, and XRSTOR of anything else is
 * #NM (13.14). XFD and XFD_ERR stay the root's: without the bit in XCR0 there is no
 * #NM by XFD in a child, and neither is a child's to read.
 */
#include "arch/x86_64/common/xstate.h"

#include "arch/x86_64/common/cpu_arch.h"
#include "arch/x86_64/common/xregs.h"
#include "include/x86.h"

/* What the processor can, constant after start-up. */
static bool tells_in_use;
static bool has_disabling;

/* XSTATE_BV is 0: loading any component of it makes that initial (13.8.1). */
static const _Alignas(64) u8 initial[576];

static u64 of_children(void)
{
	return arch_facts()->compat.xcr0;
}

/* Each time costs an exit where another hypervisor is below. */
static void set_xcr0(u64 value)
{
	if (xregs_xcr0() != value)
		xregs_set_xcr0(value);
}

/* ---- What the root alone may have ---- */

/* User components of the processor that are no child's (SDM vol. 1, 13.2). */
static u64 beyond_children(void)
{
	u32 regs[4];

	if (!arch_facts()->has_xsave)
		return 0;
	arch_cpuid(CPUID_XSAVE, 0, regs);
	return ((u64)regs[EDX] << 32 | regs[EAX]) & ~of_children() & ~3ull;
}

u32 xstate_room(void)
{
	u64 beyond = beyond_children();
	u32 end = 0, regs[4];

	for (; beyond; beyond &= beyond - 1) {
		arch_cpuid(CPUID_XSAVE, (u32)__builtin_ctzll(beyond), regs);
		if (regs[EBX] + regs[EAX] > end)
			end = regs[EBX] + regs[EAX];
	}
	return end;
}

void xstate_init(struct cpu *cpu, void *area)
{
	u32 regs[4];

	arch_cpuid(CPUID_XSAVE, 1, regs);
	tells_in_use = regs[EAX] & CPUID_D_1_EAX_IN_USE;
	has_disabling = regs[EAX] & CPUID_D_1_EAX_XFD;
	cpu_arch(cpu)->rest = (struct xstate_rest){ .area = area };
}

static u64 to_be_saved(void)
{
	u64 components = xregs_xcr0() & ~of_children();

	if (components && tells_in_use)
		components &= xregs_in_use();
	if (components && has_disabling)
		components &= ~xregs_disabled();
	return components;
}

/*
 * While XCR0 is the root's, or more. XSAVE leaves bits of XSTATE_BV that it was not
 * asked for: none is an old one.
 */
static void put_away(void)
{
	struct xstate_rest *rest = &cpu_arch(arch_this_cpu())->rest;

	if (!rest->area || rest->away)
		return;
	rest->away = true;
	rest->saved = to_be_saved();
	if (!rest->saved)
		return;
	rest->area->xstate_bv = 0;
	xregs_save(rest->area, rest->saved, true);
	xregs_load(initial, rest->saved, true);
}

/* XCR0 is the root's. */
static void bring_back(void)
{
	struct xstate_rest *rest = &cpu_arch(arch_this_cpu())->rest;

	if (rest->away && rest->saved)
		xregs_load(rest->area, rest->saved, true);
	rest->away = false;
}

/* ---- What children may have ---- */

/* XCR0 takes it: neither set has a component without those that it needs. */
static u64 all_of(const struct vp *vp)
{
	return vp->state.xcr0 | of_children();
}

void xstate_save(struct vp *vp, bool is_long)
{
	void *area = vp->pages[VP_PAGE_XSAVE];

	if (!arch_facts()->has_xsave) {
		xregs_save_legacy(area, is_long);
		return;
	}
	vp->state.xcr0 = xregs_xcr0();
	set_xcr0(all_of(vp));
	xregs_save(area, of_children(), is_long);
}

/*
 * AMD's older processors save and load FOP, FIP and FDP only where an exception of the x87
 * waits (APM volume 5, FXSAVE, FXRSTOR): else those of whoever ran before would be left.
 */
void xstate_load(struct vp *vp, bool is_long)
{
	const void *area = vp->pages[VP_PAGE_XSAVE];

	if (arch_facts()->x87_pointers_stay)
		xregs_clear_x87();
	if (!arch_facts()->has_xsave) {
		xregs_load_legacy(area, is_long);
		return;
	}
	if (!vp->is_root)
		put_away();
	set_xcr0(all_of(vp));
	xregs_load(area, of_children(), is_long);
	set_xcr0(vp->state.xcr0);
	if (vp->is_root)
		bring_back();
}

void xstate_enable(const struct vp *vp)
{
	if (arch_facts()->has_xsave)
		set_xcr0(vp->state.xcr0);
}
