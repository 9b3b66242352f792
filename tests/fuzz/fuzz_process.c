/*
 * The model of processes: decisions D2, D3, D8 to D10, D13, D16, D21 to D23.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz_model.h"

#define CONTEXT_PAGES 2u
#define START GUEST_START
#define SUMMARY GUEST_SUMMARY

/* ---- Statuses that all calls share ---- */

bool model_is(const struct model_partition *p, u64 states)
{
	return p->state != MODEL_NONE && (states & BIT(p->state));
}

enum hv_status model_id_status(const struct model_partition *p)
{
	return p->state == MODEL_NONE ? HV_STATUS_INVALID_PARTITION_ID
	                              : HV_STATUS_SUCCESS;
}

enum hv_status model_state_status(const struct model_partition *p, u64 states)
{
	if (model_id_status(p))
		return model_id_status(p);
	return model_is(p, states) ? HV_STATUS_SUCCESS
	                           : HV_STATUS_INVALID_PARTITION_STATE;
}

enum hv_status model_vp_status(const struct model_partition *p, u32 index)
{
	enum hv_status status = model_state_status(p, BIT(MODEL_ACTIVE));

	if (status == HV_STATUS_SUCCESS && !(p->vps & BIT(index)))
		return HV_STATUS_INVALID_VP_INDEX;
	return status;
}

u64 model_available(const struct model_partition *p)
{
	u64 available, in_use;

	FUZZ_CHECK(!guest_balance(p->id, &available, &in_use));
	return available;
}

void model_changed(struct model_partition *p)
{
	p->process.changed = true;
}

/* ---- Opening ---- */

static void close_process(struct model_partition *p)
{
	p->process.open = false;
	p->process.saved.size = 0;
}

/* The answer of a save or restore call, and what it does to the process. */
static enum hv_status open_status(struct model_partition *p, bool restoring,
                                  u32 flags)
{
	struct model_process *x = &p->process;
	enum hv_status status = model_id_status(p);
	u64 pool = fake_root()->pool.available;

	if (status)
		return status;
	if (flags & ~(START | SUMMARY))
		return HV_STATUS_INVALID_PARAMETER;
	if (p->state != MODEL_ACTIVE)
		return HV_STATUS_INVALID_PARTITION_STATE;
	if (p->running && (restoring || !(flags & SUMMARY)))
		return HV_STATUS_OPERATION_DENIED;
	if (p->half && !restoring && !(flags & SUMMARY))
		return HV_STATUS_INVALID_PARTITION_STATE;
	if (flags & START) {
		pool += x->open ? CONTEXT_PAGES : 0;
		close_process(p);
		return pool < CONTEXT_PAGES ? HV_STATUS_INSUFFICIENT_MEMORY
		                            : HV_STATUS_SUCCESS;
	}
	if (!x->open || x->restoring != restoring)
		return HV_STATUS_INVALID_SAVE_RESTORE_STATE;
	if (x->changed) {
		close_process(p);
		return HV_STATUS_INVALID_SAVE_RESTORE_STATE;
	}
	return x->summary == !!(flags & SUMMARY) ? HV_STATUS_SUCCESS
	                                         : HV_STATUS_INVALID_PARAMETER;
}

static void opened(struct model_partition *p, bool restoring, u32 flags)
{
	if (!(flags & START))
		return;
	p->process.open = true;
	p->process.restoring = restoring;
	p->process.summary = flags & SUMMARY;
	p->process.changed = false;
	p->process.at = 0;
}

static u32 read_flags(struct fuzz_in *in, const struct model_process *x)
{
	u8 how = fuzz_u8(in);
	u32 flags = x->open && x->summary ? SUMMARY : 0;

	if (how < 0xb0)
		return x->open ? flags : flags | START;
	return how < 0xf8 ? how & 3 : how;
}

/* ---- Saving ---- */

static void keep(struct model *m, struct model_partition *p)
{
	struct model_stream *s = &m->streams[m->next_stream++ % MODEL_STREAMS];
	struct guest_stream old;

	for (u32 i = 0; i < MODEL_PARTITIONS; i++)
		if (&m->streams[m->partitions[i].process.stream] == s)
			m->partitions[i].process.at = UINT32_MAX;
	old = s->bytes;
	*s = (struct model_stream){ .bytes = p->process.saved,
		                    .summary = p->process.summary,
		                    .vps = p->vps,
		                    .mapped = p->mapped };
	p->process.saved = old;
	p->process.saved.size = 0;
}

void model_save(struct model *m, struct fuzz_in *in, struct model_partition *p)
{
	u32 flags = read_flags(in, &p->process), result;
	enum hv_status expected = open_status(p, false, flags);

	FUZZ_CHECK(guest_save_call(p->id, flags, &p->process.saved, &result) ==
	           expected);
	if (expected)
		return;
	opened(p, false, flags);
	if (result == HV_STATE_INCOMPLETE)
		return;
	FUZZ_CHECK(result == HV_STATE_COMPLETE);
	keep(m, p);
	close_process(p);
}

/* ---- Restoring ---- */

static u32 count(u64 set)
{
	return (u32)__builtin_popcountll(set);
}

