/*
 * Linear addresses of a VP: its registers and its memory, for the walk of its page
 * tables (lib/walk.c).
 */
#include "hv/vp/gva.h"

#include "hv/arch.h"
#include "hv/memory/gpa.h"
#include "hv/vp/partition.h"
#include "hv/vp/vp.h"
#include "include/x86.h"
#include "lib/walk.h"

static bool read_memory(const void *context, u64 gpa, void *to, u32 bytes)
{
	const struct vp *vp = context;
	const void *from =
		gpa_pin(&vp->partition->space, gpa_of(gpa), bytes, ARCH_READ);

	/* A table in no page that it may read: the walk ends, as the
	 * processor's would with a violation of the second-level tables. */
	if (!from)
		return false;
	arch_copy(to, from, bytes);
	return true;
}

bool gva_translate(struct vp *vp, u64 linear, gpa_t *gpa)
{
	const struct vp_state *s = vp_state_part(vp, VP_PART_PAGING);
	const struct walk_guest guest = {
		.cr0 = s->cr0,
		.cr3 = s->cr3,
		.cr4 = s->cr4,
		.efer = s->efer,
		.pdpte = s->pdpte,
		.read = read_memory,
		.context = vp,
	};

	return walk_translate(&guest, linear, &gpa->v);
}

u32 gva_code_width(struct vp *vp)
{
	const struct vp_state *s = vp_state_part(vp, VP_PART_CORE);
	u16 cs = s->segment[VP_CS].attributes;

	if (vp_state_is_64(s))
		return 8;
	return cs & RIGHTS_DB ? 4 : 2;
}

/* In 64-bit mode FS and GS alone have bases (SDM volume 1, 3.4.2.1). */
u64 gva_linear(struct vp *vp, u32 segment, u64 offset)
{
	const struct vp_state *s =
		vp_state_part(vp, VP_PART_SEGMENTS | VP_PART_CODE);
	u64 base = s->segment[segment].base;

	/* Outside 64-bit mode linear addresses have 32 bits, and turn over. */
	if (gva_code_width(vp) != 8)
		return (u32)(base + offset);
	return segment == VP_FS || segment == VP_GS ? base + offset : offset;
}

bool gva_pin(struct vp *vp, u64 linear, u32 bytes, u32 rights,
             struct gva_place *place)
{
	u32 room = (u32)(PAGE_SIZE - linear % PAGE_SIZE);
	gpa_t gpa;

	/* Both pages before a byte moves: an access that crosses into one that
	 * is not there has done nothing. */
	place->count[0] = bytes < room ? bytes : room;
	place->count[1] = bytes - place->count[0];
	for (u32 i = 0; i < 2 && place->count[i]; i++) {
		if (!gva_translate(vp, linear, &gpa))
			return false;
		place->at[i] = gpa_pin(&vp->partition->space, gpa,
		                       place->count[i], rights);
		if (!place->at[i])
			return false;
		linear += place->count[i];
	}
	return true;
}

void gva_read(const struct gva_place *from, u8 *to)
{
	arch_copy(to, from->at[0], from->count[0]);
	if (from->count[1])
		arch_copy(to + from->count[0], from->at[1], from->count[1]);
}

void gva_write(const struct gva_place *to, const u8 *from)
{
	arch_copy(to->at[0], from, to->count[0]);
	if (to->count[1])
		arch_copy(to->at[1], from + to->count[0], to->count[1]);
}

u32 gva_fetch(struct vp *vp, u8 *to, u32 bytes)
{
	const struct vp_state *s =
		vp_state_part(vp, VP_PART_RIP | VP_PART_CODE);
	u64 linear = s->rip;
	const u8 *from;
	u32 count, done;
	gpa_t gpa;

	if (gva_code_width(vp) != 8)
		linear = (u32)(s->segment[VP_CS].base + s->rip);
	/* As far as there are bytes: an instruction may end before the page
	 * that is missing. */
	for (done = 0; done < bytes; done += count) {
		if (!gva_translate(vp, linear + done, &gpa))
			break;
		count = (u32)(PAGE_SIZE - gpa.v % PAGE_SIZE);
		count = count < bytes - done ? count : bytes - done;
		from = gpa_pin(&vp->partition->space, gpa, count, ARCH_READ);
		if (!from)
			break;
		arch_copy(to + done, from, count);
	}
	return done;
}
