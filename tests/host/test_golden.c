/*
 * Golden streams restore, come out again with the same content, and may be cut
 * anywhere. `test_golden make` writes those of the engine that are not there.
 */
#include <stdio.h>

#include "hv/run/vp_run.h"
#include "hv/stream/chunk.h"
#include "hv/vp/debug.h"
#include "hv/vp/vp.h"
#include "tests/host/fixture/forge.h"
#include "tests/host/fixture/golden.h"
#include "tests/host/fixture/test.h"

static struct guest_stream stream;
static struct golden_row row;
static struct golden_target target;

/* A golden stream and a target for it, in a world of its own. */
static void begin(const struct golden *g)
{
	struct fake_options o = { .machine = g->machine };

	fake_stop();
	assert_int_equal(guest_start(&o), HANDOFF_OK);
	free(stream.data);
	golden_read(g, &stream);
	golden_open(&row, &stream);
	golden_target_make(&target, g, &row);
}

static u32 good_result(const struct golden *g)
{
	return g->flags ? HV_STATE_RESTORABLE : HV_STATE_COMPLETE;
}

static void save(u64 id, struct guest_stream *s, struct golden_row *r)
{
	u32 result;

	*s = (struct guest_stream){ .data = NULL };
	assert_ok(guest_save(id, 0, s, &result));
	assert_int_equal(result, HV_STATE_COMPLETE);
	golden_open(r, s);
}

/* A debug exception that is pending ends a halt (SDM 26.7.3). */
static bool waits(struct vp *vp)
{
	const struct vp_state *s = vp_state_read(vp);

	if (vp->intercept_suspend & HV_SUSPENDED)
		return true;
	return s->activity && !(s->activity == HV_ACTIVITY_HALT_SUSPEND &&
	                        debug_is_due(s->pending_debug));
}

/* Every VP may run, and does if nothing in the stream speaks against it. */
static void start(void)
{
	for (u32 i = 0; i < target.vp_count; i++) {
		struct vp *vp = target.vps[i].vp;
		u64 rip = vp_state_read(vp)->rip;
		bool still = waits(vp);

		assert_ok(guest_set(target.id, vp->index,
		                    HV_REGISTER_EXPLICIT_SUSPEND, 0));
		assert_int_equal(vp_runnable(vp), !still);
		assert_true(fake_enter(vp)->rip == rip);
		fake_exit(vp);
	}
}

static void restore_and_save(void)
{
	struct guest_stream again, fresh_stream;
	struct golden_row now, fresh;
	u32 taken;

	save(target.id, &fresh_stream, &fresh);
	assert_int_equal(golden_restore(&target, &stream, &taken),
	                 HV_STATE_COMPLETE);
	assert_int_equal(taken, stream.size);
	/* Read-only pages were writable for the restore (D19). */
	golden_target_rights(&target);
	save(target.id, &again, &now);
	golden_same(&row, &now, &fresh, true);
	guest_stream_free(&again);
	guest_stream_free(&fresh_stream);
}

static void test_every_golden_restores_and_comes_out_again(void **state)
{
	(void)state;
	for (u32 i = 0; i < golden_count; i++) {
		const struct golden *g = &goldens[i];
		u32 taken;

		begin(g);
		if (g->flags) {
			assert_int_equal(
				golden_restore(&target, &stream, &taken),
				HV_STATE_RESTORABLE);
			assert_int_equal(taken, stream.size);
			golden_target_untouched(&target);
		} else {
			restore_and_save();
		}
		start();
		guest_destroy(target.id);
	}
}

/* A full stream tells beforehand whether it fits (D13). */
static void test_every_full_golden_gives_a_verdict(void **state)
{
	(void)state;
	for (u32 i = 0; i < golden_count; i++) {
		u32 result;

		begin(&goldens[i]);
		if (goldens[i].flags)
			continue;
		assert_ok(guest_restore(0, GUEST_SUMMARY, &stream, 4080,
		                        &result));
		assert_int_equal(result, HV_STATE_RESTORABLE);
		golden_target_untouched(&target);
	}
}

static void test_every_chunk_kind_is_in_a_golden(void **state)
{
	u32 count;
	const struct chunk_kind *kinds = chunk_table(&count);
	bool seen[64] = { false }, optional = false;

	(void)state;
	assert_true(count <= ARRAY_LEN(seen));
	for (u32 i = 0; i < golden_count; i++) {
		begin(&goldens[i]);
		for (u32 k = 0; k < count; k++)
			seen[k] |= golden_find(&row, kinds[k].id, 0) != NULL;
		optional |= golden_find(&row, 0x78001000, 0) != NULL;
	}
	for (u32 k = 0; k < count; k++)
		if (!seen[k])
			fail_msg("no golden stream has a %s", kinds[k].name);
	assert_true(optional);
}

