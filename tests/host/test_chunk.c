/*
 * hv/stream/chunk.c and hv/stream/chunk_vp.c: streams whose checks hold and whose contents do
 * not. Each case changes one thing of a good stream.
 */
#include "hv/stream/chunk.h"
#include "hv/vp/partition.h"
#include "tests/host/fixture/forged.h"
#include "tests/host/fixture/state.h"
#include "tests/host/fixture/test.h"

static struct forge good, f;
static struct guest_stream s;
static struct child_shape shape;
static u64 target;

static void make(void)
{
	target = forged_make(&shape, &s);
	forge_open(&good, &s);
	f = good;
}

static u32 restore(void)
{
	forge_close(&f, &s);
	f = good;
	return forged_offer(&s, target);
}

static void test_forged_like_the_original(void **state)
{
	struct guest_stream original;

	(void)state;
	make();
	original = s;
	s.data = NULL;
	forge_close(&f, &s);
	assert_int_equal(s.size, original.size);
	assert_memory_equal(s.data, original.data, s.size);
	guest_stream_free(&original);
	assert_int_equal(restore(), HV_STATE_COMPLETE);
}

/*
 * Pages and fills of one run may stand in any order: it is another memory, but
 * a whole one.
 */
static bool only_pages(u32 from, u32 to)
{
	for (u32 i = from < to ? from : to; i <= (from < to ? to : from); i++)
		if (good.chunks[i].id != STREAM_PAGE &&
		    good.chunks[i].id != STREAM_FILL)
			return false;
	return true;
}

/* A chunk is missing, comes twice, comes with the next one in front. */
static void test_order(void **state)
{
	u32 count;

	(void)state;
	make();
	count = good.count;
	for (u32 i = 0; i < count; i++) {
		struct forge_chunk own = good.chunks[i];
		u32 result;

		forge_remove(&f, i);
		result = restore();
		if (own.id == STREAM_EPILOG)
			assert_int_equal(result, HV_STATE_INCOMPLETE);
		else
			assert_int_equal(result, HV_STATE_CORRUPT_DATA);
		forge_insert(&f, i, &own);
		result = restore();
		/* Nothing is taken behind the EPILOG. */
		assert_int_equal(result, own.id == STREAM_EPILOG
		                                 ? HV_STATE_COMPLETE
		                                 : HV_STATE_CORRUPT_DATA);
		if (i + 1 == count)
			continue;
		forge_remove(&f, i);
		forge_insert(&f, i + 1, &own);
		if (restore() != (only_pages(i, i + 1) ? HV_STATE_COMPLETE
		                                       : HV_STATE_CORRUPT_DATA))
			fail_msg("chunk %x swapped with the next", own.id);
	}
}

/* Every chunk at every other place. */
static void test_chunks_at_wrong_places(void **state)
{
	u32 count;

	(void)state;
	make();
	count = good.count;
	for (u32 from = 0; from < count; from++) {
		for (u32 to = 0; to < count; to++) {
			struct forge_chunk own = good.chunks[from];

			if (from == to)
				continue;
			forge_remove(&f, from);
			forge_insert(&f, to, &own);
			/* One that ends early is good in nothing as well. */
			assert_int_equal(restore(),
			                 only_pages(from, to)
			                         ? HV_STATE_COMPLETE
			                         : HV_STATE_CORRUPT_DATA);
		}
	}
}

/* The whole group of chunks of a VP, at another place or a second time. */
static void test_groups_of_vps(void **state)
{
	u32 first, second, end;

	(void)state;
	make();
	first = (u32)(forge_find(&good, STREAM_VP, 0) - good.chunks);
	second = (u32)(forge_find(&good, STREAM_VP, 1) - good.chunks);
	end = good.count - 1;
	for (u32 i = first; i < second; i++) {
		struct forge_chunk own = good.chunks[i];

		forge_remove(&f, first);
		forge_insert(&f, end - 1, &own);
	}
	assert_int_equal(f.chunks[first].id, STREAM_VP);
	assert_int_equal(restore(), HV_STATE_CORRUPT_DATA);
	for (u32 i = second; i < end; i++)
		forge_insert(&f, end + (i - second), &good.chunks[i]);
	assert_int_equal(restore(), HV_STATE_CORRUPT_DATA);
	for (u32 i = second; i < end; i++)
		forge_remove(&f, second);
	assert_int_equal(restore(), HV_STATE_CORRUPT_DATA);
}

