/*
 * Guest-physical spaces: the parent's mappings, with overlays on top. The
 * hardware map holds what the guest sees; what an overlay hides is kept in the
 * overlay's record.
 */
#include "hv/memory/gpa.h"

#include "hv/base/check.h"
#include "hv/memory/frame.h"

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
static inline struct gpa_overlay *overlay_at(const struct gpa_space *space,
                                             u64 gpn)
{
	if (!(space->overlay_filter >> gpn % 64 & 1))
		return NULL;
	return search(space, gpn);
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

bool gpa_lookup(const struct gpa_space *space, u64 gpn, struct arch_mapping *m)
{
	struct arch_cursor cursor = { .table = NULL };

	return gpa_lookup_near(space, &cursor, gpn, m);
}

bool gpa_lookup_near(const struct gpa_space *space, struct arch_cursor *cursor,
                     u64 gpn, struct arch_mapping *m)
{
	const struct gpa_overlay *o = overlay_at(space, gpn);

	if (!o)
		return arch_space_lookup_near(&space->arch, cursor,
		                              gpa_of_page(gpn), m);
	if (o->under_mapped)
		*m = o->under;
	return o->under_mapped;
}

bool gpa_mark_near(struct gpa_space *space, struct arch_cursor *cursor, u64 gpn,
                   bool marked)
{
	struct gpa_overlay *o = overlay_at(space, gpn);
	bool was;

	if (!o)
		return arch_space_mark_near(&space->arch, cursor,
		                            gpa_of_page(gpn), marked);
	was = o->under_marked;
	o->under_marked = marked;
	return was;
}

enum hv_status gpa_map(struct gpa_space *space, u64 gpn, hpa_t page, u32 rights)
{
	struct gpa_overlay *o = overlay_at(space, gpn);
	struct arch_mapping old;
	bool replaces = gpa_lookup(space, gpn, &old);

	if (!frame_add_mapping(page))
		return HV_STATUS_NO_RESOURCES;
	if (o) {
		o->under = (struct arch_mapping){ page, rights };
		o->under_mapped = true;
		o->under_marked = false;
	} else if (!arch_space_map(&space->arch, gpa_of_page(gpn), page,
	                           rights)) {
		frame_drop_mapping(page);
		return HV_STATUS_INSUFFICIENT_MEMORY;
	}
	if (replaces)
		frame_drop_mapping(old.page);
	else
		space->mapped++;
	return HV_STATUS_SUCCESS;
}

void gpa_unmap(struct gpa_space *space, u64 gpn)
{
	struct gpa_overlay *o = overlay_at(space, gpn);
	struct arch_mapping old;

	if (!gpa_lookup(space, gpn, &old))
		return;
	if (o)
		o->under_mapped = false;
	else
		CHECK(arch_space_unmap(&space->arch, gpa_of_page(gpn)));
	frame_drop_mapping(old.page);
	space->mapped--;
}

bool gpa_put_back(struct gpa_space *space, hpa_t page)
{
	u32 rights = ARCH_READ | ARCH_WRITE | ARCH_EXECUTE;
	struct gpa_overlay *o = overlay_at(space, page.v >> PAGE_SHIFT);

	if (!o)
		return arch_space_map(&space->arch, gpa_of(page.v), page,
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
enum arch_next gpa_next(const struct gpa_space *space, u64 *gpn,
                        struct arch_mapping *m, u32 *budget)
{
	gpa_t gpa = gpa_of_page(*gpn);
	enum arch_next r = arch_space_next(&space->arch, &gpa, m, budget);
	const struct gpa_overlay *o;

	*gpn = gpa.v >> PAGE_SHIFT;
	if (r != ARCH_NEXT_FOUND)
		return r;
	o = overlay_at(space, *gpn);
	if (!o)
		return ARCH_NEXT_FOUND;
	if (o->under_mapped) {
		*m = o->under;
		return ARCH_NEXT_FOUND;
	}
	(*gpn)++;
	return ARCH_NEXT_AGAIN;
}

enum hv_status gpa_overlay_set(struct gpa_space *space, struct gpa_overlay *o,
                               u64 gpn, const void *page, u32 rights)
{
	struct arch_mapping under = { .rights = 0 };
	bool mapped;

	if (o->place == gpn + 1)
		return HV_STATUS_SUCCESS;
	if (gpn >= gpa_limit() || overlay_at(space, gpn))
		return HV_STATUS_INVALID_PARAMETER;
	mapped = gpa_lookup(space, gpn, &under);
	if (!arch_space_map(&space->arch, gpa_of_page(gpn), arch_page_hpa(page),
	                    rights))
		return HV_STATUS_INSUFFICIENT_MEMORY;
	gpa_overlay_clear(space, o);
	*o = (struct gpa_overlay){ gpn + 1, mapped, false, under };
	overlay_link(space, o);
	arch_space_flush(&space->arch);
	return HV_STATUS_SUCCESS;
}

/* The tables for the page exist, so putting back what was there cannot fail. */
void gpa_overlay_clear(struct gpa_space *space, struct gpa_overlay *o)
{
	gpa_t gpa = gpa_of_page(o->place - 1);

	if (!o->place)
		return;
	overlay_unlink(space, o);
	o->place = 0;
	if (o->under_mapped)
		CHECK(arch_space_map(&space->arch, gpa, o->under.page,
		                     o->under.rights));
	else
		CHECK(arch_space_unmap(&space->arch, gpa));
	arch_space_flush(&space->arch);
}

bool gpa_has_overlay(const struct gpa_space *space, u64 gpn)
{
	return overlay_at(space, gpn) != NULL;
}

void *gpa_pin(const struct gpa_space *space, gpa_t gpa, u32 bytes, u32 rights)
{
	u64 offset = gpa.v % PAGE_SIZE;
	u64 gpn = gpa.v >> PAGE_SHIFT;
	struct arch_mapping m;

	CHECK(offset + bytes <= PAGE_SIZE);
	if (overlay_at(space, gpn))
		return NULL;
	/* The root's own RAM is where it is, with all rights: no need to look. */
	m.page = hpa_of(gpa.v - offset);
	if (!space->arch.identity &&
	    (!arch_space_lookup(&space->arch, gpa, &m) ||
	     (m.rights & rights) != rights))
		return NULL;
	if (frame_owner(m.page) != FRAME_ROOT)
		return NULL;
	return (u8 *)arch_page(m.page) + offset;
}