/* The committed CRCs against those of an implementation that hv/ has not. */
static void test_every_golden_has_the_documented_checks(void **state)
{
	static struct forge f;

	(void)state;
	for (u32 i = 0; i < golden_count; i++) {
		begin(&goldens[i]);
		forge_open(&f, &stream);
		assert_int_equal(f.count, row.count);
	}
}

/* What identifies a stream is the only thing that a maker makes anew. */
static void test_makers_make_what_is_committed(void **state)
{
	(void)state;
	for (u32 i = 0; i < golden_count; i++) {
		struct guest_stream s = { .data = NULL };
		struct golden_row made;

		if (!goldens[i].make)
			continue;
		begin(&goldens[i]);
		golden_make(&goldens[i], &s);
		golden_open(&made, &s);
		assert_int_equal(made.count, row.count);
		for (u32 k = 1; k < made.count; k++) {
			const struct golden_chunk *a = &row.at[k];
			/* COMPAT has the hypervisor's version. */
			u32 from = a->id == STREAM_COMPAT ? 16 : 0;

			assert_int_equal(a->id, made.at[k].id);
			assert_int_equal(a->length, made.at[k].length);
			assert_memory_equal(golden_payload(a) + from,
			                    golden_payload(&made.at[k]) + from,
			                    a->length - from);
		}
		guest_stream_free(&s);
	}
}

/* ---- Cuts ---- */

/* The stream ends at `cut`: no verdict, and nothing that could run. */
static void truncate_at(u32 cut, u32 from)
{
	u32 taken = 0,
	    count = golden_lay(&target, stream.data, 0, cut, 0, true);

	assert_true(golden_offer(0, count, &taken) == HV_STATE_INCOMPLETE);
	assert_true(taken == cut);
	golden_target_untouched(&target);
	if (cut != from)
		assert_true(target.p->half_restored == (cut > from));
}

/* The rest comes after all. */
static void go_on_at(u32 cut, const struct golden *g, u32 digest)
{
	u32 taken = 0, count = golden_lay(&target, stream.data, cut,
	                                  stream.size, 0, false);

	assert_true(golden_offer(0, count, &taken) == good_result(g));
	assert_true(taken == stream.size - cut);
	assert_true(golden_target_digest(&target) == digest);
}

static void test_every_truncation_and_every_two_way_split(void **state)
{
	(void)state;
	for (u32 i = 0; i < golden_count; i++) {
		u32 digest, from, taken;

		begin(&goldens[i]);
		from = golden_written_from(&row);
		assert_int_equal(golden_restore(&target, &stream, &taken),
		                 good_result(&goldens[i]));
		digest = golden_target_digest(&target);
		for (u32 cut = 0; cut < stream.size; cut++) {
			golden_target_reset(&target);
			truncate_at(cut, from);
			go_on_at(cut, &goldens[i], digest);
		}
	}
}

/* An abandoned restore before the first write leaves it startable (D22). */
static void test_d22_startable_before_the_first_write(void **state)
{
	(void)state;
	for (u32 i = 0; i < golden_count; i++) {
		begin(&goldens[i]);
		if (golden_written_from(&row) < stream.size)
			truncate_at(golden_written_from(&row) - 1,
			            golden_written_from(&row));
		else
			truncate_at(stream.size - 1, stream.size);
		for (u32 k = 0; k < target.vp_count; k++)
			assert_ok(guest_set(target.id, target.vps[k].vp->index,
			                    HV_REGISTER_EXPLICIT_SUSPEND, 0));
	}
}

/* ---- GPA_MAP: how many extents, and extents that touch ---- */

/* Extents of one page, one behind the other, from page `from` on. */
static void put_extents(struct forge_chunk *map, u32 from, u32 count)
{
	for (u32 i = 0; i < count; i++) {
		struct stream_extent e = { from + i, 1, 7 };

		memcpy(map->payload + i * sizeof(e), &e, sizeof(e));
	}
	map->length = count * (u32)sizeof(struct stream_extent);
}

/* A child of `pages` pages of one word; in *f the stream of it. */
static u64 make_child(u32 pages, struct forge *f)
{
	struct guest_stream s = { .data = NULL };
	u64 id = guest_child(60, 1);
	u32 result;

	for (u32 i = 0; i < pages; i++) {
		u64 page = guest_page();

		memset(guest_at(page << PAGE_SHIFT), 5, PAGE_SIZE);
		assert_ok(guest_map(id, i, page, 7));
	}
	assert_ok(guest_save(id, 0, &s, &result));
	forge_open(f, &s);
	guest_stream_free(&s);
	return id;
}

