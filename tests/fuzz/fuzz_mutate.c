/*
 * A good stream, changed where the input says, with all checks repaired: what
 * stands behind the checks has to hold alone.
 */
#include <string.h>

#include "tests/fuzz/fuzz_feed.h"
#include "tests/fuzz/fuzz_oracle.h"
#include "tests/fuzz/fuzz_stream.h"

#define EDITS_MAX 4u

/* The last one, which closes the whole, more often than others. */
static u32 pick_place(struct fuzz_in *in, const struct fuzz_chunks *c)
{
	u8 at = fuzz_u8(in);

	if (!c->count)
		return 0;
	return at < 0xf0 ? at % c->count : c->count - 1;
}

static struct fuzz_chunk *pick(struct fuzz_in *in, struct fuzz_chunks *c)
{
	return c->at[pick_place(in, c)];
}

static void edit_word(struct fuzz_in *in, struct fuzz_chunk *chunk)
{
	u32 words = chunk->length / 8;
	u32 at = words ? fuzz_u16(in) % words : 0;
	u64 word = fuzz_word(in);
	u64 old;

	memcpy(&old, chunk->payload + at * 8, sizeof(old));
	if (fuzz_below(in, 2))
		word ^= old;
	if (words)
		memcpy(chunk->payload + at * 8, &word, sizeof(word));
}

static void edit_byte(struct fuzz_in *in, struct fuzz_chunk *chunk)
{
	u32 at = fuzz_u16(in) % (chunk->length + 1);

	chunk->payload[at] = fuzz_u8(in);
}

static void edit_length(struct fuzz_in *in, struct fuzz_chunk *chunk)
{
	static const u32 odd[] = { 0, 8, 16, 4080, 4096, 4104, 4112 };
	u32 how = fuzz_u8(in), was = chunk->length;

	chunk->length = how & 1 ? odd[how / 2 % ARRAY_LEN(odd)]
	                        : (how * 16u) % (STREAM_PAYLOAD_MAX + 16);
	if (chunk->length > was)
		memset(chunk->payload + was, 0, chunk->length - was);
}

static void edit_id(struct fuzz_in *in, struct fuzz_chunk *chunk)
{
	static const u32 ids[] = {
		STREAM_PROLOG,    STREAM_OPTIONAL | 0x70000001,
		0x70000002,       STREAM_EPILOG,
		STREAM_PAGE,      STREAM_FILL,
		STREAM_VP_MESSAGE
	};

	chunk->id = ids[fuzz_below(in, ARRAY_LEN(ids))];
}

/* A check that does not hold. */
static void spoil(struct fuzz_in *in, struct fuzz_chunk *chunk)
{
	u32 bit = 1u << fuzz_below(in, 32);

	if (fuzz_below(in, 2))
		chunk->header_xor = bit;
	else
		chunk->payload_xor = bit;
}

/* One that may be skipped, whatever is in it. */
static void insert_optional(struct fuzz_in *in, struct fuzz_chunks *c, u32 at)
{
	static struct fuzz_chunk optional;

	optional.id = 0x70000000 | (fuzz_below(in, 8) ? STREAM_OPTIONAL : 0) |
	              fuzz_u8(in);
	edit_length(in, &optional);
	fuzz_chunk_insert(c, at, &optional);
}

/* What is edited: the stream of one child, and that of another with the same shape. */
struct editor {
	struct fuzz_in *in;
	struct fuzz_shape *shape;
	u32 flags[2]; /* of the save of each */
	struct fuzz_chunks c;
	struct fuzz_chunks other; /* none before an edit takes from it */
};

/* Saves a child of the shape, with registers of the input's choice. */
static void make(struct editor *e, struct fuzz_chunks *c, u32 flags)
{
	static struct guest_stream s; /* its room stays */
	u64 id = fuzz_shape_make(e->shape, true);
	u32 result;

	fuzz_set_registers(e->in, id, fuzz_below(e->in, 4));
	if (fuzz_below(e->in, 4) == 0)
		fuzz_run(e->in, id, fuzz_vp_index(fuzz_below(e->in, FUZZ_VPS)));
	FUZZ_CHECK(!guest_save(id, flags, &s, &result));
	FUZZ_CHECK(result == HV_STATE_COMPLETE);
	FUZZ_CHECK(fuzz_chunks_split(c, s.data, s.size));
}

