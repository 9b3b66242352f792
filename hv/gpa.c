/*
 * Guest-physical spaces: the parent's mappings, with overlays on top. The
 * hardware map holds what the guest sees; what an overlay hides is kept in the
 * overlay's record.
 */
#include "hv/gpa.h"

#include "hv/check.h"
#include "hv/frame.h"
#include "hv/partition.h"

/* How many overlays lie below this page. */
static u32 overlays_below(const struct gpa_space *space, u64 gpn)
{
	u32 from = 0, to = space->overlay_count;

	while (from < to) {
		u32 middle = (from + to) / 2;

		if (space->overlays[middle]->place <= gpn)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

static struct gpa_overlay *search(const struct gpa_space *space, u64 gpn)
{
	u32 at = overlays_below(space, gpn);

	if (at == space->overlay_count || space->overlays[at]->place != gpn + 1)
		return NULL;
	return space->overlays[at];
}

/* Every call asks for the pages of its blocks: few instructions for a no. */
static inline struct gpa_overlay *overlay_at(const struct partition *p, u64 gpn)
{
	if (!(p->space.overlay_filter >> gpn % 64 & 1))
		return NULL;
	return search(&p->space, gpn);
}

static u64 filter_bit(const struct gpa_overlay *o)
{
	return BIT((o->place - 1) % 64);
}

static void overlay_link(struct gpa_space *space, struct gpa_overlay *o)
{
	u32 at = overlays_below(space, o->place - 1);

	CHECK(space->overlay_count < GPA_OVERLAYS);
	for (u32 i = space->overlay_count++; i > at; i--)
		space->overlays[i] = space->overlays[i - 1];
	space->overlays[at] = o;
	space->overlay_filter |= filter_bit(o);
}

static void overlay_unlink(struct gpa_space *space, struct gpa_overlay *o)
{
	u32 at = overlays_below(space, o->place - 1);

	space->overlay_count--;
	space->overlay_filter = 0;
	for (u32 i = 0; i < space->overlay_count; i++) {
		if (i >= at)
			space->overlays[i] = space->overlays[i + 1];
		space->overlay_filter |= filter_bit(space->overlays[i]);
	}
}

u64 gpa_limit(void)
{
	return 1ull << (arch_facts()->compat.phys_bits - PAGE_SHIFT);
}

bool gpa_rights(u32 map_flags, u32 *rights)
{
	u32 x = map_flags &
	        (HV_MAP_GPA_EXECUTABLE | HV_MAP_GPA_USER_EXECUTABLE);

	map_flags &= ~x;
	if (map_flags == HV_MAP_GPA_NO_ACCESS && !x) {
		*rights = 0;
		return true;
	}
	if (x == HV_MAP_GPA_USER_EXECUTABLE)
		return false;
	*rights = (map_flags & (ARCH_READ | ARCH_WRITE)) |
	          (x ? ARCH_EXECUTE : 0);
	if (map_flags & ~(HV_MAP_GPA_READABLE | HV_MAP_GPA_WRITABLE))
		return false;
	return *rights == 0 || (*rights & ARCH_READ);
}

bool gpa_lookup(const struct partition *p, u64 gpn, struct arch_mapping *m)
{
	struct arch_cursor cursor = { .table = NULL };

	return gpa_lookup_near(p, &cursor, gpn, m);
}

bool gpa_lookup_near(const struct partition *p, struct arch_cursor *cursor,
                     u64 gpn, struct arch_mapping *m)
{
	const struct gpa_overlay *o = overlay_at(p, gpn);

	if (!o)
		return arch_space_lookup_near(&p->space.arch, cursor,
		                              gpa_of_page(gpn), m);
	if (o->under_mapped)
		*m = o->under;
	return o->under_mapped;
}

bool gpa_mark_near(struct partition *p, struct arch_cursor *cursor, u64 gpn,
                   bool marked)
{
	struct gpa_overlay *o = overlay_at(p, gpn);
	bool was;

	if (!o)
		return arch_space_mark_near(&p->space.arch, cursor,
		                            gpa_of_page(gpn), marked);
	was = o->under_marked;
	o->under_marked = marked;
	return was;
}

enum hv_status gpa_map(struct partition *p, u64 gpn, hpa_t page, u32 rights)
{
	struct gpa_overlay *o = overlay_at(p, gpn);
	struct arch_mapping old;
	bool replaces = gpa_lookup(p, gpn, &old);

	if (!frame_add_mapping(page))
		return HV_STATUS_NO_RESOURCES;
	if (o) {
		o->under = (struct arch_mapping){ page, rights };
		o->under_mapped = true;
		o->under_marked = false;
	} else if (!arch_space_map(&p->space.arch, gpa_of_page(gpn), page,
	                           rights)) {
		frame_drop_mapping(page);
		return HV_STATUS_INSUFFICIENT_MEMORY;
	}
	if (replaces)
		frame_drop_mapping(old.page);
	else
		p->space.mapped++;
	return HV_STATUS_SUCCESS;
}

void gpa_unmap(struct partition *p, u64 gpn)
{
	struct gpa_overlay *o = overlay_at(p, gpn);
	struct arch_mapping old;

	if (!gpa_lookup(p, gpn, &old))
		return;
	if (o)
		o->under_mapped = false;
	else
		CHECK(arch_space_unmap(&p->space.arch, gpa_of_page(gpn)));
	frame_drop_mapping(old.page);
	p->space.mapped--;
}

bool gpa_put_back(struct partition *p, hpa_t page)
{
	u32 rights = ARCH_READ | ARCH_WRITE | ARCH_EXECUTE;
	struct gpa_overlay *o = overlay_at(p, page.v >> PAGE_SHIFT);

	if (!o)
		return arch_space_map(&p->space.arch, gpa_of(page.v), page,
		                      rights);
	o->under = (struct arch_mapping){ page, rights };
	o->under_mapped = true;
	return true;
}

/*
 * The hardware walk meets overlays as mappings and never meets what lies under
 * them: the overlays between the start and the walk's find are looked at by
 * themselves.
 */
enum arch_next gpa_next(const struct partition *p, u64 *gpn,
                        struct arch_mapping *m, u32 *budget)
{
	gpa_t gpa = gpa_of_page(*gpn);
	enum arch_next r = arch_space_next(&p->space.arch, &gpa, m, budget);
	const struct gpa_overlay *o;

	*gpn = gpa.v >> PAGE_SHIFT;
	if (r != ARCH_NEXT_FOUND)
		return r;
	o = overlay_at(p, *gpn);
	if (!o)
		return ARCH_NEXT_FOUND;
	if (o->under_mapped) {
		*m = o->under;
		return ARCH_NEXT_FOUND;
	}
	(*gpn)++;
	return ARCH_NEXT_AGAIN;
}

bool gpa_overlay_set(struct partition *p, struct gpa_overlay *o, u64 gpn,
                     const void *page, u32 rights)
{
	struct arch_mapping under = { .rights = 0 };
	bool mapped;

	if (o->place == gpn + 1)
		return true;
	if (gpn >= gpa_limit() || overlay_at(p, gpn))
		return false;
	mapped = gpa_lookup(p, gpn, &under);
	if (!arch_space_map(&p->space.arch, gpa_of_page(gpn),
	                    arch_page_hpa(page), rights))
		return false;
	gpa_overlay_clear(p, o);
	*o = (struct gpa_overlay){ gpn + 1, mapped, false, under };
	overlay_link(&p->space, o);
	arch_space_flush(&p->space.arch);
	return true;
}

/* The tables for the page exist, so putting back what was there cannot fail. */
void gpa_overlay_clear(struct partition *p, struct gpa_overlay *o)
{
	gpa_t gpa = gpa_of_page(o->place - 1);

	if (!o->place)
		return;
	overlay_unlink(&p->space, o);
	o->place = 0;
	if (o->under_mapped)
		CHECK(arch_space_map(&p->space.arch, gpa, o->under.page,
		                     o->under.rights));
	else
		CHECK(arch_space_unmap(&p->space.arch, gpa));
	arch_space_flush(&p->space.arch);
}

bool gpa_has_overlay(const struct partition *p, u64 gpn)
{
	return overlay_at(p, gpn) != NULL;
}

void *gpa_pin(const struct partition *p, gpa_t gpa, u32 bytes, u32 rights)
{
	u64 offset = gpa.v % PAGE_SIZE;
	u64 gpn = gpa.v >> PAGE_SHIFT;
	struct arch_mapping m;

	CHECK(offset + bytes <= PAGE_SIZE);
	if (overlay_at(p, gpn))
		return NULL;
	/* The root's own RAM is where it is, with all rights: no need to look. */
	m.page = hpa_of(gpa.v - offset);
	if (p->parent && (!arch_space_lookup(&p->space.arch, gpa, &m) ||
	                  (m.rights & rights) != rights))
		return NULL;
	if (frame_owner(m.page) != FRAME_ROOT)
		return NULL;
	return (u8 *)arch_page(m.page) + offset;
}
