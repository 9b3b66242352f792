/*
 * The invariants of a restore, asked after every call.
 */
#include "tests/fuzz/fuzz_feed.h"

#include <string.h>

#include "hv/stream/context.h"

/* What must not change while no stream has ended well. */
struct before {
	struct fuzz_snapshot *snapshot; /* NULL: there is no target */
	u64 pool;                       /* of the caller, available */
	u64 memory;                     /* digest of the target's pages */
	u32 result;
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

static u32 next_cut(const struct fuzz_feed *feed, u32 call, u32 left)
{
	u32 cut = feed->cuts[call % sizeof(feed->cuts)];

	cut = cut == 0 ? HV_SAVE_DATA_MAX : cut < 0x80 ? cut : cut * 16;
	return cut < left ? cut : left;
}

static u64 digest(u64 id)
{
	const struct partition *p = id ? guest_partition(id) : NULL;
	u64 sum = 0, gpn = 0;
	const u64 *word;
	struct arch_mapping m;
	enum arch_next r = p ? ARCH_NEXT_AGAIN : ARCH_NEXT_END;

	while (r != ARCH_NEXT_END) {
		u32 budget = 1024;

		r = gpa_next(&p->space, &gpn, &m, &budget);
		if (r != ARCH_NEXT_FOUND)
			continue;
		word = arch_page(m.page);
		for (u32 i = 0; i < PAGE_SIZE / 8; i++)
			sum = (sum ^ word[i]) * 0x100000001b3ull + gpn;
		gpn++;
	}
	return sum;
}

static bool has_context(const struct fuzz_feed *feed)
{
	return feed->id ? guest_partition(feed->id)->context != NULL
	                : fake_root()->system != NULL;
}

/*
 * D20: the VPs become what was staged in more than one call perhaps. Before that
 * what each of them needs is counted, and nothing changes.
 */
static bool is_applying(const struct fuzz_feed *feed)
{
	const struct context *c = feed->id ? guest_partition(feed->id)->context
	                                   : NULL;

	return c && c->applying && c->applied > PARTITION_VPS;
}

static void check_end(const struct fuzz_feed *feed, const struct before *b)
{
	FUZZ_CHECK(!has_context(feed));
	FUZZ_CHECK(fake_root()->pool.available == b->pool);
}

/* D16, D22, D23: no VP can be let go, and to try does no harm. */
static void check_held(const struct partition *p)
{
	for (u32 i = 0; i < FUZZ_VPS; i++)
		if (p->vps[fuzz_vp_index(i)])
			FUZZ_CHECK(guest_set(p->id, fuzz_vp_index(i),
			                     HV_REGISTER_EXPLICIT_SUSPEND, 0) ==
			           HV_STATUS_INVALID_PARTITION_STATE);
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
		check_held(p);
}

u32 fuzz_feed_run(const struct fuzz_feed *feed, const u8 *data, u32 size,
                  u32 *at)
{
	struct before b = { .snapshot = NULL,
		            .pool = fake_root()->pool.available,
		            .memory = digest(feed->id),
		            .result = HV_STATE_INCOMPLETE };
	u32 flags = feed->flags | GUEST_START, idle = 0, consumed;
	enum hv_status status;

	if (feed->id)
		b.snapshot = fuzz_snapshot_take(feed->id);
	*at = 0;
	/* Two calls in a row that take nothing with nothing left: it waits. */
	for (u32 call = 0; b.result == HV_STATE_INCOMPLETE && idle < 2;) {
		u32 cut = next_cut(feed, call++, size - *at);

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
	if (b.result != HV_STATE_COMPLETE && digest(feed->id) != b.memory)
		FUZZ_CHECK(guest_partition(feed->id)->half_restored);
	fuzz_snapshot_free(b.snapshot);
	return b.result;
}
