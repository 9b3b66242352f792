/*
 * Golden streams: files, rows of chunks, targets, and offering.
 *
 * The exhaustive tests restore a million times. So a stream is laid out once as
 * input blocks in the root's memory, a damage is done there, and a call is
 * nothing but the hypercall.
 */
#include "tests/host/fake_golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/interrupt/synic.h"
#include "hv/run/vp_run.h"
#include "hv/vp/hypercall_page.h"
#include "lib/crc32c.h"

#define HEADER ((u32)sizeof(struct stream_header))
#define BLOCKS 0x220000ull   /* input blocks, a page each */
#define BLOCK_COUNT 64u      /* the last one is for what was left over */
#define SUSPENDS 0x280000ull /* input blocks that unsuspend a VP */
#define GARBAGE 0xb7
#define IDLE_CALLS 4u
#define ASTRAY 3u /* pages behind an extent */

/* ---- Files ---- */

void golden_read(const struct golden *g, struct guest_stream *s)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), GOLDEN_FOLDER "%s.stream", g->name);
	*s = (struct guest_stream){ .room = 65536 };
	s->data = malloc(s->room);
	assert_non_null(s->data);
	f = fopen(path, "rb");
	if (!f)
		fail_msg("%s: not there; run from the project's root", path);
	s->size = (u32)fread(s->data, 1, s->room, f);
	fclose(f);
	assert_in_range(s->size, 4096, 30000);
}

void golden_open(struct golden_row *row, const struct guest_stream *s)
{
	u32 at = 0;

	for (row->count = 0; at < s->size; row->count++) {
		struct golden_chunk *c = &row->at[row->count];
		struct stream_header h;

		assert_true(row->count < GOLDEN_CHUNKS);
		assert_true(HEADER <= s->size - at);
		memcpy(&h, s->data + at, HEADER);
		assert_true(h.length <= s->size - at - HEADER);
		*c = (struct golden_chunk){ s->data + at, h.id, h.length, at };
		at += HEADER + h.length;
	}
}

const struct golden_chunk *golden_find(const struct golden_row *row, u32 id,
                                       u32 from)
{
	for (u32 i = from; i < row->count; i++)
		if (row->at[i].id == id)
			return &row->at[i];
	return NULL;
}

u32 golden_written_from(const struct golden_row *row)
{
	for (u32 i = 0; i < row->count; i++) {
		const struct golden_chunk *c = &row->at[i];

		if (c->id == STREAM_PAGE)
			return c->at + HEADER;
		if (c->id == STREAM_FILL)
			return c->at + HEADER + c->length;
	}
	return UINT32_MAX;
}

static u32 seed_of(u64 stream_id, u64 number)
{
	u64 words[2] = { number ? stream_id : 0, number };

	return crc32c(0, words, sizeof(words));
}

/* The committed CRCs, which hv/ did not all make, are checked by forge_open. */
void golden_seal(struct guest_stream *s, u32 epilog_xor)
{
	u64 stream_id = 0;
	u32 headers = 0, at = 0;

	for (u32 i = 0; at < s->size; i++) {
		u8 *here = s->data + at;
		struct stream_header h;
		u32 words[3], seed = seed_of(stream_id, i);

		memcpy(&h, here, HEADER);
		h.payload_crc = h.id == STREAM_EPILOG
		                        ? headers ^ epilog_xor
		                        : crc32c(seed, here + HEADER, h.length);
		words[0] = h.id;
		words[1] = h.length;
		words[2] = h.payload_crc;
		h.header_crc = crc32c(seed, words, sizeof(words));
		headers = crc32c(headers, &h, HEADER);
		memcpy(here, &h, HEADER);
		if (i == 0 && h.length >= 40)
			memcpy(&stream_id, here + HEADER + 32, 8);
		at += HEADER + h.length;
	}
}

void golden_join(const struct golden_row *row, struct guest_stream *s)
{
	s->size = 0;
	for (u32 i = 0; i < row->count; i++) {
		u32 bytes = HEADER + row->at[i].length;

		assert_true(s->size + bytes <= s->room);
		memcpy(s->data + s->size, row->at[i].bytes, bytes);
		s->size += bytes;
	}
}

/* ---- Targets ---- */

static void get_devices(const struct vp *vp, struct golden_devices *d)
{
	memset(d, 0, sizeof(*d));
	memcpy(d->apic, vp->pages[VP_PAGE_APIC], sizeof(d->apic));
	d->lapic = vp->lapic;
	d->synic = vp->synic;
	memcpy(d->timers, vp->stimer, sizeof(d->timers));
	d->runtime = vp->runtime;
}