static u32 restore_forged(u64 id, const struct forge *f)
{
	struct guest_stream s = { .data = NULL };
	u32 result;

	forge_close(f, &s);
	assert_ok(guest_restore(id, 0, &s, 4080, &result));
	guest_stream_free(&s);
	return result;
}

/* 4064 bytes are a full chunk; an extent more is one too many (3.6). */
static void test_a_map_chunk_has_4064_bytes_at_most(void **state)
{
	static struct forge f;
	struct forge_chunk second = { .id = STREAM_GPA_MAP };
	struct forge_chunk *map;
	u64 id = make_child(STREAM_EXTENTS_MAX, &f);

	(void)state;
	assert_int_equal(STREAM_EXTENTS_MAX * sizeof(struct stream_extent),
	                 4064);
	put_extents(forge_find(&f, STREAM_GPA_MAP, 0), 0, STREAM_EXTENTS_MAX);
	assert_int_equal(restore_forged(id, &f), HV_STATE_COMPLETE);

	id = make_child(STREAM_EXTENTS_MAX + 1, &f);
	map = forge_find(&f, STREAM_GPA_MAP, 0);
	put_extents(map, 0, STREAM_EXTENTS_MAX + 1);
	assert_int_equal(map->length, 4080);
	assert_int_equal(restore_forged(id, &f), HV_STATE_CORRUPT_DATA);
	assert_false(guest_partition(id)->half_restored);
	put_extents(map, 0, STREAM_EXTENTS_MAX);
	put_extents(&second, STREAM_EXTENTS_MAX, 1);
	forge_insert(&f, (u32)(map - f.chunks) + 1, &second);
	assert_int_equal(restore_forged(id, &f), HV_STATE_COMPLETE);
}

/* A reader takes extents that touch and are alike; a writer joins them. */
static void test_extents_that_touch_are_taken_and_come_out_joined(void **state)
{
	static struct forge f;
	struct guest_stream s = { .data = NULL };
	struct stream_extent e;
	u64 id = make_child(3, &f);
	u32 result;

	(void)state;
	put_extents(forge_find(&f, STREAM_GPA_MAP, 0), 0, 3);
	assert_int_equal(restore_forged(id, &f), HV_STATE_COMPLETE);
	assert_ok(guest_save(id, 0, &s, &result));
	forge_open(&f, &s);
	assert_int_equal(forge_find(&f, STREAM_GPA_MAP, 0)->length, sizeof(e));
	memcpy(&e, forge_find(&f, STREAM_GPA_MAP, 0)->payload, sizeof(e));
	assert_true(e.gpn == 0 && e.count == 3 && e.rights == 7);
	guest_stream_free(&s);
}

/* ---- The maker ---- */

/* One that is there stays: the format is frozen. */
static int write_golden(const struct golden *g)
{
	struct guest_stream s = { .data = NULL };
	char path[128];
	size_t written;
	FILE *f;

	golden_make(g, &s);
	snprintf(path, sizeof(path), GOLDEN_FOLDER "%s.stream", g->name);
	f = fopen(path, "wbx");
	written = f ? fwrite(s.data, 1, s.size, f) : 0;
	if (!f || fclose(f) != 0 || written != s.size) {
		perror(path);
		return 1;
	}
	printf("%s: %u bytes\n", path, s.size);
	guest_stream_free(&s);
	return 0;
}

static bool is_there(const struct golden *g)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), GOLDEN_FOLDER "%s.stream", g->name);
	f = fopen(path, "rb");
	if (f)
		fclose(f);
	return f;
}

static int make_all(void)
{
	int failed = 0;

	for (u32 i = 0; i < golden_count; i++)
		if (goldens[i].make && !is_there(&goldens[i]))
			failed |= write_golden(&goldens[i]);
	return failed;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(test_every_golden_restores_and_comes_out_again),
		TEST(test_every_full_golden_gives_a_verdict),
		TEST(test_every_chunk_kind_is_in_a_golden),
		TEST(test_every_golden_has_the_documented_checks),
		TEST(test_makers_make_what_is_committed),
		TEST(test_every_truncation_and_every_two_way_split),
		TEST(test_d22_startable_before_the_first_write),
		TEST(test_a_map_chunk_has_4064_bytes_at_most),
		TEST(test_extents_that_touch_are_taken_and_come_out_joined),
	};

	if (argc == 2 && strcmp(argv[1], "make") == 0)
		return make_all();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
