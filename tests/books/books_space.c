/*
 * GPA spaces: tables as the processor walks them, leaf by leaf.
 */
#include "hv/base/cpu.h"
#include "hv/memory/frame.h"
#include "hv/vp/vp.h"
#include "include/x86.h"
#include "tests/books/books.h"

/* Our own mark in an entry; the rest is the same in both vendors' tables (SDM 28.3.2, APM
 * volume 2, 15.25.5), as in a processor's own. */
#define USED BIT(52)
#define ENTRIES 512u
#define TOP 3u
#define ALL (ARCH_READ | ARCH_WRITE | ARCH_EXECUTE)

/* A space that is being looked at. */
struct looked {
	struct books *b;
	const struct partition *p;
	u64 filter; /* bit GPN % 64 of each overlay: most leaves are none */
	u64 mapped;
	u32 shown; /* overlays that were met as leaves */
};

/* ---- Overlay pages ---- */

/* Of those that a partition may have: the one that this record is, or none. */
struct known {
	const struct gpa_overlay *record;
	const void *page;
	u32 rights;
};

/* The row of number i; false: there are no more. A row without a record is none. */
static bool known_row(const struct partition *p, u32 i, struct known *k)
{
	const struct vp *vp;

	*k = (struct known){ .record = NULL };
	if (i == 0) {
		*k = (struct known){ &p->hypercall_overlay,
			             arch_hypercall_page(),
			             ARCH_READ | ARCH_EXECUTE };
		return true;
	}
	if (i == 1) {
		*k = (struct known){ &p->reference.overlay, p->reference.page,
			             ARCH_READ };
		return true;
	}
	if (i >= GPA_OVERLAYS)
		return false;
	vp = p->vps[(i - 2) / 2];
	if (vp && i % 2)
		*k = (struct known){ &vp->synic.sim_overlay,
			             vp->pages[VP_PAGE_SIM],
			             ARCH_READ | ARCH_WRITE };
	else if (vp)
		*k = (struct known){ &vp->synic.sief_overlay,
			             vp->pages[VP_PAGE_SIEF],
			             ARCH_READ | ARCH_WRITE };
	return true;
}

/*
 * It hides a page of its parent's, which is mapped as if it showed; one of the root, its
 * own or a device's.
 */
static void audit_hidden(struct looked *l, const struct gpa_overlay *o)
{
	enum frame_owner owner = frame_owner(o->under.page);
	u64 number = o->under.page.v >> PAGE_SHIFT;

	BOOKS_CHECK(l->b,
	            owner == FRAME_ROOT ||
	                    (owner == FRAME_NONE && !l->p->parent),
	            "an overlay hides a page that is not the root's");
	if (l->p->parent) {
		l->b->words[number]++;
		l->mapped++;
		return;
	}
	BOOKS_CHECK(l->b, number == o->place - 1,
	            "an overlay of the root hides a page of elsewhere");
	if (number < l->b->count)
		l->b->words[number] |= BOOKS_ROOTS;
}

static void audit_overlay(struct looked *l, const struct gpa_overlay *o)
{
	struct known k;
	u32 i = 0;

	l->b->page = (o->place - 1) << PAGE_SHIFT;
	while (known_row(l->p, i, &k) && k.record != o)
		i++;
	BOOKS_CHECK(l->b, i < GPA_OVERLAYS, "an overlay is nobody's");
	BOOKS_CHECK(l->b, o->place != 0, "an overlay is nowhere");
	BOOKS_CHECK(l->b, o->page == k.page && o->rights == k.rights,
	            "an overlay is another page, or has other rights");
	l->filter |= BIT((o->place - 1) % 64);
	if (o->under_mapped)
		audit_hidden(l, o);
}

/* Each place once, in their order, and none of a VP that is gone. */
static void audit_overlays(struct looked *l)
{
	const struct gpa_space *s = &l->p->space;
	u32 placed = 0;
	struct known k;
	u64 last = 0;

	BOOKS_CHECK(l->b, s->overlay_count <= GPA_OVERLAYS,
	            "there are more overlays than records");
	for (u32 i = 0; i < s->overlay_count; i++) {
		audit_overlay(l, s->overlays[i]);
		BOOKS_CHECK(l->b, s->overlays[i]->place > last,
		            "overlays are not in their order");
		last = s->overlays[i]->place;
	}
	for (u32 i = 0; known_row(l->p, i, &k); i++)
		placed += k.record && k.record->place;
	l->b->page = 0;
	BOOKS_CHECK(l->b, placed == s->overlay_count,
	            "an overlay is in no list");
	BOOKS_CHECK(l->b, s->overlay_filter == l->filter,
	            "the filter of overlays is wrong");
}

