/*
 * No damage of a golden stream becomes a partition that runs: every bit, every
 * chunk removed, repeated and swapped, every splice of two streams; with the
 * CRCs as they were, and with all CRCs made anew.
 */
#include "hv/stream/context.h"
#include "tests/host/fixture/golden.h"
#include "tests/host/fixture/test.h"

#define ROOM (64u << 10) /* for two streams */

static struct guest_stream streams[GOLDEN_MAX];
static struct golden_row rows[GOLDEN_MAX];
static struct golden_target target;
static struct guest_stream fresh_stream;
static struct golden_row fresh;

/* ---- One golden stream, or two ---- */

static int read_all(void **state)
{
	(void)state;
	for (u32 i = 0; i < golden_count; i++) {
		golden_read(&goldens[i], &streams[i]);
		golden_open(&rows[i], &streams[i]);
	}
	return 0;
}

static int free_all(void **state)
{
	(void)state;
	for (u32 i = 0; i < golden_count; i++)
		guest_stream_free(&streams[i]);
	guest_stream_free(&fresh_stream);
	return 0;
}

/* A target for golden stream i, in a world of its own. */
static void begin(u32 i)
{
	struct fake_options o = { .machine = goldens[i].machine };
	u32 result;

	fake_stop();
	assert_int_equal(guest_start(&o), HANDOFF_OK);
	golden_target_make(&target, &goldens[i], &rows[i]);
	assert_ok(guest_save(target.id, 0, &fresh_stream, &result));
	golden_open(&fresh, &fresh_stream);
}

static void assert_refused(void)
{
	assert_true(!target.p->context && !fake_root()->system);
	golden_target_untouched(&target);
}

/* ---- Bits ---- */

/*
 * All bits from `at` to `end`, found where the header or the payload that they
 * are in ends. The target is made as before only when its memory is no more.
 */
static void flip(u32 at, u32 end, u32 blocks, u32 from)
{
	for (u32 bit = at * 8; bit < end * 8; bit++) {
		u8 *byte = golden_laid(bit / 8);
		u32 taken = 0;

		*byte ^= (u8)(1u << bit % 8);
		assert_true(golden_offer(0, blocks, &taken) ==
		            HV_STATE_CORRUPT_DATA);
		assert_true(taken == end);
		assert_true(target.p->half_restored == (end > from));
		assert_refused();
		if (end > from)
			golden_target_reset(&target);
		*byte ^= (u8)(1u << bit % 8);
	}
}

static void test_every_single_bit_flip_is_refused(void **state)
{
	(void)state;
	for (u32 i = 0; i < golden_count; i++) {
		u32 blocks, taken = 0;
		bool summary = goldens[i].flags;

		begin(i);
		blocks = golden_lay(&target, streams[i].data, 0,
		                    streams[i].size, 0, true);
		for (u32 k = 0; k < rows[i].count; k++) {
			u32 at = rows[i].at[k].at;
			u32 from = golden_written_from(&rows[i]);

			flip(at, at + 16, blocks, from);
			flip(at + 16, at + 16 + rows[i].at[k].length, blocks,
			     from);
		}
		/* All bits are back, and the target takes it. */
		assert_int_equal(golden_offer(0, blocks, &taken),
		                 summary ? HV_STATE_RESTORABLE
		                         : HV_STATE_COMPLETE);
	}
}

/* ---- Chunks ---- */

static u64 tried, complete;

/*
 * What is to come of chunks with the CRCs they had: as many as are a stream's
 * first in their order count. All of a stream: as if the others were not there
 * (they are behind the EPILOG). Nothing else behind them: it just stops.
 */
static u32 expected_raw(const struct golden_row *row,
                        const struct golden_row *of)
{
	struct golden_row prefix = { .count = 0 };

	while (prefix.count < row->count && prefix.count < of->count &&
	       row->at[prefix.count].bytes == of->at[prefix.count].bytes) {
		prefix.at[prefix.count] = of->at[prefix.count];
		prefix.count++;
	}
	if (prefix.count == row->count || prefix.count == of->count)
		return golden_expected(&prefix, &target);
	return HV_STATE_CORRUPT_DATA;
}

/* What completed is what the chunks up to the EPILOG said, no more. */
static void assert_complete(const struct golden_row *chunks)
{
	struct golden_row row = *chunks;
	struct guest_stream s = { .data = NULL };
	struct golden_row now;
	u32 result;

	assert_false(target.p->half_restored);
	assert_ok(guest_save(target.id, 0, &s, &result));
	golden_open(&now, &s);
	row.count = 1;
	while (row.at[row.count - 1].id != STREAM_EPILOG)
		row.count++;
	golden_same(&row, &now, &fresh, false);
	guest_stream_free(&s);
	complete++;
}