static void test_lengths(void **state)
{
	(void)state;
	make();
	for (u32 i = 0; i < good.count; i++) {
		u32 id = good.chunks[i].id;

		if (id != STREAM_EPILOG) {
			f.chunks[i].length -= 16;
			/* A list may be shorter; then other things miss. */
			assert_int_equal(restore(),
			                 id == STREAM_VP_MSRS
			                         ? HV_STATE_COMPLETE
			                         : HV_STATE_CORRUPT_DATA);
		}
		if (good.chunks[i].length + 16 > STREAM_PAYLOAD_MAX)
			continue;
		memset(f.chunks[i].payload + f.chunks[i].length, 0, 16);
		f.chunks[i].length += 16;
		assert_int_equal(restore(), HV_STATE_CORRUPT_DATA);
	}
}

static void test_unknown_chunks(void **state)
{
	static const struct {
		u32 id, result;
	} rows[] = {
		{ 0x70001234 | STREAM_OPTIONAL, HV_STATE_COMPLETE },
		{ 0x7fffffff, HV_STATE_COMPLETE },
		{ 0x70001234, HV_STATE_UNSUPPORTED_VERSION },
		/* Ranges that are not ours have no optional ones. */
		{ 0x30001234 | STREAM_OPTIONAL, HV_STATE_UNSUPPORTED_VERSION },
		{ STREAM_EPILOG | STREAM_OPTIONAL,
		  HV_STATE_UNSUPPORTED_VERSION },
	};

	(void)state;
	make();
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		for (u32 at = 1; at < good.count; at += 3) {
			struct forge_chunk extra = { .id = rows[i].id };

			extra.length = (at * 160) % 4112;
			memset(extra.payload, 0xab, sizeof(extra.payload));
			forge_insert(&f, at, &extra);
			assert_int_equal(restore(), rows[i].result);
		}
	}
}

static void test_not_a_chunk_at_all(void **state)
{
	(void)state;
	make();
	forge_find(&f, STREAM_VP_GP, 0)->length = 24;
	assert_int_equal(restore(), HV_STATE_CORRUPT_DATA);
	forge_find(&f, STREAM_VP_GP, 0)->id = STREAM_PROLOG;
	assert_int_equal(restore(), HV_STATE_CORRUPT_DATA);
}

/* An MSR that is not in the stream has its value after reset. */
static void test_missing_msrs_are_reset(void **state)
{
	struct forge_chunk *c;

	(void)state;
	make();
	for (u32 n = 0; n < 2; n++) {
		c = forge_find(&f, STREAM_VP_MSRS, n);
		c->length = 16;
	}
	assert_int_equal(restore(), HV_STATE_COMPLETE);
	assert_int_equal(guest_get64(target, 0, HV_REGISTER_PAT),
	                 0x0007040600070406);
	assert_int_equal(guest_get64(target, 0, HV_REGISTER_STAR), 0);
	/* Twice, or in the wrong order. */
	c = forge_find(&f, STREAM_VP_MSRS, 0);
	memcpy(c->payload + 16, c->payload, 16);
	assert_int_equal(restore(), HV_STATE_CORRUPT_DATA);
}

