/*
 * Nothing of what a target was is left after a restore, and nothing of the
 * source is missing. Everything of the target is poison before: each byte of
 * its structures that is not named below as being no state. So a field that
 * somebody adds, and forgets to save, is found here: it keeps the poison.
 */
#include "hv/interrupt/lapic.h"
#include "hv/interrupt/synic.h"
#include "hv/stream/chunk.h"
#include "hv/vp/hypercall_page.h"
#include "hv/vp/vp.h"
#include "include/x86_apic.h"
#include "tests/host/fixture/child.h"
#include "tests/host/fixture/test.h"

#define SEEDS 24u
#define ELSEWHERE 0x3100000u /* overlays of targets, where no source has any */

/* The same lowest bit, for bits that let a restore in; all others differ. */
static const u8 poisons[] = { 0xa5, 0x5b };

struct range {
	u32 first;
	u32 end;
};

#define FIELDS(type, from, to)                                          \
	{                                                               \
		offsetof(type, from),                                   \
			offsetof(type, to) + sizeof(((type *)NULL)->to) \
	}
#define FIELD(type, name) FIELDS(type, name, name)
#define BEHIND(type, name, next)                                     \
	{                                                            \
		offsetof(type, name) + sizeof(((type *)NULL)->name), \
			offsetof(type, next)                         \
	}

/* Of a VP: what is no state, or is compared by rule_of_vp. In order. */
static const struct range vp_apart[] = {
	FIELDS(struct vp, partition, is_root),          /* who it is */
	BEHIND(struct vp, is_root, cached),             /* nothing */
	FIELDS(struct vp, cached, held_here),           /* where its state is */
	BEHIND(struct vp, held_here, explicit_suspend), /* nothing */
	FIELD(struct vp, held_since),              /* times of this machine */
	FIELDS(struct vp, hold_end, in_processor), /* where it runs */
	BEHIND(struct vp, in_processor, ready),    /* nothing */
	FIELDS(struct vp, ready, alarm),           /* the scheduler's */
	BEHIND(struct vp, alarm, alarm_at),        /* nothing */
	FIELD(struct vp, alarm_at),
	FIELD(struct vp, message.sender), /* the target's id */
	FIELD(struct vp, message_link),   /* the receiver's queue */
	FIELDS(struct vp, synic.sief_overlay, synic.sim_overlay),
	BEHIND(struct vp, synic.queued, synic.queue), /* whose turn it is */
	FIELD(struct vp, synic.queue),
	FIELD(struct vp, runtime), /* ticks, of which the stream has units */
	FIELDS(struct vp, pages, arch),
};

/* Of a partition, likewise. */
static const struct range partition_apart[] = {
	FIELDS(struct partition, id, privileges), /* who it is, by its parent */
	FIELDS(struct partition, pool, child_count), /* memory, VPs */
	FIELD(struct partition, hypercall_overlay),
	FIELDS(struct partition, reference.base, reference.running),
	BEHIND(struct partition, reference.running,
	       reference.msr), /* nothing */
	BEHIND(struct partition, reference.sequence, reference.page),
	FIELDS(struct partition, reference.page, reference.overlay),
	FIELDS(struct partition, tsc_invariant,
	       ports), /* the root's; the parent's */
	FIELDS(struct partition, exceptions, io_access), /* intercepts */
	FIELDS(struct partition, context, save_memory),  /* the process */
	FIELDS(struct partition, half_restored, finalize_gpa),
};

static const enum vp_page vp_state_pages[] = {
	VP_PAGE_XSAVE,    VP_PAGE_SIM,  VP_PAGE_SIEF,
	VP_PAGE_MESSAGES, VP_PAGE_APIC,
};
static const enum vp_page vp_staging_pages[] = {
	VP_PAGE_STAGED,      VP_PAGE_STAGED_XSAVE,    VP_PAGE_STAGED_SIM,
	VP_PAGE_STAGED_SIEF, VP_PAGE_STAGED_MESSAGES,
};

/* ---- Bytes that are not apart ---- */

typedef void on_bytes(u8 *a, u8 *b, u32 count, u32 at);

