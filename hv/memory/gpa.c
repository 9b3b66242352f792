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

		/* A place is its page + 1, so one that is equal lies a page
		 * below. */
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

	/* A bit of the filter may be that of others too, 64 pages apart: it is
	 * made anew from who is left. */
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
	/* Two generations of headers: 4 is executable in TLFS 2.0; in later
	 * ones it is of supervisor code alone and 8 of user code, and both of
	 * them are set. User code alone takes mode-based execute control, which
	 * we do not use. */
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
	/* An entry that can be written and not read is a misconfiguration (SDM
	 * 28.2.3.1); one that can be executed alone is an option of the
	 * processor, which not each has. */
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

/* From a page without one up to the next that may have one. */
static u32 pages_to_overlay(const struct gpa_space *space, u64 gpn)
{
	u64 ahead = space->overlay_filter >> gpn % 64;

	/* What the shift has dropped is of the pages behind those. */
	if (ahead >> 1)
		return (u32)__builtin_ctzll(ahead & ~1ull);
	return 64 - (u32)(gpn % 64);
}

u32 gpa_run_near(const struct gpa_space *space, struct arch_cursor *cursor,
                 u64 gpn, u32 most, struct arch_mapping *m)
{
	u32 clear = most;

	if (space->overlay_filter) {
		if (overlay_at(space, gpn))
			return gpa_lookup_near(space, cursor, gpn, m);
		clear = pages_to_overlay(space, gpn);
	}
	return arch_space_run_near(&space->arch, cursor, gpa_of_page(gpn),
	                           clear < most ? clear : most, m);
}

bool gpa_mark_near(struct gpa_space *space, struct arch_cursor *cursor, u64 gpn,
                   bool marked, struct arch_mapping *m)
{
	struct gpa_overlay *o = overlay_at(space, gpn);
	bool was;

	if (!o)
		return arch_space_mark_near(&space->arch, cursor,
		                            gpa_of_page(gpn), marked, m);
	/* What it hides may be gone: the record still says what it was. */
	*m = o->under;
	if (!o->under_mapped)
		m->rights = 0;
	was = o->under_marked;
	o->under_marked = marked;
	return was;
}

/* False: the pool has no pages for its tables. */
static bool show(struct gpa_space *space, struct gpa_overlay *o)
{
	if (!o->shown)
		o->shown = arch_space_map(&space->arch,
		                          gpa_of_page(o->place - 1),
		                          arch_page_hpa(o->page), o->rights);
	return o->shown;
}

bool gpa_overlay_show(struct gpa_space *space, u64 gpn)
{
	struct gpa_overlay *o = overlay_at(space, gpn);

	/* One that shows was found, and refused what the guest did there. */
	return o && !o->shown && show(space, o);
}

enum hv_status gpa_map(struct gpa_space *space, u64 gpn, hpa_t page, u32 rights)
{
	struct gpa_overlay *o = overlay_at(space, gpn);
	struct arch_mapping old;
	bool replaces = gpa_lookup(space, gpn, &old);

	/* Counted before the old one is dropped: a page that is mapped again
	 * where it is never has the count 0, at which its owner could be
	 * changed. */
	if (!frame_add_mapping(page))
		return HV_STATUS_NO_RESOURCES;
	/* Its tables are those that the page needs when the overlay goes. */
	if (o && !show(space, o)) {
		frame_drop_mapping(page);
		return HV_STATUS_INSUFFICIENT_MEMORY;
	}
	if (o) {
		o->under = (struct arch_mapping){ page, rights };
		o->under_mapped = true;
		o->under_marked = false;
	} else if (!arch_space_map(&space->arch, gpa_of_page(gpn), page,
	                           rights)) {
		frame_drop_mapping(page);
		return HV_STATUS_INSUFFICIENT_MEMORY;
	}
	/* A TLB may still have what was replaced; the turn ends with a flush,
	 * before anybody can make anything else of that page. */
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

	/* By lookup, which sees through an overlay: what its parent takes away
	 * there is the page beneath. */
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

