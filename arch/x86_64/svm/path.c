/*
 * It is no TLB, though it could be one: INVLPG does not exit, so what a TLB drops there would
 * be kept here. Each entry on the way is read again instead. While they are as they were, and
 * no nested table has changed, a walk would come by the same places to the same page.
 */
#include "arch/x86_64/svm/path.h"

#include "include/x86.h"
#include "lib/walk.h"

/* For the walk, which knows of no paths. */
struct recorder {
	const struct gpa_space *space;
	struct path *path;
	u32 *steps;
};

/* The bits that a walk looks at: each has a place of its own below the page's number. */
static u64 from_of(const struct vmcb *v, u64 linear)
{
	return (linear & ~(u64)(PAGE_SIZE - 1)) | (v->cr0 & CR0_PG ? 1 : 0) |
	       (v->cr4 & (CR4_PSE | CR4_PAE)) | (v->efer & EFER_LMA);
}

static u64 read_word(const u64 *at)
{
	return __atomic_load_n(at, __ATOMIC_RELAXED);
}

static u32 place_of(u64 linear)
{
	return (linear >> PAGE_SHIFT) % PATHS;
}

/* All the words at once: of a shorter walk the others are compared with themselves. */
static bool holds(const struct path *p)
{
#pragma GCC unroll 4
	for (u32 i = 0; i < PATH_STEPS; i++)
		if (read_word(p->at[i]) != p->word[i])
			return false;
	return true;
}

/* On the way of many exits, in another file: inlined there. */
__attribute__((always_inline)) inline const struct path *path_recall(
	const struct paths *paths, const struct vmcb *v, u64 linear,
	u64 changes)
{
	const struct path *p = &paths->path[place_of(linear)];

	if (p->from != from_of(v, linear) || p->cr3 != v->cr3 ||
	    p->changes != changes)
		return NULL;
	return holds(p) ? p : NULL;
}

/*
 * The word that is compared later is the one that the walk has seen: it is read once. Of 32-bit
 * paging there is a second entry in it, whose change costs a walk, and no more.
 */
static bool record(const void *context, u64 gpa, void *to, u32 bytes)
{
	const struct recorder *r = context;
	struct path *p = r->path;
	u64 *word = &p->word[*r->steps], inside = gpa % sizeof(*word);
	const u64 *at = gpa_pin(r->space, gpa_of(gpa - inside), sizeof(*word),
	                        ARCH_READ);

	if (!at)
		return false;
	*word = read_word(at);
	p->at[(*r->steps)++] = at;
	if (bytes == sizeof(*word))
		*(u64 *)to = *word;
	else
		*(u32 *)to = (u32)(*word >> inside * 8);
	return true;
}

/*
 * A page that is not to be read is remembered, too: the guest has code in the hypercall page,
 * which is none of its own memory. Where nothing could be read at all it is not: what comes
 * there counts as no change of the nested tables.
 */
static void find(struct path *p, const struct gpa_space *space,
                 const struct vmcb *v, u64 linear, u64 changes)
{
	u32 steps = 0;
	const struct recorder recorder = { space, p, &steps };
	const struct walk_guest guest = {
		.cr0 = v->cr0,
		.cr3 = v->cr3,
		.cr4 = v->cr4,
		.efer = v->efer,
		.read = record,
		.context = &recorder,
	};
	struct arch_mapping m;
	gpa_t gpa;

	p->from = from_of(v, linear);
	p->cr3 = v->cr3;
	p->changes = 0;
	p->page = NULL;
	for (u32 i = 0; i < PATH_STEPS; i++)
		p->at[i] = &p->word[i];
	if (!walk_translate(&guest, linear, &gpa.v))
		return;
	gpa.v -= gpa.v % PAGE_SIZE;
	p->page = gpa_pin(space, gpa, 1, ARCH_READ);
	if (p->page || (arch_space_lookup(&space->arch, gpa, &m) &&
	                (m.rights & ARCH_READ)))
		p->changes = changes;
}

const u8 *path_follow(struct paths *paths, const struct gpa_space *space,
                      const struct vmcb *v, u64 linear, u64 changes)
{
	struct path *p = &paths->path[place_of(linear)];

	if (!path_recall(paths, v, linear, changes))
		find(p, space, v, linear, changes);
	return p->page ? p->page + linear % PAGE_SIZE : NULL;
}