/* The last step needs no memory for the hypercall page: it shows when there is some. */
static void test_apply_without_memory(void **state)
{
	struct pool *pool;
	struct partition *p;

	(void)state;
	make();
	p = guest_partition(target);
	pool = &p->pool;
	while (pool->available)
		assert_non_null(pool_alloc(pool));
	*(u64 *)(void *)forge_find(&f, STREAM_PARTITION, 0)->payload =
		0x100000001;
	good = f;
	assert_int_equal(restore(), HV_STATE_COMPLETE);
	assert_false(p->half_restored);
	assert_int_equal(p->hypercall, 0x100000001);
	assert_true(gpa_has_overlay(&p->space, 0x100000));
	assert_false(gpa_overlay_show(&p->space, 0x100000));
	guest_deposit(target, 30);
	assert_true(gpa_overlay_show(&p->space, 0x100000));
}

/* A hypercall page is there only for a guest that has said what it is. */
static void test_hypercall_page_needs_an_os_id(void **state)
{
	u64 *os_id, *hypercall;

	(void)state;
	make();
	for (u64 os = 0; os < 2; os++) {
		os_id = (void *)forge_find(&f, STREAM_OS_ID, 0)->payload;
		hypercall =
			(void *)forge_find(&f, STREAM_PARTITION, 0)->payload;
		*os_id = os;
		*hypercall = 0x2001;
		assert_int_equal(restore(), os ? HV_STATE_COMPLETE
		                               : HV_STATE_CORRUPT_DATA);
		assert_int_equal(
			gpa_has_overlay(&guest_partition(target)->space, 2),
			os);
	}
}

/* A message, the flag that announces it, and the suspension go together. */
static void test_message_needs_its_flag_and_a_suspension(void **state)
{
	struct stream_vp_events *e;

	(void)state;
	make();
	e = (void *)forge_find(&f, STREAM_VP_EVENTS, 1)->payload;
	assert_int_equal(e->has_message, 1);
	e->has_message = 0;
	assert_int_equal(restore(), HV_STATE_CORRUPT_DATA);
	assert_int_equal(e->has_message, 1); /* the original again */
	e->intercept_suspend &= ~(u64)HV_SUSPENDED;
	assert_int_equal(restore(), HV_STATE_CORRUPT_DATA);
	assert_int_equal(restore(), HV_STATE_COMPLETE);
}

/*
 * A source whose area is more than a page, or too small for a header, sends no
 * VP_XSAVE; then x87 and SSE are what VP_FP says.
 */
static void test_areas_that_are_not_sent(void **state)
{
	static const u32 sizes[] = { 512, 575, PAGE_SIZE + 1, UINT32_MAX };
	union hv_register_value v;

	(void)state;
	make();
	for (u32 i = 0; i < ARRAY_LEN(sizes); i++) {
		struct stream_compat *c =
			(void *)forge_find(&f, STREAM_COMPAT, 0)->payload;
		struct stream_vp_fp *fp;

		c->xcr0 = 3;
		c->xsave_size = sizes[i];
		assert_int_equal(restore(), HV_STATE_CORRUPT_DATA);
		c->xcr0 = 3;
		c->xsave_size = sizes[i];
		for (u32 at = f.count; at-- > 0;)
			if (f.chunks[at].id == STREAM_VP_XSAVE)
				forge_remove(&f, at);
		fp = (void *)forge_find(&f, STREAM_VP_FP, 0)->payload;
		memset(fp->xmm[5], 0x50 + (int)i, 16);
		assert_int_equal(restore(), HV_STATE_COMPLETE);
		assert_ok(guest_get(target, 0, HV_REGISTER_XMM0 + 5, &v));
		assert_int_equal(v.reg128[1],
		                 (0x50 + i) * 0x0101010101010101ull);
	}
}

/* A stream of another one, with the same ids: chunks do not mix. */
static void test_foreign_chunk(void **state)
{
	struct guest_stream mine = { .data = NULL }, other = { .data = NULL };
	u64 source;
	u32 result;

	(void)state;
	child_shape_small(&shape, 2);
	source = child_make(&shape);
	assert_ok(guest_save(source, 0, &mine, &result));
	assert_ok(guest_save(source, 0, &other, &result));
	target = child_make_target(&shape);
	memcpy(mine.data + 4080, other.data + 4080, mine.size - 4080);
	assert_ok(guest_restore(target, 0, &mine, 4080, &result));
	assert_int_equal(result, HV_STATE_CORRUPT_DATA);
	guest_stream_free(&mine);
	guest_stream_free(&other);
}