	/* The root has an overlay where the page was deposited from: it comes
	 * back beneath, and shows when that goes. */
	if (!o)
		return arch_space_map(&space->arch, gpa_of(page.v), page,
		                      rights);
	if (!show(space, o))
		return false;
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
	bool mapped, shown;

	if (o->place == gpn + 1) {
		show(space, o);
		return HV_STATUS_SUCCESS;
	}
	if (gpn >= gpa_limit() || overlay_at(space, gpn))
		return HV_STATUS_INVALID_PARAMETER;
	/* What is beneath has to be read before it is covered. */
	mapped = gpa_lookup(space, gpn, &under);
	shown = arch_space_map(&space->arch, gpa_of_page(gpn),
	                       arch_page_hpa(page), rights);
	/* A large leaf of the root's, to be split; a child's tables are there. */
	if (!shown && mapped)
		return HV_STATUS_INSUFFICIENT_MEMORY;
	/* Uncovers the old place. The record is linked by its place, so it
	 * leaves the list before that changes. */
	gpa_overlay_clear(space, o);
	*o = (struct gpa_overlay){ .place = gpn + 1,
		                   .page = page,
		                   .rights = rights,
		                   .shown = shown,
		                   .under_mapped = mapped,
		                   .under = under };
	overlay_link(space, o);
	/* A guest's write to an MSR does not depend on its pool: who finds
	 * nothing there asks again (gpa_overlay_show). The tables of the old
	 * place may be enough. */
	show(space, o);
	arch_space_flush(&space->arch);
	return HV_STATUS_SUCCESS;
}

/* The tables for the page exist, so putting back what was there cannot fail. */
void gpa_overlay_clear(struct gpa_space *space, struct gpa_overlay *o)
{
	gpa_t gpa = gpa_of_page(o->place - 1);

	if (!o->place)
		return;
	/* The list is in order of places, so it leaves that by the one it
	 * has. */
	overlay_unlink(space, o);
	o->place = 0;
	/* Nothing lies under one that never showed (gpa_map). */
	if (o->under_mapped)
		CHECK(arch_space_map(&space->arch, gpa, o->under.page,
		                     o->under.rights));
	else if (o->shown)
		CHECK(arch_space_unmap(&space->arch, gpa));
	arch_space_flush(&space->arch);
}

bool gpa_has_overlay(const struct gpa_space *space, u64 gpn)
{
	return overlay_at(space, gpn) != NULL;
}

/* By its tables. Apart from gpa_pin, as the root has none and makes most calls. */
__attribute__((noinline)) static void *pin_mapped(const struct gpa_space *space,
                                                  gpa_t gpa, u32 rights)
{
	struct arch_mapping m;

	if (!arch_space_lookup(&space->arch, gpa, &m) ||
	    (m.rights & rights) != rights || frame_owner(m.page) != FRAME_ROOT)
		return NULL;
	return (u8 *)arch_page(m.page) + gpa.v % PAGE_SIZE;
}

void *gpa_pin(const struct gpa_space *space, gpa_t gpa, u32 bytes, u32 rights)
{
	u64 offset = gpa.v % PAGE_SIZE;
	hpa_t page = hpa_of(gpa.v - offset);

	/* Callers split at pages; two pages that follow one another for the
	 * guest do not for us. */
	CHECK(offset + bytes <= PAGE_SIZE);
	/* An overlay is the hypervisor's own page, or shared by partitions: a
	 * guest that names it as a block or a stack must not have us write it
	 * past the rights that its map gives. */
	if (overlay_at(space, gpa.v >> PAGE_SHIFT))
		return NULL;
	if (!space->arch.identity)
		return pin_mapped(space, gpa, rights);
	/* The root's own RAM is where it is, with all rights: no need to look. But only
	 * RAM is anybody's memory: in its own space an address may be a device, where a
	 * read has effects, or ours. */
	if (frame_owner(page) != FRAME_ROOT)
		return NULL;
	return (u8 *)arch_page(page) + offset;
}