static const struct gpa_overlay *overlay_at(const struct looked *l, u64 gpn)
{
	const struct gpa_space *s = &l->p->space;

	if (!(l->filter >> gpn % 64 & 1))
		return NULL;
	for (u32 i = 0; i < s->overlay_count; i++)
		if (s->overlays[i]->place == gpn + 1)
			return s->overlays[i];
	return NULL;
}

/* What is mapped there is its page, with no other right. */
static void audit_shown(struct looked *l, const struct gpa_overlay *o, u64 page)
{
	struct arch_mapping m = { .rights = 0 };

	BOOKS_CHECK(l->b,
	            o->shown &&
	                    page == (arch_page_hpa(o->page).v & PTE_ADDRESS),
	            "another page is mapped where an overlay is");
	BOOKS_CHECK(l->b,
	            arch_space_lookup(&l->p->space.arch,
	                              gpa_of_page(o->place - 1), &m) &&
	                    m.rights == o->rights,
	            "an overlay is mapped with other rights");
	l->shown++;
}

/* ---- Leaves ---- */

static void audit_child_leaf(struct looked *l, u64 page, u32 level)
{
	u64 number = page >> PAGE_SHIFT;

	BOOKS_CHECK(l->b, level == 0, "a child has a large page");
	BOOKS_CHECK(l->b,
	            number < l->b->count &&
	                    frame_owner(hpa_of(page)) == FRAME_ROOT,
	            "a child has a page that is not the root's");
	l->b->words[number]++;
	l->mapped++;
}

static void audit_root_leaf(struct looked *l, u64 gpn, u64 page, u32 level)
{
	u64 end = gpn + (1ull << 9 * level);
	u32 *words = l->b->words;

	BOOKS_CHECK(l->b, page == gpn << PAGE_SHIFT,
	            "the root has a page in another place than its own");
	end = end < l->b->count ? end : l->b->count;
	for (u64 i = gpn; i < end; i++)
		words[i] |= BOOKS_ROOTS;
}

static void audit_leaf(struct looked *l, u64 gpn, u64 entry, u32 level)
{
	/* Bits below a large page's own are memory types. */
	u64 page = entry & PTE_ADDRESS & -(1ull << (PAGE_SHIFT + 9 * level));
	const struct gpa_overlay *o = level ? NULL : overlay_at(l, gpn);

	l->b->page = gpn << PAGE_SHIFT;
	if (o)
		audit_shown(l, o, page);
	else if (l->p->parent)
		audit_child_leaf(l, page, level);
	else
		audit_root_leaf(l, gpn, page, level);
}

/* Depth is bounded by the level, and no table comes twice. */
static void audit_table(struct looked *l, hpa_t table, u32 level, u64 gpn)
{
	const u64 *entry;

	books_use(l->b, l->p, arch_page(table), BOOKS_TABLE);
	entry = l->b->look(table);
	for (u32 i = 0; i < ENTRIES; i++, gpn += 1ull << 9 * level) {
		if (!entry[i])
			continue;
		if (!(entry[i] & USED)) {
			l->b->page = gpn << PAGE_SHIFT;
			l->b->wrong(l->b,
			            "an entry without our mark is not empty");
		} else if (level == 0 || (entry[i] & PTE_LARGE)) {
			audit_leaf(l, gpn, entry[i], level);
		} else {
			audit_table(l, hpa_of(entry[i] & PTE_ADDRESS),
			            level - 1, gpn);
		}
	}
}

void books_space(struct books *b, const struct partition *p)
{
	struct looked l = { .b = b, .p = p };
	u32 shown = 0;

	b->page = p->space.arch.retired.v;
	BOOKS_CHECK(b, b->page == 0, "a table waits for a flush");
	b->page = 0;
	BOOKS_CHECK(b, !p->space.arch.stale, "a flush is due");
	audit_overlays(&l);
	if (p->space.arch.top.v)
		audit_table(&l, p->space.arch.top, TOP, 0);
	for (u32 i = 0; i < p->space.overlay_count; i++)
		shown += p->space.overlays[i]->shown;
	b->page = 0;
	BOOKS_CHECK(b, l.shown == shown, "an overlay that shows is not there");
	if (!p->parent)
		return;
	BOOKS_CHECK(b, l.mapped == p->space.mapped,
	            "its number of mappings is wrong");
	b->mapped += l.mapped;
}