static void put_devices(struct vp *vp, const struct golden_devices *d)
{
	synic_free(vp);
	memcpy(vp->pages[VP_PAGE_APIC], d->apic, sizeof(d->apic));
	vp->lapic = d->lapic;
	vp->synic = d->synic;
	memcpy(vp->stimer, d->timers, sizeof(d->timers));
	vp->runtime = d->runtime;
	arch_zero_page(vp->pages[VP_PAGE_SIM]);
	arch_zero_page(vp->pages[VP_PAGE_SIEF]);
	arch_zero_page(vp->pages[VP_PAGE_MESSAGES]);
}

static bool is_zero(const u8 *page)
{
	return page[0] == 0 && !memcmp(page, page + 1, PAGE_SIZE - 1);
}

static void add_vps(struct golden_target *t, const struct golden_row *row)
{
	const struct golden_chunk *c = golden_find(row, STREAM_VP_INDICES, 0);

	t->vp_set = 1;
	if (c)
		memcpy(&t->vp_set, golden_payload(c) + 4, 8);
	t->id = guest_child(100, 0);
	t->p = guest_partition(t->id);
	for (u32 i = 0; i < PARTITION_VPS; i++) {
		struct vp *vp;

		if (!(t->vp_set & BIT(i)))
			continue;
		assert_true(t->vp_count < GOLDEN_VPS);
		assert_int_equal(guest_create_vp(t->id, i), 0);
		vp = t->p->vps[i];
		t->vps[t->vp_count].vp = vp;
		t->vps[t->vp_count].state = *vp_state_read(vp);
		get_devices(vp, &t->vps[t->vp_count].devices);
		t->vps[t->vp_count++].xsave = *vp_xsave(vp);
	}
}

static void add_page(struct golden_target *t, u64 gpn, u32 rights)
{
	u32 n = t->page_count++;

	assert_true(n < GOLDEN_PAGES);
	t->gpns[n] = gpn;
	t->rights[n] = rights;
	t->sources[n] = guest_page();
	assert_int_equal(guest_map(t->id, gpn, t->sources[n], 3 | rights), 0);
}

static void add_pages(struct golden_target *t, const struct golden_row *row)
{
	for (u32 i = 0; i < row->count; i++) {
		const struct golden_chunk *c = &row->at[i];
		struct stream_extent e;

		if (c->id != STREAM_GPA_MAP)
			continue;
		for (u32 at = 0; at < c->length; at += (u32)sizeof(e)) {
			memcpy(&e, golden_payload(c) + at, sizeof(e));
			for (u32 k = 0; k < e.count; k++)
				add_page(t, e.gpn + k, e.rights);
		}
	}
}

static bool has_page(const struct golden_target *t, u64 gpn)
{
	bool has = false;

	for (u32 i = 0; i < t->page_count; i++)
		has |= t->gpns[i] == gpn;
	return has;
}

static void add_pages_between(struct golden_target *t)
{
	t->named = t->page_count;
	for (u32 i = 0; i < t->named; i++)
		for (u64 gpn = t->gpns[i] + 1; gpn <= t->gpns[i] + ASTRAY;
		     gpn++)
			if (gpn < gpa_limit() && !has_page(t, gpn))
				add_page(t, gpn, 7);
}

/* A block that clears ExplicitSuspend of each VP. */
static void lay_suspends(const struct golden_target *t)
{
	for (u32 i = 0; i < t->vp_count; i++) {
		struct hv_input_vp_registers in = {
			.partition_id = t->id, .vp_index = t->vps[i].vp->index
		};
		struct hv_register_assoc assoc = {
			.name = HV_REGISTER_EXPLICIT_SUSPEND
		};
		u8 *at = guest_at(SUSPENDS + i * PAGE_SIZE);

		memcpy(at, &in, sizeof(in));
		memcpy(at + sizeof(in), &assoc, sizeof(assoc));
	}
}

void golden_target_make(struct golden_target *t, const struct golden *g,
                        const struct golden_row *row)
{
	const struct golden_chunk *partition =
		golden_find(row, STREAM_PARTITION, 0);
	struct stream_partition p = { .flags = STREAM_PARTITION_MEMORY };
	struct stream_compat compat;

	*t = (struct golden_target){ .flags = g->flags };
	add_vps(t, row);
	add_pages(t, row);
	add_pages_between(t);
	if (partition)
		memcpy(&p, golden_payload(partition), sizeof(p));
	if (!(p.flags & STREAM_PARTITION_MEMORY))
		add_page(t, 5, 7);
	assert_int_equal(guest_set_property(t->id,
	                                    HV_PROPERTY_STASIS_SAVE_MEMORY,
	                                    p.flags & STREAM_PARTITION_MEMORY),
	                 0);
	memcpy(&compat, golden_payload(&row->at[1]), sizeof(compat));
	t->asked = compat.scope ? t->id : 0;
	lay_suspends(t);
	golden_target_reset(t);
}