/* What a whole and good stream must come to. */
static bool verdict_fits(const struct model_partition *p,
                         const struct model_stream *s, u32 result)
{
	bool summary = p->process.summary;

	if (s->summary && !summary)
		return result == HV_STATE_CORRUPT_DATA;
	if (count(s->vps) != count(p->vps))
		return result == HV_STATE_PROCESSOR_COUNT_MISMATCH;
	if (s->vps != p->vps)
		return result == HV_STATE_PROCESSOR_INDEX_MISMATCH;
	if (summary)
		return result == HV_STATE_RESTORABLE;
	if (s->mapped & ~p->mapped)
		return result == HV_STATE_PROCESSOR_INSUFFICIENT_MEMORY;
	return result == HV_STATE_COMPLETE;
}

static void judge(struct model_partition *p, const struct model_stream *s,
                  u32 result, bool spoilt)
{
	bool half = guest_partition(p->id)->half_restored;

	/* D22: from the first write, and nothing but Complete ends it. */
	FUZZ_CHECK(half ? result != HV_STATE_COMPLETE
	                : !p->half || result == HV_STATE_COMPLETE);
	FUZZ_CHECK(!half || p->half ||
	           (!p->process.summary && s->mapped && !s->summary));
	p->half = half;
	if (spoilt)
		FUZZ_CHECK(result > HV_STATE_RESTORABLE);
	else if (result != HV_STATE_INCOMPLETE)
		FUZZ_CHECK(verdict_fits(p, s, result));
	if (result != HV_STATE_INCOMPLETE)
		close_process(p);
}

/* A piece of the stream under way, or bytes that are none. */
static u32 read_piece(struct fuzz_in *in, const struct model_process *x,
                      const struct model_stream *s, u8 *piece, bool *spoilt)
{
	u8 how = fuzz_u8(in);
	u32 left = x->at < s->bytes.size ? s->bytes.size - x->at : 0;
	u32 size = how < 0x80 ? HV_SAVE_DATA_MAX : how * 8u;

	if (size > left)
		size = left;
	if (size)
		memcpy(piece, s->bytes.data + x->at, size);
	*spoilt = how == 0xff && size > 0;
	if (*spoilt)
		piece[fuzz_u16(in) % size] ^= 0x10;
	return size;
}

void model_restore(struct model *m, struct fuzz_in *in,
                   struct model_partition *p)
{
	static u8 piece[HV_SAVE_DATA_MAX];
	struct model_process *x = &p->process;
	u32 flags = read_flags(in, x), size, consumed, result;
	enum hv_status expected = open_status(p, true, flags);
	bool spoilt;

	if (flags & START && !expected) {
		x->stream = fuzz_below(in, MODEL_STREAMS);
		x->at = 0;
	}
	/* The stream under way was thrown away: give up. */
	if (!expected && x->at == UINT32_MAX)
		return;
	size = read_piece(in, x, &m->streams[x->stream], piece, &spoilt);
	FUZZ_CHECK(guest_restore_call(p->id, flags, piece, size, &result,
	                              &consumed) == expected);
	if (expected)
		return;
	opened(p, true, flags);
	x->at += consumed;
	/* What was spoilt may not have been looked at, or not as a whole. */
	if (spoilt && result <= HV_STATE_RESTORABLE) {
		FUZZ_CHECK(result != HV_STATE_COMPLETE);
		p->half = guest_partition(p->id)->half_restored;
		x->at = UINT32_MAX;
		x->open = result == HV_STATE_INCOMPLETE;
		return;
	}
	judge(p, &m->streams[x->stream], result, spoilt);
}

/* ---- The whole ---- */

static struct guest_stream emptied(struct guest_stream s)
{
	s.size = 0;
	return s;
}

void model_become(struct model_partition *p, u64 id, enum model_state state)
{
	struct guest_stream room = emptied(p->process.saved);

	*p = (struct model_partition){ .id = id,
		                       .state = state,
		                       .process.saved = room };
}

/* Nothing but the room for streams, which is never given back. */
static void forget(struct model *m)
{
	struct model old = *m;

	memset(m, 0, sizeof(*m));
	for (u32 i = 0; i < MODEL_PARTITIONS; i++)
		m->partitions[i].process.saved =
			emptied(old.partitions[i].process.saved);
	for (u32 i = 0; i < MODEL_STREAMS; i++)
		m->streams[i].bytes = emptied(old.streams[i].bytes);
}

void model_begin(struct model *m, struct fuzz_in *in)
{
	struct fuzz_start start = { .vps = 3 };
	u32 ready;

	start.machine = (enum fake_machine)fuzz_below(in, FAKE_MACHINES);
	start.children = ready = fuzz_below(in, MODEL_PARTITIONS + 1);
	fuzz_begin(&start);
	forget(m);
	m->last_id = fake_root()->id;
	m->pages_left = 250;
	m->source = guest_page();
	for (u32 i = 1; i < 8; i++)
		FUZZ_CHECK(guest_page() == m->source + i);
	for (u32 i = 0; i < MODEL_PARTITIONS; i++)
		m->partitions[i].id = 1000 + i;
	/* Some are there at once, so that short inputs go far. */
	for (u32 i = 0; i < ready; i++) {
		struct model_partition *p = &m->partitions[i];

		p->id = m->last_id = fuzz_take_child();
		p->state = MODEL_ACTIVE;
		p->vps = 3;
		for (u32 gpn = 0; gpn < 6; gpn += 2) {
			fuzz_map(p->id, gpn, m->source + gpn, 7);
			p->mapped |= BIT(gpn);
		}
	}
}
