/*
 * A processor looks at some of these bits alone, which of them depends on the register, and
 * so may leave the others as it likes: they get the one value that they can have.
 */
#include "arch/x86_64/svm/segment.h"

#include "hv/vp/vp_state.h"
#include "include/x86.h"

#define V86_RIGHTS 0xf3u
#define LIMIT_IN_BYTES 0xfffffu /* what a limit can be without G */

/* CS and TR are never null: P is not looked at. A task register that is loaded is busy. */
static u32 always(u32 index)
{
	if (index == VP_TR)
		return RIGHTS_P | TYPE_BUSY;
	return index == VP_CS ? RIGHTS_P : 0;
}

u16 segment_rights(const struct vmcb_segment *s, u32 index, u8 cpl, bool v86)
{
	u32 rights = vmcb_rights(s->attributes) | always(index);

	if (v86 && index <= VP_GS)
		return V86_RIGHTS;
	/* CPL has a field of its own; in the TLFS, as in VT-x, it is the DPL of SS. */
	if (index == VP_SS)
		rights = (rights & ~RIGHTS_DPL) | (u32)cpl << RIGHTS_DPL_SHIFT;
	if (!(rights & RIGHTS_P))
		return (u16)rights;
	/* The descriptor of a segment that is loaded has been marked. */
	if (index <= VP_GS && (rights & RIGHTS_S))
		rights |= TYPE_ACCESSED;
	/* The limit is in bytes already; of CS not all processors keep G. */
	if (s->limit > LIMIT_IN_BYTES)
		rights |= RIGHTS_G;
	return (u16)rights;
}
