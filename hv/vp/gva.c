/*
 * Walks of a guest's page tables (SDM volume 3, 4.3 to 4.5), at most four steps.
 */
#include "hv/vp/gva.h"

#include "hv/arch.h"
#include "hv/memory/gpa.h"
#include "hv/vp/partition.h"
#include "hv/vp/vp.h"
#include "include/x86.h"

#define PSE36_SHIFT 19 /* bits 20:13 of a 4-MiB entry are 39:32 */

/* How an entry of a level is found: the lowest of its bits, and of how many. */
struct walk {
	u32 levels;
	u32 entry; /* bytes */
	u32 bits;  /* of the address, a level */
	bool large[4];
};

static const struct walk walk_32 = { 2, 4, 10, { false, true } };
static const struct walk walk_pae = { 2, 8, 9, { false, true } };
static const struct walk walk_64 = { 4, 8, 9, { false, true, true, false } };

static bool read_entry(const struct vp *vp, u64 at, u32 bytes, u64 *entry)
{
	const void *place =
		gpa_pin(&vp->partition->space, gpa_of(at), bytes, ARCH_READ);

	*entry = 0;
	if (!place)
		return false;
	arch_copy(entry, place, bytes);
	return *entry & PTE_P;
}

static u64 large_page(const struct walk *w, u64 entry, u64 size)
{
	u64 base = entry & PTE_ADDRESS & ~(size - 1);

	if (w->entry == 4)
		base = (entry & 0xffc00000) | (entry & 0x1fe000) << PSE36_SHIFT;
	return base;
}

static bool walk(const struct vp *vp, const struct walk *w, u64 table,
                 u64 linear, gpa_t *gpa)
{
	bool pse = w->entry == 8 || (vp->state.cr4 & CR4_PSE);
	u64 entry = 0;

	for (u32 level = w->levels; level-- > 0;) {
		u32 shift = PAGE_SHIFT + level * w->bits;
		u64 index = linear >> shift & (BIT(w->bits) - 1);

		if (!read_entry(vp, table + index * w->entry, w->entry, &entry))
			return false;
		if (w->large[level] && pse && (entry & PTE_LARGE)) {
			gpa->v = large_page(w, entry, BIT(shift)) |
			         (linear & (BIT(shift) - 1));
			return true;
		}
		table = entry & PTE_ADDRESS;
	}
	gpa->v = table | (linear & (PAGE_SIZE - 1));
	return true;
}

bool gva_translate(struct vp *vp, u64 linear, gpa_t *gpa)
{
	const struct vp_state *s = vp_state_part(vp, VP_PART_PAGING);
	u64 top;

	if (!(s->cr0 & CR0_PG)) {
		gpa->v = linear;
		return true;
	}
	if (s->efer & EFER_LMA)
		return walk(vp, &walk_64, s->cr3 & PTE_ADDRESS, linear, gpa);
	if (s->cr4 & CR4_PAE) {
		/* The top level is in the processor. */
		top = s->pdpte[linear >> 30 & 3];
		return (top & PTE_P) &&
		       walk(vp, &walk_pae, top & PTE_ADDRESS, linear, gpa);
	}
	return walk(vp, &walk_32, s->cr3 & 0xfffff000, linear, gpa);
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

	if (gva_code_width(vp) != 8)
		return (u32)(base + offset);
	return segment == VP_FS || segment == VP_GS ? base + offset : offset;
}

bool gva_pin(struct vp *vp, u64 linear, u32 bytes, u32 rights,
             struct gva_place *place)
{
	u32 room = (u32)(PAGE_SIZE - linear % PAGE_SIZE);
	gpa_t gpa;

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
