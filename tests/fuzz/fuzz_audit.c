/*
 * The books: owners of pages, pools, counts of mappings, and the way back to an
 * empty machine. A page that nobody reached for is as it was in the image, and so
 * is what the books say of it: only the others are looked at.
 */
#include <string.h>

#include "hv/memory/frame.h"
#include "tests/fuzz/fuzz_map.h"
#include "tests/fuzz/fuzz_world.h"

void fuzz_audit_open(struct fuzz_books *books)
{
	const struct pool *pool = &fake_root()->pool;

	books->reserved = pool->available + pool->in_use;
	books->in_use = pool->in_use;
}

void fuzz_audit_note(struct fuzz_books *books)
{
	books->deposited = books->mappings = 0;
	for (u64 gpn = 0; gpn < FUZZ_FRAMES; gpn++) {
		hpa_t page = hpa_of_page(gpn);

		books->frame_owner[gpn] = (u8)frame_owner(page);
		books->frame_mappings[gpn] = frame_mappings(page);
		books->deposited += frame_owner(page) == FRAME_DEPOSITED;
		books->mappings += frame_mappings(page);
	}
}

u64 fuzz_next_child(u64 previous)
{
	struct hv_input_get_next_child in = { HV_PARTITION_ID_SELF, previous };
	u64 next = 0;

	FUZZ_CHECK(guest_call(HVCALL_GET_NEXT_CHILD_PARTITION, &in, sizeof(in),
	                      &next, sizeof(next)) == HV_STATUS_SUCCESS);
	return next;
}

/* As fuzz_next_child, of the partitions themselves: books are no call's business. */
static const struct partition *next_child(u64 *id)
{
	FUZZ_CHECK(!partition_next_child(fake_root(), *id, id));
	return *id ? partition_find(*id) : NULL;
}

/* The list is as long as the pool says, and zero but for its links. */
FUZZ_QUICK static void audit_list(hpa_t first, u64 count)
{
	for (; count > 0; count--) {
		const u64 *page = fuzz_image_look(first);

		FUZZ_CHECK(first.v != 0);
		if (fuzz_image_may_differ(first.v >> PAGE_SHIFT))
			FUZZ_CHECK(fake_is_zero(page + 1, PAGE_SIZE / 8 - 1));
		first.v = page[0];
	}
	FUZZ_CHECK(first.v == 0);
}

static void audit_pool(const struct pool *pool)
{
	FUZZ_CHECK(pool->withdrawable <= pool->available);
	audit_list(pool->deposited, pool->withdrawable);
	audit_list(pool->reserved, pool->available - pool->withdrawable);
}

/* The parent's mappings, counted by a walk. */
static u64 count_mappings(const struct partition *p)
{
	u64 count = 0;
	hpa_t page;

	if (p->state != PARTITION_ACTIVE)
		return p->space.mapped;
	for (u64 gpn = 0; fuzz_map_next(p, &gpn, &page); gpn++, count++) {
		FUZZ_CHECK(frame_owner(page) == FRAME_ROOT);
		FUZZ_CHECK(frame_mappings(page) > 0);
	}
	return count;
}

/* The page database, one word a page, from the first free memory on. */
static const u32 *database(void)
{
	return (const u32 *)(const void *)fuzz_image_look(
		hpa_of(fake.handoff.free_base));
}

static const u32 *database_was(void)
{
	return (const u32 *)(const void *)(fuzz_image()->ram_was +
	                                   fake.handoff.free_base);
}

/* Owners as they are; the sums are of what the books had. */
FUZZ_QUICK static void audit_frames(u8 *owners, u64 *deposited, u64 *mappings)
{
	const struct fuzz_books *books = &fuzz_image()->books;
	const u32 *now = database(), *was = database_was();

	memcpy(owners, books->frame_owner, FUZZ_FRAMES);
	*deposited = books->deposited;
	*mappings = books->mappings;
	for (u64 gpn = 0; gpn < FUZZ_FRAMES; gpn++) {
		if (now[gpn] == was[gpn])
			continue;
		owners[gpn] = (u8)frame_owner(hpa_of_page(gpn));
		*deposited += owners[gpn] == FRAME_DEPOSITED;
		*deposited -= books->frame_owner[gpn] == FRAME_DEPOSITED;
		*mappings += frame_mappings(hpa_of_page(gpn));
		*mappings -= books->frame_mappings[gpn];
	}
}

