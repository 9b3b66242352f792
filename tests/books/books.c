/*
 * Pages: every one has one use.
 */
#include "tests/books/books.h"

#include "hv/base/cpus.h"
#include "hv/memory/frame.h"
#include "hv/stream/context.h"
#include "hv/vp/vp.h"
#include "include/handoff.h"

static const char *const twice[BOOKS_USES] = {
	[BOOKS_FREE] = "it is free, and something else",
	[BOOKS_PARTITION] = "it is a partition's structure, and something else",
	[BOOKS_TABLE] = "it is a table of a GPA space, and something else",
	[BOOKS_VP] = "it is a VP's structure, and something else",
	[BOOKS_VP_PAGE] = "it is one of a VP's pages, and something else",
	[BOOKS_PORTS] = "it has ports, and is something else",
	[BOOKS_REFERENCE] = "it has reference time, and is something else",
	[BOOKS_INTERCEPTS] = "it has intercepts, and is something else",
	[BOOKS_CONTEXT] = "it is of an open process, and something else",
};

void books_take(struct books *b, hpa_t page, enum books_use use)
{
	u32 *word;

	b->page = page.v;
	BOOKS_CHECK(b, page.v % PAGE_SIZE == 0, "no page begins there");
	BOOKS_CHECK(b, page.v >> PAGE_SHIFT < b->count, "it is no RAM");
	word = &b->words[page.v >> PAGE_SHIFT];
	BOOKS_CHECK(b, *word >> BOOKS_USE_SHIFT == BOOKS_NOTHING, twice[use]);
	*word |= (u32)use << BOOKS_USE_SHIFT;
}

void books_use(struct books *b, const struct partition *pool, const void *page,
               enum books_use use)
{
	hpa_t at = arch_page_hpa(page);
	enum frame_owner owner = frame_owner(at);

	books_take(b, at, use);
	/* What came at boot the root alone has. */
	BOOKS_CHECK(b,
	            owner == FRAME_DEPOSITED ||
	                    (owner == FRAME_RESERVED && !pool->parent),
	            "it is in use, and not of the pool that it should be of");
	b->charged[pool->slot]++;
	b->used++;
}

bool books_is(const struct books *b, const void *page, enum books_use use)
{
	u64 number = arch_page_hpa(page).v >> PAGE_SHIFT;

	return number < b->count && b->words[number] >> BOOKS_USE_SHIFT == use;
}

/* ---- Pools ---- */

/* As long as the pool says, of pages with that owner, and zero. */
static void audit_list(struct books *b, hpa_t first, u64 count,
                       enum frame_owner owner)
{
	b->free += count;
	for (; count > 0; count--) {
		b->page = first.v;
		BOOKS_CHECK(b, first.v != 0, "a list of free pages is short");
		books_take(b, first, BOOKS_FREE);
		BOOKS_CHECK(b, frame_owner(first) == owner,
		            "it is in a list of free pages of another owner");
		BOOKS_CHECK(b, b->is_blank(first), "it is free, and not zero");
		first.v = b->look(first)[0];
	}
	b->page = first.v;
	BOOKS_CHECK(b, first.v == 0, "a list of free pages is long");
}

static void audit_pool(struct books *b, const struct partition *p)
{
	const struct pool *pool = &p->pool;
	u64 reserved = pool->available - pool->withdrawable;

	BOOKS_CHECK(b, pool->withdrawable <= pool->available,
	            "more can be withdrawn than there is");
	BOOKS_CHECK(b, !p->parent || reserved == 0,
	            "a child has pages that came at boot");
	audit_list(b, pool->deposited, pool->withdrawable, FRAME_DEPOSITED);
	audit_list(b, pool->reserved, reserved, FRAME_RESERVED);
}

/* ---- What a partition has ---- */

static void use_context(struct books *b, const struct context *c,
                        const struct partition *target)
{
	const struct partition *owner = c->owner;

	b->page = arch_page_hpa(c).v;
	BOOKS_CHECK(b, c->target == target, "a process of another partition");
	BOOKS_CHECK(b,
	            owner == partition_root() ||
	                    books_is(b, owner, BOOKS_PARTITION),
	            "a process of nobody");
	books_use(b, owner, c, BOOKS_CONTEXT);
	books_use(b, owner, c->buffer, BOOKS_CONTEXT);
}

static bool is_cpu(const struct cpu *cpu)
{
	u32 i = 0;

	while (i < HANDOFF_PROCESSORS && cpus_at(i) != cpu)
		i++;
	return cpu && i < HANDOFF_PROCESSORS;
}

static void use_vp(struct books *b, const struct partition *p, u32 index)
{
	const struct vp *vp = p->vps[index];

	books_use(b, p, vp, BOOKS_VP);
	BOOKS_CHECK(b, vp->partition == p && vp->index == index,
	            "a VP of another partition, or index");
	BOOKS_CHECK(b, vp->vpid == 1 + p->slot * PARTITION_VPS + index,
	            "a VP's tag is another's");
	BOOKS_CHECK(b, vp->is_root == !p->parent, "a VP of another kind");
	/* Nothing of it is read before it is known for one. */
	BOOKS_CHECK(b, is_cpu(vp->cpu), "a VP of no processor");
	BOOKS_CHECK(b, !vp->is_root || vp->cpu->root == vp,
	            "a root VP of another processor");
	for (u32 i = 0; i < VP_PAGES; i++)
		books_use(b, p, vp->pages[i], BOOKS_VP_PAGE);
	b->vps++;
}