static u8 *page_of(const struct golden_target *t, u32 n)
{
	return guest_at(t->sources[n] << PAGE_SHIFT);
}

void golden_target_reset(struct golden_target *t)
{
	for (u32 i = 0; i < t->vp_count; i++) {
		struct vp *vp = t->vps[i].vp;

		synic_cancel(vp);
		*vp_state_write(vp) = t->vps[i].state;
		*vp_xsave(vp) = t->vps[i].xsave;
		put_devices(vp, &t->vps[i].devices);
		vp->explicit_suspend = HV_SUSPENDED;
		vp->intercept_suspend = 0;
		memset(&vp->message, 0, sizeof(vp->message));
	}
	assert_int_equal(hypercall_page_write(t->p, 0), HV_STATUS_SUCCESS);
	assert_int_equal(reference_write(t->p, 0), HV_STATUS_SUCCESS);
	t->p->reference.sequence = 0;
	t->p->guest_os_id = t->p->reference.base = 0;
	t->p->half_restored = false;
	for (u32 i = 0; i < t->page_count; i++)
		memset(page_of(t, i), GARBAGE, PAGE_SIZE);
}

/* Of a page that was written some words differ; those at its ends suffice: no
 * golden page has garbage there. */
static bool written(const struct golden_target *t)
{
	bool any = false;

	for (u32 i = 0; i < t->page_count; i++)
		any |= page_of(t, i)[0] != GARBAGE ||
		       page_of(t, i)[PAGE_SIZE - 1] != GARBAGE;
	return any;
}

static void vp_untouched(const struct golden_target *t, u32 i)
{
	struct golden_devices now;
	struct vp *vp = t->vps[i].vp;

	assert_true(!memcmp(&vp->state, &t->vps[i].state, sizeof(vp->state)));
	assert_true(!memcmp(vp_xsave(vp), &t->vps[i].xsave, PAGE_SIZE));
	get_devices(vp, &now);
	assert_true(!memcmp(&now, &t->vps[i].devices, sizeof(now)));
	assert_true(is_zero(vp->pages[VP_PAGE_SIM]) &&
	            is_zero(vp->pages[VP_PAGE_SIEF]));
	assert_true(vp->explicit_suspend == HV_SUSPENDED);
	assert_true(vp->intercept_suspend == 0);
	assert_true(vp->message.type == HV_MESSAGE_NONE);
	assert_false(vp_runnable(vp));
}

static u64 unsuspend(u32 i)
{
	return guest_raw(fake_root_vp(),
	                 HVCALL_SET_VP_REGISTERS |
	                         1ull << HV_CONTROL_REP_COUNT_SHIFT,
	                 SUSPENDS + i * PAGE_SIZE, 0, NULL) &
	       HV_RESULT_STATUS;
}

void golden_target_untouched(const struct golden_target *t)
{
	for (u32 i = 0; i < t->vp_count; i++)
		vp_untouched(t, i);
	assert_true(t->p->guest_os_id == 0 && t->p->hypercall == 0);
	assert_true(t->p->reference.base == 0 && t->p->reference.msr == 0);
	assert_true(t->p->space.overlay_count == 0);
	if (!t->p->half_restored) {
		assert_false(written(t));
		return;
	}
	for (u32 i = 0; i < t->vp_count; i++) {
		assert_true(unsuspend(i) == HV_STATUS_INVALID_PARTITION_STATE);
		assert_false(vp_runnable(t->vps[i].vp));
	}
}

void golden_target_rights(const struct golden_target *t)
{
	for (u32 i = t->named; i < t->page_count; i++)
		assert_int_equal(guest_unmap(t->id, t->gpns[i]), 0);
	for (u32 i = 0; i < t->named; i++)
		assert_int_equal(guest_map(t->id, t->gpns[i], t->sources[i],
		                           t->rights[i]),
		                 0);
}

