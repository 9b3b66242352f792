/*
 * A partition's guest-physical address space: mappings of its parent's pages,
 * and overlay pages of the hypervisor on top of them. The single door to guest
 * memory: everything else sees copies or pointers from gpa_pin.
 */
#ifndef HV_GPA_H
#define HV_GPA_H

#include "hv/arch.h"
#include "include/tlfs.h"

/*
 * A hypervisor page that covers one page; what is under it stays mapped. The
 * record belongs to who owns the page: the partition, or one of its VPs.
 */
struct gpa_overlay {
	u64 place; /* its GPN + 1; 0: it is nowhere */
	const void *page;
	u32 rights;
	bool shown; /* it is in the hardware's map; else nothing is mapped there */
	bool under_mapped;
	bool under_marked; /* gpa_mark_near */
	struct arch_mapping under;
};

/* Of the partition's own two, and two of each VP. */
#define GPA_OVERLAYS (2 + 2 * 64)

struct gpa_space {
	struct arch_space arch;
	u64 mapped;         /* pages mapped by the parent */
	u64 overlay_filter; /* bit GPN % 64 of each: most pages have none */
	u32 overlay_count;
	struct gpa_overlay *overlays[GPA_OVERLAYS]; /* ascending by place */
};

/*
 * Maps a page of the parent's, replacing an older mapping.
 * INSUFFICIENT_MEMORY: its pool; NO_RESOURCES: the page is mapped 2^28 times.
 * No flush: the caller flushes once, before it returns to a guest.
 */
enum hv_status gpa_map(struct gpa_space *space, u64 gpn, hpa_t page,
                       u32 rights);

/* Unmaps; a page that is not mapped is left alone. No flush, as above. */
void gpa_unmap(struct gpa_space *space, u64 gpn);

/*
 * Gives the root a page that it had deposited. False: its pool is dry. Nothing was
 * there, so no flush is due.
 */
bool gpa_put_back(struct gpa_space *space, hpa_t page);

/* The parent's mapping of gpn, overlays looked through. False: none. */
bool gpa_lookup(const struct gpa_space *space, u64 gpn, struct arch_mapping *m);

/* The same, for many pages near one another (arch_space_lookup_near). */
bool gpa_lookup_near(const struct gpa_space *space, struct arch_cursor *cursor,
                     u64 gpn, struct arch_mapping *m);

/*
 * The same for pages that follow one another: how many from gpn on, `most` at most,
 * were found to have the rights of the first. 0: it is not mapped.
 */
u32 gpa_run_near(const struct gpa_space *space, struct arch_cursor *cursor,
                 u64 gpn, u32 most, struct arch_mapping *m);

/*
 * The parent's mapping of gpn, overlays looked through, and a mark on it: set, or
 * taken away. True: it had one. No rights: nothing is mapped. Pages that are mapped
 * anew have no mark, and marks may go when an overlay comes or goes; none comes by
 * itself.
 */
bool gpa_mark_near(struct gpa_space *space, struct arch_cursor *cursor, u64 gpn,
                   bool marked, struct arch_mapping *m);

/*
 * First page mapped by the parent at or above *gpn, in bounded steps.
 */
enum arch_next gpa_next(const struct gpa_space *space, u64 *gpn,
                        struct arch_mapping *m, u32 *budget);

/*
 * Puts an overlay page at gpn, moving it if it was elsewhere. INVALID_PARAMETER:
 * another one is there, or the space has no such page; INSUFFICIENT_MEMORY, of the
 * root's space alone: a large leaf is to be split. Nothing has changed then. In a child's
 * no memory is needed: where there is none for tables, the page shows when there is.
 */
enum hv_status gpa_overlay_set(struct gpa_space *space, struct gpa_overlay *o,
                               u64 gpn, const void *page, u32 rights);

/* Takes it away, if it is anywhere: what its parent has mapped there shows again. */
void gpa_overlay_clear(struct gpa_space *space, struct gpa_overlay *o);

/*
 * The guest has found nothing there. False: no overlay is at gpn, or the pool still has
 * no pages for its tables. True: it shows now.
 */
bool gpa_overlay_show(struct gpa_space *space, u64 gpn);

/* Is an overlay active at gpn, whether it shows or not? */
bool gpa_has_overlay(const struct gpa_space *space, u64 gpn);

/* Largest GPN + 1 of any space on this machine. */
u64 gpa_limit(void);

/*
 * The hypervisor's pointer to guest memory [gpa, gpa + bytes) inside one page,
 * with `rights`. NULL: not accessible. Overlay pages are not given out.
 */
void *gpa_pin(const struct gpa_space *space, gpa_t gpa, u32 bytes, u32 rights);

/* Map flags of HvMapGpaPages to ARCH_ rights. False: not a legal set. */
bool gpa_rights(u32 map_flags, u32 *rights);

#endif