static void each_run(void *a, void *b, u32 size, const struct range *apart,
                     u32 count, on_bytes *f)
{
	u32 at = 0;

	for (u32 i = 0; i <= count; i++) {
		u32 end = i < count ? apart[i].first : size;

		assert_true(end >= at && end <= size);
		if (end > at)
			f((u8 *)a + at, (u8 *)b + at, end - at, at);
		at = i < count ? apart[i].end : size;
	}
}

static void each_of_vp(struct vp *a, struct vp *b, on_bytes *f)
{
	each_run(a, b, sizeof(*a), vp_apart, ARRAY_LEN(vp_apart), f);
	for (u32 i = 0; i < ARRAY_LEN(vp_state_pages); i++)
		f(a->pages[vp_state_pages[i]], b->pages[vp_state_pages[i]],
		  PAGE_SIZE, (u32)vp_state_pages[i] * 0x10000);
}

static void each_of_child(struct partition *p, struct partition *q, on_bytes *f)
{
	each_run(p, q, sizeof(*p), partition_apart, ARRAY_LEN(partition_apart),
	         f);
	for (u32 i = 0; i < PARTITION_VPS; i++)
		if (p->vps[i])
			each_of_vp(p->vps[i], q->vps[i], f);
}

static void expect_same(u8 *a, u8 *b, u32 count, u32 at)
{
	for (u32 i = 0; i < count; i++)
		if (a[i] != b[i])
			fail_msg("byte %#x: %#x, in the source %#x", at + i,
			         b[i], a[i]);
}

/* So one of the two differs from any source, byte by byte. */
static void expect_all_different(u8 *a, u8 *b, u32 count, u32 at)
{
	for (u32 i = 0; i < count; i++)
		if (a[i] == b[i])
			fail_msg("byte %#x is no poison", at + i);
}

/* ---- Targets ---- */

static u8 poison;

static void fill(u8 *a, u8 *b, u32 count, u32 at)
{
	(void)b;
	(void)at;
	memset(a, poison, count);
}

/* Overlays where they can be, messages, and what is not a plain byte. */
static void use_vp(struct vp *vp)
{
	u64 page = (ELSEWHERE + 2ull * vp->index) << PAGE_SHIFT;

	assert_ok(synic_write_msr(vp, HV_MSR_SIMP, page | 1));
	assert_ok(synic_write_msr(vp, HV_MSR_SIEFP, (page + PAGE_SIZE) | 1));
	if (poison == poisons[0])
		exit_triple_fault(vp);
	vp->pdptes_stale = poison == poisons[0];
	vp->unvalidated = vp->pdptes_stale ? VP_PART_ALL : 0;
	vp_set_runtime(vp, poison * 0x10101010ull);
	for (u32 i = 0; i < ARRAY_LEN(vp_staging_pages); i++)
		memset(vp->pages[vp_staging_pages[i]], poison, PAGE_SIZE);
}

static void use(struct partition *p)
{
	p->guest_os_id = 1;
	assert_ok(hypercall_page_write(p, 0x3001));
	assert_ok(reference_write(p, 0x5001));
	memset(p->reference.page, poison, PAGE_SIZE);
	p->reference.base = poison * 0x1010101010101ull;
	p->half_restored = poison == poisons[0];
	for (u32 i = 0; i < PARTITION_VPS; i++)
		if (p->vps[i])
			use_vp(p->vps[i]);
}

static u64 poisoned(const struct child_shape *shape, u8 with)
{
	u64 id = child_make_target(shape);

	poison = with;
	use(guest_partition(id));
	each_of_child(guest_partition(id), guest_partition(id), fill);
	return id;
}

static u64 lived_in(const struct child_shape *shape, u64 seed)
{
	u64 id = child_make_target(shape);

	child_fill(id, shape, seed);
	return id;
}

/* ---- What the ranges leave out ---- */

static void rule_of_vp(const struct vp *source, const struct vp *vp)
{
	assert_int_equal(vp->cached & vp->dirty, VP_PART_ALL);
	assert_true(vp->renewed);
	assert_false(vp->unvalidated || vp->pdptes_stale);
	assert_int_equal(vp_runtime(vp), vp_runtime(source));
	assert_int_equal(list_linked(&vp->message_link),
	                 source->message.type != HV_MESSAGE_NONE);
	assert_int_equal(vp->message.sender, vp->partition->id);
	assert_false(list_linked(&vp->synic.queue));
	assert_int_equal(vp->synic.sim_overlay.place,
	                 source->synic.sim_overlay.place);
	assert_int_equal(vp->synic.sief_overlay.place,
	                 source->synic.sief_overlay.place);
	for (u32 i = 0; i < 2; i++)
		assert_false(gpa_has_overlay(&vp->partition->space,
		                             ELSEWHERE + 2 * vp->index + i));
}

