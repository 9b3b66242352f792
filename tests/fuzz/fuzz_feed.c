/*
 * The invariants of a restore, asked after every call.
 */
#include "tests/fuzz/fuzz_feed.h"

#include <stdlib.h>
#include <string.h>

#include "hv/stream/context.h"
#include "tests/fuzz/fuzz_map.h"

/* What must not change while no stream has ended well. */
struct before {
	const struct fuzz_snapshot *snapshot; /* NULL: there is no target */
	u64 pool;                             /* of the caller, available */
	u32 result;
	u32 call;
};

void fuzz_feed_read(struct fuzz_in *in, struct fuzz_feed *feed)
{
	u8 bytes[10];

	fuzz_bytes(in, bytes, sizeof(bytes));
	/* Rarely a summary, more rarely flags that do not exist. */
	feed->flags = bytes[0] < 0xc0   ? 0
	              : bytes[0] < 0xf8 ? GUEST_SUMMARY
	                                : bytes[0];
	feed->id = bytes[1];
	memcpy(feed->cuts, bytes + 2, sizeof(feed->cuts));
}

/* A long stream in crumbs would be all that is done: later they come seldom. */
#define CRUMBS 16u

static u32 next_cut(const struct fuzz_feed *feed, u32 call, u32 left)
{
	u32 cut = feed->cuts[call % sizeof(feed->cuts)];

	if (call >= CRUMBS && call % 8 != call / 8 % 8)
		cut |= 0x80;

	cut = cut == 0 ? HV_SAVE_DATA_MAX : cut < 0x80 ? cut : cut * 16;
	return cut < left ? cut : left;
}

/* The target's pages: where each was, and what was in it. */
struct pages {
	u64 count;
	u64 room;
	u64 *gpns;
	const u8 **was;
	u8 *copies;
};

/* A page that nobody has reached for yet is what the image has of it. */
static const u8 *keep_page(hpa_t page, u8 *copy)
{
	if (!fuzz_image_may_differ(page.v >> PAGE_SHIFT))
		return fuzz_image()->ram_was + page.v;
	fuzz_page_copy(copy, fuzz_image_look(page));
	return copy;
}

static void make_room(struct pages *pages, u64 count)
{
	if (count <= pages->room)
		return;
	pages->room = 2 * count;
	pages->gpns = realloc(pages->gpns, pages->room * sizeof(u64));
	pages->was = realloc(pages->was, pages->room * sizeof(u8 *));
	pages->copies = realloc(pages->copies, pages->room * PAGE_SIZE);
}

static void keep_pages(struct pages *pages, u64 id)
{
	const struct partition *p = id ? guest_partition(id) : NULL;
	hpa_t page;

	pages->count = 0;
	if (!p)
		return;
	make_room(pages, p->space.mapped);
	for (u64 gpn = 0; fuzz_map_next(p, &gpn, &page); gpn++) {
		u64 at = pages->count++;

		FUZZ_CHECK(at < pages->room);
		pages->gpns[at] = gpn;
		pages->was[at] =
			keep_page(page, pages->copies + at * PAGE_SIZE);
	}
}

static bool pages_hold(const struct pages *pages, u64 id)
{
	const struct partition *p = id ? guest_partition(id) : NULL;
	u64 gpn = 0;
	hpa_t page;

	if (!p)
		return true;
	for (u64 i = 0; i < pages->count; i++, gpn++)
		if (!fuzz_map_next(p, &gpn, &page) || gpn != pages->gpns[i] ||
		    !fuzz_page_same(pages->was[i], fuzz_image_look(page)))
			return false;
	return !fuzz_map_next(p, &gpn, &page);
}

static bool has_context(const struct fuzz_feed *feed)
{
	return feed->id ? guest_partition(feed->id)->context != NULL
	                : fake_root()->system != NULL;
}

/*
 * D20: the VPs become what was staged in more than one call perhaps. Before the first
 * step nothing changes.
 */
static bool is_applying(const struct fuzz_feed *feed)
{
	const struct context *c = feed->id ? guest_partition(feed->id)->context
	                                   : NULL;

	return c && c->restore.applying && c->restore.applied > 0;
}

static void check_end(const struct fuzz_feed *feed, const struct before *b)
{
	FUZZ_CHECK(!has_context(feed));
	FUZZ_CHECK(fake_root()->pool.available == b->pool);
}

/* D16, D22, D23: no VP can be let go, and to try does no harm. One after each call. */
static void check_held(const struct partition *p, u32 call)
{
	u32 index = fuzz_vp_index(call % FUZZ_VPS);

	if (p->vps[index])
		FUZZ_CHECK(guest_set(p->id, index, HV_REGISTER_EXPLICIT_SUSPEND,
		                     0) == HV_STATUS_INVALID_PARTITION_STATE);
}

static void check_call(const struct fuzz_feed *feed, const struct before *b,
                       u32 result)
{
	struct partition *p = feed->id ? guest_partition(feed->id) : NULL;
	bool complete = result == HV_STATE_COMPLETE;

	FUZZ_CHECK(fuzz_result_known(result, true));
	FUZZ_CHECK(!complete || (p && !(feed->flags & GUEST_SUMMARY)));
	FUZZ_CHECK(result != HV_STATE_RESTORABLE ||
	           (feed->flags & GUEST_SUMMARY));
	if (result == HV_STATE_INCOMPLETE)
		FUZZ_CHECK(has_context(feed));
	else
		check_end(feed, b);
	FUZZ_CHECK(complete || !b->snapshot || is_applying(feed) ||
	           fuzz_snapshot_holds(b->snapshot, feed->id));
	FUZZ_CHECK(!p || !(feed->flags & GUEST_SUMMARY) || !p->half_restored);
	FUZZ_CHECK(!complete || !p->half_restored);
	if (p && p->half_restored)
		check_held(p, b->call);
}

u32 fuzz_feed_run(const struct fuzz_feed *feed, const u8 *data, u32 size,
                  u32 *at)
{
	static struct pages pages;
	struct before b = { .snapshot = NULL,
		            .pool = fake_root()->pool.available,
		            .result = HV_STATE_INCOMPLETE };
	u32 flags = feed->flags | GUEST_START, idle = 0, consumed;
	enum hv_status status;

	keep_pages(&pages, feed->id);
	if (feed->id)
		b.snapshot = fuzz_snapshot_take(feed->id);
	*at = 0;
	/* Two calls in a row that take nothing with nothing left: it waits. */
	for (; b.result == HV_STATE_INCOMPLETE && idle < 2; b.call++) {
		u32 cut = next_cut(feed, b.call, size - *at);

		status = guest_restore_call(feed->id, flags, data + *at, cut,
		                            &b.result, &consumed);
		if (status != HV_STATUS_SUCCESS)
			break;
		FUZZ_CHECK(consumed <= cut);
		*at += consumed;
		idle = *at == size ? idle + 1 : 0;
		flags = feed->flags;
		check_call(feed, &b, b.result);
	}
	/* D22: what was written to may not run, whatever became of the rest. */
	if (b.result != HV_STATE_COMPLETE && !pages_hold(&pages, feed->id))
		FUZZ_CHECK(guest_partition(feed->id)->half_restored);
	return b.result;
}