/* A page that is nobody's secret is in the root's map, and no other is. */
FUZZ_QUICK static bool is_roots(u8 owner)
{
	return owner == FRAME_ROOT || owner == FRAME_NONE;
}

/* As most regions are: each page that is the root's is in its own place, and no other. */
FUZZ_QUICK static bool is_identity(u64 gpn, const u64 *entry, const u8 *owners)
{
	u64 wrong = 0;

	for (u32 i = 0; i < 512; i++) {
		u64 used = fuzz_map_used(entry[i]);
		u64 place = fuzz_map_page(entry[i]).v >> PAGE_SHIFT;

		wrong |= used ^ is_roots(owners[gpn + i]);
		wrong |= (0 - used) & (place ^ (gpn + i));
	}
	return !wrong;
}

FUZZ_QUICK static void audit_region(u64 gpn, const u8 *owners)
{
	u32 level;
	const u64 *entry = fuzz_map_entry(fake_root(), gpn, &level);
	u32 shift = 9 * level;
	bool used = fuzz_map_used(*entry), wrong = false;

	/* One leaf, or one hole, for all of them. */
	if (level > 0) {
		u64 page = fuzz_map_page(*entry).v >> PAGE_SHIFT;

		FUZZ_CHECK(!used || page >> shift == gpn >> shift);
		for (u32 i = 0; i < 512; i++)
			wrong |= is_roots(owners[gpn + i]) != used;
		FUZZ_CHECK(!wrong);
		return;
	}
	if (is_identity(gpn, entry, owners))
		return;
	/* There are overlays, or something is wrong. */
	for (u32 i = 0; i < 512; i++, gpn++, entry++) {
		hpa_t page = fuzz_map_page(*entry);

		used = fuzz_map_used(*entry);
		if (used && page.v != gpn << PAGE_SHIFT) /* an overlay? */
			used = fuzz_map_lookup(fake_root(), gpn, &page);
		FUZZ_CHECK(is_roots(owners[gpn]) == used);
		FUZZ_CHECK(!used || page.v == gpn << PAGE_SHIFT);
	}
}

void fuzz_audit(void)
{
	static u8 owners[FUZZ_FRAMES];
	const struct pool *root = &fake_root()->pool;
	u64 pools = root->available + root->in_use;
	u64 deposited, counted, mapped = 0, id = 0;
	const struct partition *p;

	audit_pool(root);
	while ((p = next_child(&id)) != NULL) {
		FUZZ_CHECK(p->id == id);
		audit_pool(&p->pool);
		pools += p->pool.available + p->pool.in_use;
		FUZZ_CHECK(count_mappings(p) == p->space.mapped);
		mapped += p->space.mapped;
	}
	audit_frames(owners, &deposited, &counted);
	for (u64 gpn = 0; gpn < FUZZ_FRAMES; gpn += 512)
		audit_region(gpn, owners);
	FUZZ_CHECK(pools == fuzz_image()->books.reserved + deposited);
	FUZZ_CHECK(counted == mapped);
	FUZZ_CHECK(guest_longest <= FUZZ_STEPS_MAX);
}

static void remove_child(u64 id)
{
	enum partition_state state = guest_partition(id)->state;
	u64 available, in_use;

	if (state == PARTITION_ACTIVE || state == PARTITION_FINALIZING)
		FUZZ_CHECK(guest_finalize(id) == HV_STATUS_SUCCESS);
	FUZZ_CHECK(guest_balance(id, &available, &in_use) == 0);
	FUZZ_CHECK(in_use == 0);
	FUZZ_CHECK(guest_withdraw_all(id) == available);
	FUZZ_CHECK(guest_delete(id) == HV_STATUS_SUCCESS);
}

/* A process of partition id 0 ends when a whole one has come to its end. */
static void end_system(void)
{
	static struct guest_stream s; /* its room stays */
	u32 result;

	FUZZ_CHECK(guest_save(0, GUEST_SUMMARY, &s, &result) == 0);
	FUZZ_CHECK(result == HV_STATE_COMPLETE);
}

void fuzz_end(void)
{
	u64 id;

	fuzz_audit();
	while ((id = fuzz_next_child(0)) != 0)
		remove_child(id);
	end_system();
	guest_withdraw_all(fake_root()->id);
	fuzz_audit();
	FUZZ_CHECK(fake_root()->pool.available + fake_root()->pool.in_use ==
	           fuzz_image()->books.reserved);
	FUZZ_CHECK(fake_root()->pool.in_use == fuzz_image()->books.in_use);
	fuzz_compare();
}
