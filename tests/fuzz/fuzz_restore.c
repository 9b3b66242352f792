/*
 * Any bytes, in any cuts, into a target of any shape. An input is the shape,
 * the way of feeding, and the stream.
 */
#include <string.h>

#include "tests/fuzz/fuzz_feed.h"

#define HEAD (1 + FUZZ_SHAPE_BYTES + 10)

static void read_head(struct fuzz_in *in, struct fuzz_shape *shape,
                      struct fuzz_feed *feed)
{
	fuzz_begin((enum fake_machine)fuzz_below(in, FAKE_MACHINES));
	fuzz_shape_read(in, shape);
	fuzz_feed_read(in, feed);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_in in = { data, size };
	struct fuzz_shape shape;
	struct fuzz_feed feed;
	u32 at, result;

	read_head(&in, &shape, &feed);
	if (!(feed.flags & GUEST_SUMMARY) || (feed.id & 1))
		feed.id = fuzz_shape_make(&shape, false);
	else
		feed.id = 0;
	result = fuzz_feed_run(&feed, in.at, (u32)in.left, &at);
	if (result == HV_STATE_COMPLETE) {
		FUZZ_CHECK(fuzz_resume(feed.id));
		fuzz_check_vps(feed.id);
	}
	fuzz_end();
	return 0;
}

/* What the shape's partition is saved as, behind the head of the input. */
static size_t append_stream(u8 *data, size_t max)
{
	struct fuzz_in in = { data, HEAD };
	struct guest_stream s = { .data = NULL };
	struct fuzz_shape shape;
	struct fuzz_feed feed;
	u32 result;
	size_t size;

	read_head(&in, &shape, &feed);
	for (u32 i = 0; i < shape.page_count; i++)
		shape.pages[i].fill %= 2; /* short ones */
	feed.id = fuzz_shape_make(&shape, true);
	FUZZ_CHECK(
		!guest_save(feed.id, feed.flags & GUEST_SUMMARY, &s, &result));
	size = s.size < max - HEAD ? s.size : max - HEAD;
	memcpy(data + HEAD, s.data, size);
	guest_stream_free(&s);
	fuzz_end();
	return HEAD + size;
}

/* Now and then the bytes are made to be a stream that fits the shape. */
size_t LLVMFuzzerCustomMutator(u8 *data, size_t size, size_t max,
                               unsigned int seed)
{
	if (max > HEAD + 4096 && (size < HEAD + 4096 || seed % 8 == 0)) {
		size_t head = size < HEAD ? size : HEAD;

		memset(data + head, 0, HEAD - head);
		head = LLVMFuzzerMutate(data, HEAD, HEAD);
		memset(data + head, 0, HEAD - head);
		return append_stream(data, max);
	}
	return LLVMFuzzerMutate(data, size, max);
}
