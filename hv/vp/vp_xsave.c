/*
 * A VP's XSAVE area: registers in it, components in their init state, what a
 * restored one may not have.
 */
#include "hv/vp/vp_xsave.h"

#include "hv/arch.h"
#include "hv/vp/vp_check.h"
#include "include/x86.h"

#define XAT(field) ((u32)offsetof(struct vp_xsave, field))
#define MXCSR_RESET 0x1f80u
#define FCW_RESET 0x037f

/*
 * A component whose XSTATE_BV bit is clear is in its init state, whatever the
 * bytes of the area say (SDM 13.6). MXCSR is not covered by the bit; the data
 * pointer in front of it is the x87's.
 */
static u64 component_of(u32 at)
{
	if (at >= VP_XSAVE_YMM_OFFSET)
		return XSTATE_AVX;
	return at >= XAT(legacy.xmm) ? XSTATE_SSE : XSTATE_X87;
}

static void fill_init(struct vp_xsave *x, u64 component)
{
	/* SDM 13.6: the init state of x87 is that of FNINIT, all others are
	 * zero. */
	static const u16 fcw = FCW_RESET;
	u8 *ymm = x->extended + (VP_XSAVE_YMM_OFFSET - 576);

	if (component == XSTATE_X87) {
		__builtin_memset(x->legacy.control_status, 0, 16);
		__builtin_memset(x->legacy.fp_mmx, 0, sizeof(x->legacy.fp_mmx));
		__builtin_memset(x->legacy.xmm_control_status, 0, 8);
		arch_copy(x->legacy.control_status, &fcw, sizeof(fcw));
	} else if (component == XSTATE_SSE) {
		__builtin_memset(x->legacy.xmm, 0, sizeof(x->legacy.xmm));
	} else {
		__builtin_memset(ymm, 0, 256);
	}
}

static bool in_init_state(const struct vp_xsave *x, u64 component)
{
	return arch_facts()->has_xsave && !(x->xstate_bv & component);
}

/* Reading changes nothing: a save may stand between two chunks of the VP. */
void vp_xsave_get(const struct vp_xsave *x, u32 at, union hv_register_value *v)
{
	bool init = in_init_state(x, component_of(at));

	arch_copy(v, (const u8 *)x + at, 16);
	if (!init)
		return;
	/* Whatever the bytes are that an earlier state has left there. */
	v->reg128[0] = at == XAT(legacy.control_status) ? FCW_RESET : 0;
	if (at != XAT(legacy.xmm_control_status))
		v->reg128[1] = 0;
}

/* Bytes of a component that are about to be written become real. */
static u8 *real_place(struct vp_xsave *x, u32 at)
{
	u64 component = component_of(at);

	if (in_init_state(x, component)) {
		fill_init(x, component);
		x->xstate_bv |= component;
	}
	return (u8 *)x + at;
}

void vp_xsave_set(struct vp_xsave *x, u32 at, const union hv_register_value *v)
{
	union hv_register_value copy = *v;

	/* The MXCSR mask is the processor's, not the guest's. */
	if (at == XAT(legacy.xmm_control_status))
		copy.reg128[1] = (copy.reg128[1] & 0xffffffff) |
		                 (u64)arch_facts()->compat.mxcsr_mask << 32;
	arch_copy(real_place(x, at), &copy, 16);
}

bool vp_xsave_valid(const struct vp_xsave *x)
{
	if (!vp_check_mxcsr(x->legacy.xmm_control_status))
		return false;
	/* XRSTOR would fault in the hypervisor, between two guests. */
	if (x->xcomp_bv || (x->xstate_bv & ~arch_facts()->compat.xcr0))
		return false;
	for (u32 i = 0; i < ARRAY_LEN(x->rsvd); i++)
		if (x->rsvd[i])
			return false;
	return true;
}

void vp_xsave_reset(struct vp_xsave *x)
{
	u32 mxcsr[2] = { MXCSR_RESET, arch_facts()->compat.mxcsr_mask };

	/* XSTATE_BV is 0: every component is in its init state by that. FCW is
	 * for FXRSTOR, which knows no such bits; MXCSR is loaded in any case
	 * (SDM 13.8.1). */
	arch_zero_page(x);
	fill_init(x, XSTATE_X87);
	arch_copy(x->legacy.xmm_control_status + 8, mxcsr, sizeof(mxcsr));
}