/* D21: a verdict on compatibility looks no further than the VP indices. */
static void test_d21_summary_of_a_full_stream(void **state)
{
	u32 result;

	(void)state;
	make();
	forge_find(&f, STREAM_OS_ID, 0)->payload[8] = 1;
	forge_close(&f, &s);
	assert_ok(guest_restore(target, GUEST_SUMMARY, &s, 4080, &result));
	assert_int_equal(result, HV_STATE_RESTORABLE);
	assert_ok(guest_restore(0, GUEST_SUMMARY, &s, 4080, &result));
	assert_int_equal(result, HV_STATE_RESTORABLE);
	assert_ok(guest_restore(target, 0, &s, 4080, &result));
	assert_int_equal(result, HV_STATE_CORRUPT_DATA);
}

/* A summary of the system has no VPs; no summary has what only a whole has. */
static void test_summary_with_more_in_it(void **state)
{
	struct forge_chunk indices, os_id;
	u32 result;

	(void)state;
	make();
	indices = *forge_find(&good, STREAM_VP_INDICES, 0);
	os_id = *forge_find(&good, STREAM_OS_ID, 0);
	for (u32 i = 0; i < 2; i++) {
		assert_ok(guest_save(0, GUEST_SUMMARY, &s, &result));
		forge_open(&f, &s);
		assert_int_equal(f.count, 3);
		forge_insert(&f, 2, i ? &os_id : &indices);
		forge_close(&f, &s);
		assert_ok(guest_restore(0, GUEST_SUMMARY, &s, 4080, &result));
		assert_int_equal(result, HV_STATE_CORRUPT_DATA);
	}
}

/* Where a summary would do, it has to be one: the field is 0 or 1. */
static void test_neither_whole_nor_summary(void **state)
{
	u32 result;

	(void)state;
	for (u32 value = 1; value < 256; value++) {
		assert_ok(guest_save(0, GUEST_SUMMARY, &s, &result));
		forge_open(&f, &s);
		f.chunks[0].payload[4] = (u8)value;
		forge_close(&f, &s);
		assert_ok(guest_restore(0, GUEST_SUMMARY, &s, 4080, &result));
		assert_int_equal(result, value == 1 ? HV_STATE_RESTORABLE
		                                    : HV_STATE_CORRUPT_DATA);
	}
}

static void test_table(void **state)
{
	u32 count, row;
	const struct chunk_kind *k = chunk_table(&count);

	(void)state;
	for (u32 i = 0; i < count; i++) {
		assert_true(chunk_find(k[i].id, &row));
		assert_int_equal(row, i);
		assert_true(k[i].min <= k[i].max);
		assert_true(k[i].max <= STREAM_PAYLOAD_MAX);
		assert_int_equal(k[i].min % STREAM_ALIGN, 0);
		assert_non_null(k[i].check);
		assert_non_null(k[i].needed);
	}
	assert_false(chunk_find(0x12345678, &row));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_forged_like_the_original),
		TEST(test_order),
		TEST(test_chunks_at_wrong_places),
		TEST(test_groups_of_vps),
		TEST(test_lengths),
		TEST(test_unknown_chunks),
		TEST(test_not_a_chunk_at_all),
		TEST(test_missing_msrs_are_reset),
		TEST(test_apply_without_memory),
		TEST(test_hypercall_page_needs_an_os_id),
		TEST(test_message_needs_its_flag_and_a_suspension),
		TEST(test_areas_that_are_not_sent),
		TEST(test_foreign_chunk),
		TEST(test_d21_summary_of_a_full_stream),
		TEST(test_summary_with_more_in_it),
		TEST(test_neither_whole_nor_summary),
		TEST(test_table),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	guest_stream_free(&s);
	return failed;
}
