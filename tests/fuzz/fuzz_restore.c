/*
 * Any bytes, in any cuts, into a target of any shape. An input is the shape,
 * the way of feeding, and the stream.
 */
#include <string.h>

#include "tests/fuzz/fuzz_feed.h"

#define HEAD (1 + FUZZ_SHAPE_BYTES + 10)

static void read_head(struct fuzz_in *in, struct fuzz_shape *shape,
                      struct fuzz_feed *feed, struct fuzz_start *start)
{
	start->machine = (enum fake_machine)fuzz_below(in, FAKE_MACHINES);
	fuzz_shape_read(in, shape);
	start->vps = shape->vps;
	start->children = 1;
	fuzz_feed_read(in, feed);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_in in = { data, size };
	struct fuzz_shape shape;
	struct fuzz_feed feed;
	struct fuzz_start start = { .more = NULL };
	u32 at, result;

	read_head(&in, &shape, &feed, &start);
	start.children = !(feed.flags & GUEST_SUMMARY) || (feed.id & 1);
	fuzz_begin(&start);
	feed.id = start.children ? fuzz_shape_make(&shape, false) : 0;
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
	static struct guest_stream s; /* its room stays */
	struct fuzz_shape shape;
	struct fuzz_feed feed;
	struct fuzz_start start = { .more = NULL };
	u32 result;
	size_t size;

	read_head(&in, &shape, &feed, &start);
	fuzz_begin(&start);
	for (u32 i = 0; i < shape.page_count; i++)
		shape.pages[i].fill %= 2; /* short ones */
	feed.id = fuzz_shape_make(&shape, true);
	FUZZ_CHECK(
		!guest_save(feed.id, feed.flags & GUEST_SUMMARY, &s, &result));
	size = s.size < max - HEAD ? s.size : max - HEAD;
	memcpy(data + HEAD, s.data, size);
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
