/*
 * Children of any shape, saved in pieces while they are changed: a process that
 * ended well has a stream that makes the same child again, and no change goes
 * unnoticed (D10).
 */
#include "tests/fuzz/fuzz_feed.h"
#include "tests/fuzz/fuzz_map.h"

#define CALLS_MAX 200u

/* Begun anew over and over it would not come to its end, which says most. */
#define BEGUN_MAX 3u

/* The save under way, as its parent knows it. */
struct saver {
	struct fuzz_in *in;
	struct fuzz_shape *shape;
	struct guest_stream stream;
	u64 id;
	u32 result;
	u32 begun;    /* how often */
	bool changed; /* since the process was opened */
	bool running; /* a VP is not suspended */
};

static void set_suspend(struct saver *s, u64 value)
{
	u32 index = fuzz_vp_index(fuzz_below(s->in, FUZZ_VPS));

	if (guest_set(s->id, index, HV_REGISTER_EXPLICIT_SUSPEND, value))
		return;
	s->changed = true;
	s->running = !partition_suspended(guest_partition(s->id));
}

static void change_map(struct saver *s, bool map)
{
	u64 gpn = fuzz_u8(s->in);

	if (map)
		fuzz_map(s->id, gpn, guest_page(), 7);
	else
		FUZZ_CHECK(!guest_unmap(s->id, gpn));
	s->changed = true;
}

static void change_vps(struct saver *s)
{
	u32 index = fuzz_vp_index(fuzz_below(s->in, FUZZ_VPS));

	if (!guest_delete_vp(s->id, index))
		s->changed = true;
	else if (!guest_create_vp(s->id, index))
		s->changed = true;
}

static void change_registers(struct saver *s)
{
	u64 before = guest_partition(s->id)->generation;

	fuzz_set_registers(s->in, s->id, 1);
	if (guest_partition(s->id)->generation != before)
		s->changed = true;
}

/* What may come between two calls. Mostly nothing. */
static void interfere(struct saver *s)
{
	u32 result;

	switch (fuzz_below(s->in, 32)) {
	case 1:
		change_map(s, true);
		break;
	case 2:
		change_map(s, false);
		break;
	case 3:
		change_vps(s);
		break;
	case 4:
		change_registers(s);
		break;
	case 5:
		set_suspend(s, 0);
		break;
	case 6:
		set_suspend(s, 1);
		break;
	case 7: /* D8: refused, and nothing happens */
		FUZZ_CHECK(guest_save_call(s->id, GUEST_SUMMARY, &s->stream,
		                           &result) != 0);
		break;
	case 8: /* without a process of that direction: refused, D3 */
		FUZZ_CHECK(guest_restore_call(s->id, 0, NULL, 0, &result,
		                              &result) != 0);
		break;
	default:
		break;
	}
}

static enum hv_status call(struct saver *s, u32 flags)
{
	if (flags & GUEST_START) {
		s->stream.size = 0;
		s->changed = false;
		s->begun++;
	}
	return guest_save_call(s->id, flags, &s->stream, &s->result);
}

/* One call, after what came between; the status is what it must be. */
static void step(struct saver *s, u32 flags)
{
	enum hv_status status;

	if (!(flags & GUEST_START) && s->begun < BEGUN_MAX)
		interfere(s);
	if (s->in->left && s->begun < BEGUN_MAX && fuzz_below(s->in, 64) == 1)
		flags = GUEST_START;
	if (s->running) {
		status = call(s, flags & ~GUEST_START);
		FUZZ_CHECK(status == HV_STATUS_OPERATION_DENIED);
		for (u32 i = 0; i < FUZZ_VPS; i++)
			(void)guest_set(s->id, fuzz_vp_index(i),
			                HV_REGISTER_EXPLICIT_SUSPEND, 1);
		s->running = false;
	}
	if (s->changed && !(flags & GUEST_START)) {
		status = call(s, flags);
		FUZZ_CHECK(status == HV_STATUS_INVALID_SAVE_RESTORE_STATE);
		flags = GUEST_START;
	}
	status = call(s, flags);
	FUZZ_CHECK(status == HV_STATUS_SUCCESS);
	FUZZ_CHECK(fuzz_result_known(s->result, false));
}

/* The same shape again, as the child has it by now. */
static u64 make_twin(struct saver *s)
{
	const struct partition *p = guest_partition(s->id);
	u64 twin = fuzz_child(p), gpn = 0;
	hpa_t page;

	for (; fuzz_map_next(p, &gpn, &page); gpn++)
		fuzz_map(twin, gpn, guest_page(), 7);
	return twin;
}

/* All registers of a VP are read by one input of four: they say what the state says. */
static u32 read_whole(const struct saver *s)
{
	u32 how = s->stream.size / 8;

	return how % 4 ? FUZZ_NO_VP : fuzz_vp_of(s->id, how / 4);
}

static void check_round_trip(struct saver *s)
{
	struct fuzz_feed feed = { .id = make_twin(s) };
	u32 at, result;

	fuzz_bytes(s->in, feed.cuts, sizeof(feed.cuts));
	result = fuzz_feed_run(&feed, s->stream.data, s->stream.size, &at);
	FUZZ_CHECK(result == HV_STATE_COMPLETE && at == s->stream.size);
	fuzz_same(s->id, feed.id, read_whole(s));
	FUZZ_CHECK(fuzz_resume(feed.id));
	fuzz_check_vps(feed.id);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_in in = { data, size };
	static struct guest_stream room; /* stays */
	struct saver s = { .in = &in,
		           .stream = room,
		           .result = HV_STATE_INCOMPLETE };
	struct fuzz_shape shape;
	struct fuzz_start start = { .children = 2 };
	u32 flags = GUEST_START;

	start.machine = (enum fake_machine)fuzz_below(&in, FAKE_MACHINES);
	fuzz_shape_read(&in, &shape);
	start.vps = shape.vps;
	fuzz_begin(&start);
	s.shape = &shape;
	s.id = fuzz_shape_make(&shape, true);
	if (fuzz_below(&in, 4) == 1)
		fuzz_disturb(&in, s.id);
	fuzz_set_registers(&in, s.id, fuzz_below(&in, 16));
	for (u32 i = fuzz_below(&in, 3); i > 0; i--)
		fuzz_run(&in, s.id, fuzz_vp_index(fuzz_below(&in, FUZZ_VPS)));
	for (u32 i = 0; i < CALLS_MAX && s.result; i++, flags = 0)
		step(&s, flags);
	if (s.result == HV_STATE_COMPLETE)
		check_round_trip(&s);
	room = s.stream;
	fuzz_end();
	return 0;
}

size_t LLVMFuzzerCustomMutator(u8 *data, size_t size, size_t max,
                               unsigned int seed)
{
	return fuzz_mutate_row(data, size, max, seed);
}