static void rules(const struct partition *source, const struct partition *p)
{
	assert_false(p->half_restored);
	assert_null(p->context);
	assert_int_equal(reference_time(p), reference_time(source));
	assert_int_equal(p->reference.running, source->reference.running);
	assert_int_equal(p->hypercall_overlay.place,
	                 source->hypercall_overlay.place);
	assert_int_equal(p->reference.overlay.place,
	                 source->reference.overlay.place);
	/* Scale and offset count for nothing until the sequence does. */
	if (p->reference.msr & HV_MSR_PAGE_ENABLE)
		assert_int_equal(p->reference.page->sequence, 0);
	assert_false(gpa_has_overlay(&p->space, 3) ||
	             gpa_has_overlay(&p->space, 5));
	for (u32 i = 0; i < PARTITION_VPS; i++)
		if (p->vps[i])
			rule_of_vp(source->vps[i], p->vps[i]);
}

/* ---- Saved again: the same chunks ---- */

/* What differs between two streams of the same state. */
static void mask_payload(u32 id, u8 *payload)
{
	if (id == STREAM_PROLOG)
		((struct stream_prolog *)(void *)payload)->stream_id = 0;
	if (id == STREAM_VP_MESSAGE)
		((struct hv_message *)(void *)payload)->sender = 0;
}

static void expect_same_streams(struct guest_stream *a, struct guest_stream *b)
{
	struct stream_header h, k;

	assert_int_equal(a->size, b->size);
	for (u32 at = 0; at < a->size; at += (u32)sizeof(h) + h.length) {
		u8 *p = a->data + at + sizeof(h), *q = b->data + at + sizeof(h);

		memcpy(&h, a->data + at, sizeof(h));
		memcpy(&k, b->data + at, sizeof(k));
		assert_int_equal(h.id, k.id);
		assert_int_equal(h.length, k.length);
		mask_payload(h.id, p);
		mask_payload(h.id, q);
		for (u32 i = 0; i < h.length; i++)
			if (p[i] != q[i])
				fail_msg("chunk %#x, byte %u: %#x, %#x", h.id,
				         i, p[i], q[i]);
	}
}

static void save(u64 id, struct guest_stream *s)
{
	*s = (struct guest_stream){ .data = NULL };
	guest_save_whole(id, s);
}

/* ---- The test ---- */

static void into(u64 source, u64 target, const struct child_shape *shape,
                 const struct guest_stream *stream, u32 piece)
{
	struct partition *p = guest_partition(source);
	struct partition *q = guest_partition(target);
	struct guest_stream again, copy = { .size = stream->size };

	guest_restore_whole(target, stream, piece);
	each_of_child(p, q, expect_same);
	rules(p, q);
	child_compare(source, target, shape);
	copy.data = malloc(stream->size);
	assert_non_null(copy.data);
	memcpy(copy.data, stream->data, stream->size);
	save(target, &again);
	expect_same_streams(&copy, &again);
	guest_stream_free(&copy);
	guest_stream_free(&again);
}

/*
 * Past the functions that a restore uses too: what these forgot would be missing
 * in the source as well. No register here is 0, nor as after reset.
 */