u32 golden_target_digest(const struct golden_target *t)
{
	u64 words[] = { t->p->guest_os_id,        t->p->hypercall,
		        t->p->reference.base,     t->p->reference.msr,
		        t->p->reference.sequence, t->p->half_restored,
		        t->p->space.mapped };
	struct golden_devices now;
	u32 crc = crc32c(0, words, sizeof(words));

	for (u32 i = 0; i < t->vp_count; i++) {
		struct vp *vp = t->vps[i].vp;

		crc = crc32c(crc, vp_state_read(vp), sizeof(vp->state));
		crc = crc32c(crc, vp_xsave(vp), PAGE_SIZE);
		get_devices(vp, &now);
		now.synic.sim_overlay = now.synic.sief_overlay =
			(struct gpa_overlay){ .place = 0 };
		now.synic.queue = (struct list){ NULL, NULL };
		crc = crc32c(crc, &now, sizeof(now));
		crc = crc32c(crc, vp->pages[VP_PAGE_SIM], PAGE_SIZE);
		crc = crc32c(crc, vp->pages[VP_PAGE_SIEF], PAGE_SIZE);
		crc = crc32c(crc, vp->pages[VP_PAGE_MESSAGES],
		             now.synic.queued * HV_MESSAGE_SIZE);
		crc = crc32c(crc, &vp->message, sizeof(vp->message));
		crc = crc32c(crc, &vp->explicit_suspend, 8);
		crc = crc32c(crc, &vp->intercept_suspend, 8);
	}
	for (u32 i = 0; i < t->page_count; i++)
		crc = crc32c(crc, page_of(t, i), PAGE_SIZE);
	return crc;
}

/* ---- Offering ---- */

static struct hv_input_restore_partition_state *block_of(u32 n)
{
	assert_true(n < BLOCK_COUNT);
	return (void *)guest_at(BLOCKS + n * PAGE_SIZE);
}

u32 golden_lay(const struct golden_target *t, const u8 *data, u32 from, u32 to,
               u32 block, bool first)
{
	u32 count = 0;

	do {
		struct hv_input_restore_partition_state *in =
			block_of(block + count);
		u32 left = to - from;

		in->partition_id = t->asked;
		in->flags = t->flags | (first && !count ? GUEST_START : 0);
		in->restore_data_count =
			left < HV_SAVE_DATA_MAX ? left : HV_SAVE_DATA_MAX;
		memcpy(in->restore_data, data + from, in->restore_data_count);
		from += in->restore_data_count;
		count++;
	} while (from < to);
	return count;
}

u8 *golden_laid(u32 at)
{
	return block_of(at / HV_SAVE_DATA_MAX)->restore_data +
	       at % HV_SAVE_DATA_MAX;
}

static u32 call(u32 block, u32 *consumed)
{
	struct hv_output_restore_partition_state out;
	u64 result = guest_raw(fake_root_vp(), HVCALL_RESTORE_PARTITION_STATE,
	                       BLOCKS + block * PAGE_SIZE, GUEST_OUTPUT, NULL);

	assert_true((result & HV_RESULT_STATUS) == HV_STATUS_SUCCESS);
	memcpy(&out, guest_at(GUEST_OUTPUT), sizeof(out));
	assert_true(out.restore_data_consumed <=
	            block_of(block)->restore_data_count);
	*consumed = out.restore_data_consumed;
	return out.restore_state;
}

/* A block, and what a call left of it in further calls (D17). */
static u32 offer_block(u32 block, u32 *taken)
{
	u32 all = block_of(block)->restore_data_count, done, now;
	u32 result = call(block, &done);

	*taken += done;
	while (result == HV_STATE_INCOMPLETE && done < all) {
		struct hv_input_restore_partition_state *in =
			block_of(BLOCK_COUNT - 1);

		*in = *block_of(block);
		in->flags &= ~GUEST_START;
		in->restore_data_count = all - done;
		memmove(in->restore_data, in->restore_data + done, all - done);
		result = call(BLOCK_COUNT - 1, &now);
		done += now;
		*taken += now;
	}
	return result;
}

u32 golden_offer(u32 block, u32 count, u32 *taken)
{
	u32 result = HV_STATE_INCOMPLETE;

	for (u32 i = 0; i < count && result == HV_STATE_INCOMPLETE; i++)
		result = offer_block(block + i, taken);
	return result;
}

/* Work may be left when all bytes are taken: a few calls without any. */
u32 golden_restore(const struct golden_target *t, const struct guest_stream *s,
                   u32 *taken)
{
	u32 count = golden_lay(t, s->data, 0, s->size, 0, true);
	u32 result;

	*taken = 0;
	result = golden_offer(0, count, taken);
	golden_lay(t, s->data, 0, 0, 0, false);
	for (u32 i = 0; i < IDLE_CALLS && result == HV_STATE_INCOMPLETE; i++)
		result = golden_offer(0, 1, taken);
	return result;
}