static void use_all(struct books *b, const struct partition *p)
{
	u32 vps = 0;

	b->partition = p->id;
	for (u32 i = 0; i < PARTITION_VPS; i++) {
		if (!p->vps[i])
			continue;
		use_vp(b, p, i);
		vps++;
	}
	b->page = 0;
	BOOKS_CHECK(b, vps == p->vp_count, "its number of VPs is wrong");
	for (u32 i = 0; i < ARRAY_LEN(p->io_access); i++)
		if (p->io_access[i])
			books_use(b, p, p->io_access[i], BOOKS_INTERCEPTS);
	if (p->reference.page)
		books_use(b, p, p->reference.page, BOOKS_REFERENCE);
	if (p->ports)
		books_use(b, p, p->ports, BOOKS_PORTS);
	if (p->context)
		use_context(b, p->context, p);
	if (p->system)
		use_context(b, p->system, NULL);
}

/* ---- Partitions ---- */

const struct partition *books_next(struct books *b, u64 *id)
{
	const struct partition *root = partition_root(), *p;

	if (*id == 0) {
		*id = b->partition = root->id;
		return root;
	}
	/* Ids count up, the root's is the first. */
	if (partition_next_child((struct partition *)(u64)root,
	                         *id == root->id ? 0 : *id, id) ||
	    !*id)
		return NULL;
	b->partition = *id;
	p = partition_find(*id);
	return p;
}

static void audit_family(struct books *b)
{
	const struct partition *root = partition_root(), *p;
	u64 id = 0, slots = 0, children = 0;

	while ((p = books_next(b, &id)) != NULL) {
		b->page = arch_page_hpa(p).v;
		BOOKS_CHECK(b,
		            p->slot < PARTITION_MAX && !(slots & BIT(p->slot)),
		            "its slot is another's");
		slots |= BIT(p->slot);
		if (p == root)
			continue;
		books_use(b, root, p, BOOKS_PARTITION);
		BOOKS_CHECK(b, p->id == id && p->parent == root,
		            "its id or its parent is another");
		children++;
	}
	b->partition = root->id;
	BOOKS_CHECK(b, children == root->child_count,
	            "its number of children is wrong");
}

/* ---- All of RAM ---- */

static void audit_page(struct books *b, u64 number, u64 first)
{
	hpa_t page = hpa_of_page(number);
	enum frame_owner owner = frame_owner(page);
	u32 word = b->words[number];
	bool is_used = word >> BOOKS_USE_SHIFT, is_roots = word & BOOKS_ROOTS;

	b->page = page.v;
	BOOKS_CHECK(b, frame_mappings(page) == (word & BOOKS_COUNT),
	            "children map it more or less often than is counted");
	if (owner == FRAME_DEPOSITED)
		BOOKS_CHECK(b, is_used, "it was deposited, and is lost");
	else if (owner == FRAME_RESERVED)
		BOOKS_CHECK(b, is_used == (number > first),
		            "it was reserved at boot, and is lost or found");
	else
		BOOKS_CHECK(b, !is_used, "it is in use, and the root's");
	if (owner == FRAME_ROOT)
		BOOKS_CHECK(b, is_roots, "it is the root's, which has it not");
	else if (owner != FRAME_NONE)
		BOOKS_CHECK(b, !is_roots, "the root has it, and it is not its");
}

/* Most pages are the root's, and no child maps them: where one of these is. */
static u64 find_usual(const struct books *b)
{
	u64 at = 0;

	while (at < b->count && (frame_owner(hpa_of_page(at)) != FRAME_ROOT ||
	                         frame_mappings(hpa_of_page(at))))
		at++;
	return at;
}

static void audit_pages(struct books *b)
{
	u64 first = arch_page_hpa(partition_root()).v >> PAGE_SHIFT;
	u64 usual = b->frames ? find_usual(b) : b->count;
	const u32 *frames = usual < b->count ? b->frames : NULL;
	u32 frame = frames ? frames[usual] : 0;

	for (u64 i = 0; i < b->count; i++) {
		/* The root has it, no child does, and so it is written: that is right. */
		if (frames && frames[i] == frame && b->words[i] == BOOKS_ROOTS)
			continue;
		audit_page(b, i, first);
	}
}

void books_audit(struct books *b)
{
	const struct partition *p;
	u64 id = 0;

	for (u64 i = 0; i < b->count; i++)
		b->words[i] = 0;
	b->free = b->used = b->mapped = b->vps = 0;
	b->cpu = 0;
	for (u32 i = 0; i < PARTITION_MAX; i++)
		b->charged[i] = 0;
	/* Structures first: whatever else points to one can be asked about then. */
	audit_family(b);
	while ((p = books_next(b, &id)) != NULL)
		use_all(b, p);
	books_lists(b);
	books_beside(b);
	for (id = 0; (p = books_next(b, &id)) != NULL;)
		audit_pool(b, p);
	for (id = 0; (p = books_next(b, &id)) != NULL;)
		books_space(b, p);
	for (id = 0; (p = books_next(b, &id)) != NULL;) {
		b->page = 0;
		BOOKS_CHECK(
			b, b->charged[p->slot] == p->pool.in_use,
			"pages of its pool are in use that nobody has, or the "
			"other way round");
	}
	b->partition = 0;
	audit_pages(b);
}