static void fill_apic(struct vp *vp, u64 *seed)
{
	static const struct {
		u32 offset;
		u32 writable;
	} plain[] = {
		{ LAPIC_TPR, 0xff },          { LAPIC_LDR, 0xff000000 },
		{ LAPIC_SVR, 0x1ff },         { LAPIC_ESR, 0xe0 },
		{ LAPIC_ICR, 0xccfff },       { LAPIC_ICR_HIGH, 0xff000000 },
		{ LAPIC_LVT_TIMER, 0x700ff }, { LAPIC_LVT_THERMAL, 0x107ff },
		{ LAPIC_LVT_PERF, 0x107ff },  { LAPIC_LVT_LINT0, 0x1a7ff },
		{ LAPIC_LVT_LINT1, 0x1a7ff }, { LAPIC_LVT_ERROR, 0x100ff },
		{ LAPIC_DIVIDE, 0xb },        { LAPIC_INITIAL_COUNT, ~0u },
	};

	for (u32 i = 0; i < ARRAY_LEN(plain); i++)
		*vp_apic_register(vp, plain[i].offset) =
			((u32)fake_random(seed) & plain[i].writable) |
			(plain[i].writable & -plain[i].writable);
	*vp_apic_register(vp, LAPIC_DFR) = (u32)fake_random(seed) | 0xfffffff;
	for (u32 i = 0; i < 3 * 8; i++)
		*vp_apic_register(vp, LAPIC_ISR + i * 16) =
			(u32)fake_random(seed) << 16 | 0x10000;
	vp->lapic = (struct lapic){
		.timer_due = fake_random(seed) | 1,
		.assist = (fake_random(seed) & 0x7ff000) | 1,
		.events = (u32)fake_random(seed) & STREAM_APIC_EVENTS,
		.errors = 0x20,
	};
	lapic_follow_base(vp);
	lapic_update_ppr(vp);
}

static void fill_apics(struct partition *p, u64 seed)
{
	for (u32 i = 0; i < PARTITION_VPS; i++)
		if (p->vps[i])
			fill_apic(p->vps[i], &seed);
}

/* Random children; all of their pages can be written (D19). */
static void shape_of(struct child_shape *shape, u64 seed)
{
	child_shape_random(shape, seed);
	for (u32 i = 0; i < shape->page_count; i++)
		shape->rights[i] = 7;
}

static void round_of(u64 seed)
{
	struct child_shape shape;
	struct guest_stream stream;
	u64 source, targets[3];

	shape_of(&shape, seed);
	source = child_make(&shape);
	child_fill(source, &shape, seed);
	fill_apics(guest_partition(source), seed);
	targets[0] = poisoned(&shape, poisons[0]);
	targets[1] = poisoned(&shape, poisons[1]);
	targets[2] = lived_in(&shape, seed + 1000);
	each_of_child(guest_partition(targets[0]), guest_partition(targets[1]),
	              expect_all_different);
	save(source, &stream);
	for (u32 i = 0; i < ARRAY_LEN(targets); i++)
		into(source, targets[i], &shape, &stream,
		     i == 2 ? 777 : HV_SAVE_DATA_MAX);
	guest_stream_free(&stream);
}

static void test_targets_keep_nothing_of_their_own(void **state)
{
	(void)state;
	for (u32 seed = 0; seed < SEEDS; seed++) {
		struct fake_options o = { .machine = seed % FAKE_MACHINES };

		fake_stop();
		assert_int_equal(guest_start(&o), HANDOFF_OK);
		round_of(seed);
	}
}

/* A source of nothing: what is 0 in it is no reason to leave anything out. */
static void test_a_fresh_child_over_a_used_one(void **state)
{
	struct child_shape shape;
	struct guest_stream stream;
	u64 source, target;

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(poisons); i++) {
		child_shape_small(&shape, 3);
		source = child_make(&shape);
		target = poisoned(&shape, poisons[i]);
		save(source, &stream);
		into(source, target, &shape, &stream, HV_SAVE_DATA_MAX);
		guest_stream_free(&stream);
	}
}

/* A restore that does not end well has changed no VP at all. */
static void test_a_bad_stream_changes_nothing(void **state)
{
	struct child_shape shape;
	struct guest_stream stream;
	u64 source, targets[2];
	u32 result;

	(void)state;
	shape_of(&shape, 7);
	shape.page_count = 0;
	source = child_make(&shape);
	child_fill(source, &shape, 7);
	save(source, &stream);
	stream.data[stream.size - 1] ^= 1;
	targets[0] = lived_in(&shape, 3);
	targets[1] = lived_in(&shape, 3);
	assert_ok(guest_restore(targets[1], 0, &stream, HV_SAVE_DATA_MAX,
	                        &result));
	assert_int_equal(result, HV_STATE_CORRUPT_DATA);
	each_of_child(guest_partition(targets[0]), guest_partition(targets[1]),
	              expect_same);
	guest_stream_free(&stream);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_targets_keep_nothing_of_their_own),
		TEST(test_a_fresh_child_over_a_used_one),
		TEST(test_a_bad_stream_changes_nothing),
	};

	return cmocka_run_group_tests_name("leak", tests, NULL, NULL);
}
