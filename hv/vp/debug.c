/*
 * Debug exceptions: breakpoints of DR0 to DR7, and single steps that wait.
 */
#include "hv/vp/debug.h"

#include "hv/vp/vp.h"
#include "include/x86_msr.h"

#define BREAKPOINTS 4u

enum condition { ON_EXECUTION, ON_WRITE, ON_PORT, ON_ACCESS };

/* Bits B0 to B3 are of this exception alone, the others stay (17.2.3). */
u64 debug_status(u64 dr6, u64 causes)
{
	causes &= DEBUG_CAUSES;
	dr6 = (dr6 & ~DEBUG_BREAKPOINTS) | DR6_FIXED | causes;
	/* RTM is clear where it is meant. */
	return dr6 ^ (causes & DEBUG_RTM);
}

bool debug_is_due(u64 pending)
{
	/* Bits B0 to B3 without "enabled breakpoint" are of breakpoints
	 * that DR7 did not enable: DR6 shows them, and no exception comes
	 * of them. */
	return pending & (DEBUG_ENABLED | DEBUG_STEP | DEBUG_RTM);
}

/* Bytes that a breakpoint is long, by its LEN (SDM 17.2.4). */
static u64 length_of(u64 dr7, u32 n)
{
	/* LEN 10B was undefined once; it is 8 bytes on processors with 64-bit
	 * mode. */
	static const u8 lengths[] = { 1, 2, 8, 4 };

	return lengths[dr7 >> (18 + 4 * n) & 3];
}

static bool is_meant(u64 dr7, u32 n, u32 conditions)
{
	/* Local or global: L and G alike, as no task switch is carried out
	 * here. */
	return (dr7 >> 2 * n & 3) &&
	       (conditions >> (dr7 >> (16 + 4 * n) & 3) & 1);
}

/* The address is aligned by what LEN says, whatever is in it. */
static void hit(struct vp *vp, u32 conditions, u64 address, u32 size)
{
	u64 dr7 = vp_state_part(vp, VP_PART_CODE)->dr7, hits = 0, length, at;

	for (u32 n = 0; n < BREAKPOINTS; n++) {
		if (!is_meant(dr7, n, conditions))
			continue;
		length = length_of(dr7, n);
		at = vp_state_part(vp, VP_PART_LIVE)->dr[n] & ~(length - 1);
		if (at < address + size && address < at + length)
			hits |= BIT(n);
	}
	/* It is a trap: not now, but with the instruction that has been carried
	 * out (26.7.3). */
	if (hits)
		vp_state_change(vp, VP_PART_MSRS)->pending_debug |=
			hits | DEBUG_ENABLED;
}

bool debug_has_breakpoints(struct vp *vp)
{
	return vp_state_part(vp, VP_PART_CODE)->dr7 & DR7_ENABLES;
}

void debug_port(struct vp *vp, u16 port, u32 size)
{
	/* Without CR4.DE condition 10B is undefined (SDM 17.2.4): nothing is
	 * hit. */
	if (debug_has_breakpoints(vp) &&
	    (vp_state_part(vp, VP_PART_PAGING)->cr4 & CR4_DE))
		hit(vp, BIT(ON_PORT), port, size);
}

void debug_data(struct vp *vp, u64 linear, u32 size, bool write)
{
	hit(vp, write ? BIT(ON_WRITE) | BIT(ON_ACCESS) : BIT(ON_ACCESS), linear,
	    size);
}

static bool steps_in_a_shadow(struct vp *vp)
{
	const struct vp_state *s = vp_state_part(vp, VP_PART_CORE);

	return (s->interrupt_state & HV_INTERRUPT_STATE_SHADOW) &&
	       (s->rflags & RFLAGS_TF) &&
	       !(vp_state_part(vp, VP_PART_MSRS)->debugctl & DEBUGCTL_BTF);
}

void debug_intercepted(struct vp *vp)
{
	if (steps_in_a_shadow(vp))
		vp_state_change(vp, VP_PART_MSRS)->pending_debug |= DEBUG_STEP;
}

/* Behind MOV SS the step still waits for the instruction that follows. */
void debug_resume(struct vp *vp)
{
	struct vp_state *s = &vp->state;

	vp_state_part(vp, VP_PART_CORE);
	if (!(s->interrupt_state & HV_INTERRUPT_STATE_SHADOW) || s->mov_ss ||
	    !(vp_state_part(vp, VP_PART_MSRS)->pending_debug & DEBUG_STEP))
		return;
	vp_state_change(vp, VP_PART_CORE | VP_PART_MSRS);
	s->interrupt_state &= ~HV_INTERRUPT_STATE_SHADOW;
	s->pending_debug &= ~DEBUG_STEP;
}