static void assert_outcome(const struct golden_row *row, u32 expected,
                           const struct guest_stream *s)
{
	u32 taken, result = golden_restore(&target, s, &taken);

	if (!golden_is(expected, result))
		fail_msg("result %u, expected %u", result, expected);
	if (result == HV_STATE_COMPLETE) {
		assert_complete(row);
	} else if (result == HV_STATE_INCOMPLETE) {
		golden_target_untouched(&target);
		assert_int_equal(taken, s->size);
		context_close(target.p);
		context_close_system(fake_root());
	} else {
		assert_refused();
	}
	golden_target_reset(&target);
	tried++;
}

/* The row with the CRCs as they were, then with right ones. */
static void try_row(const struct golden_row *row, const struct golden_row *of)
{
	static u8 bytes[ROOM];
	struct guest_stream s = { .data = bytes, .room = ROOM };

	golden_join(row, &s);
	assert_outcome(of, expected_raw(row, of), &s);
	golden_seal(&s, 0);
	assert_outcome(row, golden_expected(row, &target), &s);
}

/* The one check that knows of all chunks is looked at, bit by bit. */
static void test_the_epilogs_crc_over_all_headers_counts(void **state)
{
	(void)state;
	for (u32 i = 0; i < golden_count; i++) {
		struct guest_stream *s = &streams[i];
		u32 taken, good = goldens[i].flags ? HV_STATE_RESTORABLE
		                                   : HV_STATE_COMPLETE;

		begin(i);
		for (u32 bit = 0; bit < 32; bit++) {
			golden_seal(s, 1u << bit);
			assert_int_equal(golden_restore(&target, s, &taken),
			                 HV_STATE_CORRUPT_DATA);
			assert_int_equal(taken, s->size);
			assert_refused();
			golden_target_reset(&target);
		}
		/* Right again, as it was committed. */
		golden_seal(s, 0);
		assert_int_equal(golden_restore(&target, s, &taken), good);
	}
}

static void insert(struct golden_row *row, u32 at, struct golden_chunk chunk)
{
	memmove(&row->at[at + 1], &row->at[at],
	        (row->count - at) * sizeof(chunk));
	row->at[at] = chunk;
	row->count++;
}

static void drop(struct golden_row *row, u32 at)
{
	row->count--;
	memmove(&row->at[at], &row->at[at + 1],
	        (row->count - at) * sizeof(row->at[0]));
}

static void test_every_chunk_removed(void **state)
{
	(void)state;
	for (u32 i = 0; i < golden_count; i++) {
		begin(i);
		for (u32 k = 0; k < rows[i].count; k++) {
			struct golden_row row = rows[i];

			drop(&row, k);
			try_row(&row, &rows[i]);
		}
	}
}

/* A copy of every chunk at every place. */
static void test_every_chunk_repeated(void **state)
{
	(void)state;
	for (u32 i = 0; i < golden_count; i++) {
		begin(i);
		for (u32 k = 0; k < rows[i].count; k++) {
			for (u32 at = 0; at <= rows[i].count; at++) {
				struct golden_row row = rows[i];

				insert(&row, at, rows[i].at[k]);
				try_row(&row, &rows[i]);
			}
		}
	}
}

static void test_every_two_chunks_swapped(void **state)
{
	(void)state;
	for (u32 i = 0; i < golden_count; i++) {
		begin(i);
		for (u32 k = 1; k < rows[i].count; k++) {
			for (u32 with = 0; with < k; with++) {
				struct golden_row row = rows[i];

				row.at[k] = rows[i].at[with];
				row.at[with] = rows[i].at[k];
				try_row(&row, &rows[i]);
			}
		}
	}
}

/* Chunks of a up to `to`, then those of b from `from` on. */
static void splice(u32 a, u32 to, u32 b, u32 from)
{
	struct golden_row row = { .count = to };

	memcpy(row.at, rows[a].at, to * sizeof(row.at[0]));
	for (u32 i = from; i < rows[b].count; i++)
		row.at[row.count++] = rows[b].at[i];
	try_row(&row, to == 0 && from == 0 ? &rows[b] : &rows[a]);
}

/* Every beginning of a with every end of b, the whole and nothing included. */
static void test_every_splice_of_two_streams(void **state)
{
	(void)state;
	tried = complete = 0;
	for (u32 a = 0; a < golden_count; a++) {
		begin(a);
		for (u32 b = 0; b < golden_count; b++)
			for (u32 to = 0; to <= rows[a].count; to++)
				for (u32 from = 0; from <= rows[b].count;
				     from++)
					splice(a, to, b, from);
	}
	/* Both kinds of outcome were seen, refusals above all. */
	assert_true(complete > 100 && complete * 10 < tried);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_every_single_bit_flip_is_refused),
		TEST(test_the_epilogs_crc_over_all_headers_counts),
		TEST(test_every_chunk_removed),
		TEST(test_every_chunk_repeated),
		TEST(test_every_two_chunks_swapped),
		TEST(test_every_splice_of_two_streams),
	};

	return cmocka_run_group_tests(tests, read_all, free_all);
}