/* Most inputs take nothing from another child: it would be a third of their work. */
static struct fuzz_chunk *pick_other(struct editor *e)
{
	if (!e->other.count)
		make(e, &e->other, e->flags[1]);
	return pick(e->in, &e->other);
}

static void edit(struct editor *e)
{
	struct fuzz_in *in = e->in;
	struct fuzz_chunks *c = &e->c;
	u32 at = pick_place(in, c);
	struct fuzz_chunk *chunk = c->at[at];
	static struct fuzz_chunk copy;

	switch (fuzz_below(in, 16)) {
	case 0:
		fuzz_chunk_remove(c, at);
		break;
	case 1:
		fuzz_chunk_insert(c, at, chunk);
		break;
	case 2:
		copy = *chunk;
		*chunk = *pick(in, c);
		fuzz_chunk_remove(c, at);
		fuzz_chunk_insert(c, at + 1, &copy);
		break;
	case 3:
		fuzz_chunk_insert(c, at, pick_other(e));
		break;
	case 4:
		*chunk = *pick_other(e);
		break;
	case 5:
		edit_length(in, chunk);
		break;
	case 6:
		edit_id(in, chunk);
		break;
	case 7:
		spoil(in, chunk);
		break;
	case 8:
		insert_optional(in, c, at);
		break;
	case 9:
		edit_byte(in, chunk);
		break;
	default:
		edit_word(in, chunk);
	}
}

/* A target may have more memory than the stream asks for. */
static void add_pages(u64 id, const struct fuzz_shape *shape)
{
	struct arch_mapping m;

	for (u32 i = 0; i < shape->page_count; i++)
		if (!gpa_lookup(&guest_partition(id)->space,
		                shape->pages[i].gpn ^ 1, &m))
			fuzz_map(id, shape->pages[i].gpn ^ 1, guest_page(), 7);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_in in = { data, size };
	static struct fuzz_chunk room[2][FUZZ_CHUNKS];
	static struct editor e;
	struct fuzz_shape shape;
	struct fuzz_feed feed;
	struct fuzz_start start = { .more = NULL };
	u32 total, at, result;
	bool has_target;
	const u8 *stream;

	start.machine = (enum fake_machine)fuzz_below(&in, FAKE_MACHINES);
	fuzz_shape_read(&in, &shape);
	fuzz_feed_read(&in, &feed);
	has_target = !(feed.flags & GUEST_SUMMARY) || (feed.id & 1);
	start.vps = shape.vps;
	start.children = has_target ? 2 : 1;
	fuzz_begin(&start);
	e.in = &in;
	e.shape = &shape;
	for (u32 i = 0; i < 2; i++)
		e.flags[i] = feed.id & 2u << i ? GUEST_SUMMARY : 0;
	fuzz_chunks_empty(&e.c, room[0]);
	fuzz_chunks_empty(&e.other, room[1]);
	make(&e, &e.c, e.flags[0]);
	for (u32 i = fuzz_below(&in, EDITS_MAX + 1); i > 0 && e.c.count; i--)
		edit(&e);
	feed.id = has_target ? fuzz_shape_make(&shape, false) : 0;
	if (feed.id && (fuzz_below(&in, 2)))
		add_pages(feed.id, &shape);
	stream = fuzz_chunks_join(&e.c, &total);
	result = fuzz_feed_run(&feed, stream, total, &at);
	if (result == HV_STATE_COMPLETE) {
		FUZZ_CHECK(!fuzz_oracle_refuses(&e.c));
		fuzz_oracle_check(&e.c, feed.id);
		FUZZ_CHECK(fuzz_resume(feed.id));
		fuzz_check_vps(feed.id);
	}
	fuzz_end();
	return 0;
}

size_t LLVMFuzzerCustomMutator(u8 *data, size_t size, size_t max,
                               unsigned int seed)
{
	return fuzz_mutate_row(data, size, max, seed);
}
