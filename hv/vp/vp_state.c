/*
 * A VP's plain state: which part of it a field belongs to.
 */
#include "hv/vp/vp_state.h"

#include "include/x86.h"

#define AT(field) ((u32)offsetof(struct vp_state, field))

/* From this offset on, up to the next row's. */
/*
 * One fact in one place, for registers by their offset, and for the tests,
 * which hold arch/'s capture against it. 0: always here.
 */
static const struct {
	u32 offset;
	u32 part;
} parts[] = {
	{ AT(gpr), 0 },
	{ AT(rip), VP_PART_RIP },
	{ AT(rflags), VP_PART_CORE },
	{ AT(cr2), VP_PART_LIVE },
	{ AT(cr3), VP_PART_PAGING },
	{ AT(xcr0), VP_PART_LIVE },
	{ AT(efer), VP_PART_CORE },
	{ AT(dr), VP_PART_LIVE },
	{ AT(dr7), VP_PART_CODE },
	{ AT(segment[VP_ES]), VP_PART_SEGMENTS },
	{ AT(segment[VP_CS]), VP_PART_CODE },
	{ AT(segment[VP_SS]), VP_PART_SEGMENTS },
	{ AT(tsc_offset), VP_PART_OURS },
	{ AT(kernel_gs_base), VP_PART_LIVE },
	{ AT(apic_base), 0 },
	{ AT(pat), VP_PART_MSRS },
	{ AT(star), VP_PART_OURS },
	{ AT(debugctl), VP_PART_MSRS },
	{ AT(mtrr_def_type), 0 },
	{ AT(activity), VP_PART_OURS },
	{ AT(interrupt_state), VP_PART_CORE },
	{ AT(pending_debug), VP_PART_MSRS },
};

u32 vp_state_part_of(u32 offset)
{
	u32 part = 0;

	/* The last row that begins at or before it. */
	for (u32 i = 0; i < ARRAY_LEN(parts) && parts[i].offset <= offset; i++)
		part = parts[i].part;
	return part;
}

bool vp_state_uses_pdptes(const struct vp_state *s)
{
	/* PAE tables of 64-bit mode have no entries in the processor. */
	return (s->cr0 & CR0_PG) && (s->cr4 & CR4_PAE) && !(s->efer & EFER_LMA);
}

bool vp_state_is_64(const struct vp_state *s)
{
	return (s->efer & EFER_LMA) &&
	       (s->segment[VP_CS].attributes & RIGHTS_L);
}
