/*
 * hv/stream/restore.c: a stream that breaks off, of which a bit is another, or whose
 * headers say something else: nothing of the target but memory has changed.
 */
#include "hv/stream/stream.h"
#include "hv/vp/partition.h"
#include "tests/host/fixture/child.h"
#include "tests/host/fixture/test.h"

/*
 * Byte by byte: before the last one there is no verdict and no new VP state,
 * and from the first page on the target cannot start (D16, D22).
 */
static void test_d22_every_truncation(void **state)
{
	struct child_shape shape;
	struct guest_stream s;
	u64 source, target;
	struct partition *p;
	struct vp_state before;
	u32 result, consumed;

	(void)state;
	child_shape_small(&shape, 2);
	child_save(&shape, 11, &source, &s);
	target = child_make_target(&shape);
	p = guest_partition(target);
	before = *vp_state_read(p->vps[0]);
	for (u32 n = 0; n < s.size; n++) {
		assert_ok(guest_restore_call(target, n ? 0 : GUEST_START,
		                             s.data + n, 1, &result,
		                             &consumed));
		assert_int_equal(consumed, 1);
		if (n == s.size - 1)
			break;
		assert_int_equal(result, HV_STATE_INCOMPLETE);
		assert_memory_equal(&p->vps[0]->state, &before, sizeof(before));
		assert_int_equal(p->guest_os_id, 0);
		if (p->half_restored)
			assert_int_equal(guest_set(target, 0,
			                           HV_REGISTER_EXPLICIT_SUSPEND,
			                           0),
			                 HV_STATUS_INVALID_PARTITION_STATE);
	}
	assert_int_equal(result, HV_STATE_COMPLETE);
	assert_false(p->half_restored);
	child_compare(source, target, &shape);
	assert_ok(guest_set(target, 0, HV_REGISTER_EXPLICIT_SUSPEND, 0));
	guest_stream_free(&s);
}

/* Is what the target must not have become? */
static void assert_untouched(u64 target, const struct vp_state *before,
                             const struct child_shape *shape)
{
	struct partition *p = guest_partition(target);
	bool written = false;
	struct arch_mapping m;

	assert_null(p->context);
	assert_memory_equal(&p->vps[0]->state, before, sizeof(*before));
	for (u32 i = 0; i < shape->page_count; i++) {
		const u8 *page;

		assert_true(gpa_lookup(&p->space, shape->gpns[i], &m));
		page = arch_page(m.page);
		written |= page[0] != 0xb7 || memcmp(page, page + 1, 4095);
	}
	assert_true(!written || p->half_restored);
	if (p->half_restored)
		assert_int_equal(
			guest_set(target, 0, HV_REGISTER_EXPLICIT_SUSPEND, 0),
			HV_STATUS_INVALID_PARTITION_STATE);
}

static void forget_writes(u64 target, const struct child_shape *shape)
{
	struct partition *p = guest_partition(target);
	struct arch_mapping m;

	for (u32 i = 0; i < shape->page_count; i++) {
		assert_true(gpa_lookup(&p->space, shape->gpns[i], &m));
		memset(arch_page(m.page), 0xb7, PAGE_SIZE);
	}
	p->half_restored = false;
}

static void flip_all(const struct child_shape *shape)
{
	struct guest_stream s;
	u64 source, target;
	struct vp_state before;
	u32 result;

	child_save(shape, 13, &source, &s);
	target = child_make_target(shape);
	before = *vp_state_read(guest_partition(target)->vps[0]);
	for (u32 bit = 0; bit < s.size * 8; bit++) {
		s.data[bit / 8] ^= (u8)(1u << bit % 8);
		assert_ok(guest_restore(target, 0, &s, 4080, &result));
		/* An id with another meaning would need its check to hold. */
		assert_int_equal(result, HV_STATE_CORRUPT_DATA);
		if (bit % 8 == 0 || guest_partition(target)->half_restored) {
			assert_untouched(target, &before, shape);
			forget_writes(target, shape);
		}
		s.data[bit / 8] ^= (u8)(1u << bit % 8);
	}
	assert_ok(guest_restore(target, 0, &s, 4080, &result));
	assert_int_equal(result, HV_STATE_COMPLETE);
	guest_stream_free(&s);
}

static void test_every_single_bit_flip(void **state)
{
	struct child_shape shape;

	(void)state;
	fake_become(FAKE_NO_XSAVE);
	child_shape_small(&shape, 1);
	flip_all(&shape);
}

/* Number and place of the EPILOG's header. */
static u32 find_epilog(const struct guest_stream *s, u64 *number)
{
	struct stream_header h;
	u32 at = 0;

	for (*number = 0;; ++*number, at += 16 + h.length) {
		memcpy(&h, s->data + at, sizeof(h));
		if (h.id == STREAM_EPILOG)
			return at;
	}
}

/* A header that says something else, with the check that belongs to it. */
static void put_header(struct guest_stream *s, u32 at, u64 number,
                       struct stream_header h)
{
	u64 stream_id;

	memcpy(&stream_id, s->data + 16 + 32, sizeof(stream_id));
	h.header_crc = stream_header_crc(
		stream_seed(number ? stream_id : 0, number), &h);
	memcpy(s->data + at, &h, sizeof(h));
}

/* The EPILOG's check is that of all headers before it. */
static void test_epilog_of_other_headers(void **state)
{
	struct child_shape shape;
	struct guest_stream s;
	struct stream_header h;
	u64 source, target, number;
	u32 at, result;

	(void)state;
	child_shape_small(&shape, 1);
	child_save(&shape, 37, &source, &s);
	target = child_make_target(&shape);
	at = find_epilog(&s, &number);
	memcpy(&h, s.data + at, sizeof(h));
	for (u32 bit = 0; bit < 32; bit++) {
		h.payload_crc ^= 1u << bit;
		put_header(&s, at, number, h);
		assert_ok(guest_restore(target, 0, &s, 4080, &result));
		assert_int_equal(result, HV_STATE_CORRUPT_DATA);
		h.payload_crc ^= 1u << bit;
	}
	put_header(&s, at, number, h);
	assert_ok(guest_restore(target, 0, &s, 4080, &result));
	assert_int_equal(result, HV_STATE_COMPLETE);
	guest_stream_free(&s);
}

/* No chunk is longer than a page, of those that are skipped neither. */
static void test_header_of_a_chunk_too_long(void **state)
{
	static const u32 lengths[] = { 4112, 0x10000, 0xfffffff0 };
	struct child_shape shape;
	struct guest_stream s;
	u64 source, target;
	u32 result, consumed;

	(void)state;
	child_shape_small(&shape, 1);
	child_save(&shape, 41, &source, &s);
	target = child_make_target(&shape);
	for (u32 i = 0; i < ARRAY_LEN(lengths); i++) {
		struct stream_header h = { .id = 0x78001234,
			                   .length = lengths[i] };

		assert_ok(guest_restore_call(target, GUEST_START, s.data, 4080,
		                             &result, &consumed));
		assert_int_equal(consumed, 4080);
		put_header(&s, 4080, 1, h);
		assert_ok(guest_restore_call(target, 0, s.data + 4080, 16,
		                             &result, &consumed));
		assert_int_equal(result, HV_STATE_CORRUPT_DATA);
	}
	guest_stream_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_d22_every_truncation),
		TEST(test_every_single_bit_flip),
		TEST(test_epilog_of_other_headers),
		TEST(test_header_of_a_chunk_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
