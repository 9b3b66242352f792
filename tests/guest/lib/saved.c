/*
 * Streams of saved children in memory.
 */
#include "tests/guest/lib/saved.h"

#include "parent/cpu.h"
#include "tests/guest/lib/pages.h"
#include "tests/guest/lib/test.h"

bool saved_begin(struct saved *s, u64 pages)
{
	s->data = (u8 *)page_run(pages);
	s->size = 0;
	s->room = pages * PAGE_SIZE;
	return EXPECT(s->data);
}

void saved_end(struct saved *s)
{
	page_run_free((u64)s->data, s->room / PAGE_SIZE);
}

static bool put(void *context, const u8 *data, u32 count)
{
	struct saved *s = context;

	if (s->size + count > s->room)
		return false;
	cpu_copy(s->data + s->size, data, count);
	s->size += count;
	return true;
}

static const u8 *get(void *context, u64 offset, u64 *count)
{
	const struct saved *s = context;

	if (offset >= s->size)
		return NULL;
	*count = s->size - offset;
	return s->data + offset;
}

bool saved_take(struct saved *s, u64 id, u32 flags)
{
	const struct stream_client client = { .context = s, .put = put };
	struct stream_outcome o;

	s->size = 0;
	o = stream_save(id, flags, &client);
	return EXPECT_SUCCESS(o.status) && EXPECT(!o.stopped) &&
	       EXPECT_EQUAL(o.state, HV_STATE_COMPLETE) &&
	       EXPECT_EQUAL(o.bytes, s->size);
}

enum hv_status saved_take_piece(struct saved *s, u64 id, u32 flags, u32 *state)
{
	static u8 data[HV_SAVE_DATA_MAX];
	enum hv_status status;
	u32 count = 0;

	status = stream_save_piece(id, flags, data, &count, state);
	if (status == HV_STATUS_SUCCESS && !EXPECT(put(s, data, count)))
		return HV_STATUS_NO_RESOURCES;
	return status;
}

struct stream_outcome saved_offer(const struct saved *s, u64 id, u32 flags,
                                  u32 piece)
{
	struct saved copy = *s;
	const struct stream_client client = { .context = &copy, .get = get };

	return stream_restore(id, flags, piece, &client);
}

bool saved_restore(const struct saved *s, u64 id, u32 piece)
{
	struct stream_outcome o = saved_offer(s, id, 0, piece);

	return EXPECT_SUCCESS(o.status) &&
	       EXPECT_EQUAL(o.state, HV_STATE_COMPLETE) &&
	       EXPECT_EQUAL(o.bytes, s->size);
}
