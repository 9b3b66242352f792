/*
 * What a reader answers to a row of chunks: sections 2 to 5 of docs/stream.md as
 * a descent through the order of the page, with nothing of hv/'s tables. It
 * knows of values what golden streams differ in.
 */
#include <string.h>

#include "hv/vp/vp_rules.h"
#include "tests/host/fixture/golden.h"

#define GOOD 0x200u /* go on */
#define BAD HV_STATE_CORRUPT_DATA
#define STOPPED HV_STATE_INCOMPLETE

struct reading {
	const struct golden_row *row;
	const struct golden_target *t;
	u32 next; /* number of the chunk that comes now */
	bool summary;
	struct stream_compat compat;
	u64 os_id;
	u64 pages; /* of the map */
	u64 vps_seen;
	/* What decides whether a VP can be loaded here. */
	u64 xcr0, xstate_bv, cr8;
	u32 tpr;
	struct vp_state state; /* for the rules of section 5 */
	u64 pages_of_its_own[2 + 2 * GOLDEN_VPS]; /* MSRs of overlays */
	u32 own_count;
	bool overlaps;
};

static const struct golden_chunk *current(const struct reading *r)
{
	return &r->row->at[r->next];
}

/* Goes over what may be skipped: ids 7..., bit 27. */
static bool more(struct reading *r)
{
	while (r->next > 0 && r->next < r->row->count &&
	       (current(r)->id & 0xf8000000) == 0x78000000)
		r->next++;
	return r->next < r->row->count;
}

static bool next_is(struct reading *r, u32 id)
{
	return more(r) && current(r)->id == id;
}

/* A stream that stops has more to come; anything else is in the wrong place. */
static u32 missing(struct reading *r)
{
	return more(r) ? BAD : STOPPED;
}

static u32 take(struct reading *r, u32 id, void *to, u32 bytes)
{
	if (!next_is(r, id))
		return missing(r);
	if (bytes)
		memcpy(to, golden_payload(current(r)), bytes);
	r->next++;
	return GOOD;
}

static u32 skip(struct reading *r, u32 id)
{
	return take(r, id, NULL, 0);
}

/* ---- What tells whether it fits ---- */

static u32 prolog(struct reading *r)
{
	struct stream_prolog p;
	u32 result = take(r, STREAM_PROLOG, &p, sizeof(p));

	if (result != GOOD)
		return result;
	r->summary = p.is_summary;
	return p.is_summary && !(r->t->flags & GUEST_SUMMARY) ? BAD : GOOD;
}

static bool components_fit(const struct stream_compat *s,
                           const struct stream_compat *here)
{
	if ((s->xcr0 & ~here->xcr0) || (s->xss & ~here->xss))
		return false;
	for (u32 i = 2; i < 63; i++)
		if ((s->xcr0 & BIT(i)) &&
		    s->xsave_offset[i] != here->xsave_offset[i])
			return false;
	return s->xcr0 != here->xcr0 || s->xsave_size == here->xsave_size;
}

/*
 * Of a child that sees a TSC: within 500 ppm, or 200 kHz; or the TSC is scaled, by
 * 16 bits before the point and 48 behind it.
 */
static bool frequency_fits(const struct stream_compat *s,
                           const struct stream_compat *here)
{
	__int128 apart = (__int128)s->tsc_hz - here->tsc_hz, ratio = 0;

	if (apart < 0)
		apart = -apart;
	if (here->tsc_hz && s->tsc_hz < BIT(40))
		ratio = ((((__int128)s->tsc_hz << 49) / here->tsc_hz) + 1) >> 1;
	if (fake.facts.has_tsc_scaling && ratio && !(ratio >> 64))
		return true;
	return !s->tsc_hz || !(s->features[STREAM_FEATURE_1_EDX] >> 4 & 1) ||
	       apart <= 200000 || apart * 2000 <= here->tsc_hz;
}

static u32 compat(struct reading *r)
{
	const struct stream_compat *here = &fake.facts.compat;
	struct stream_compat *s = &r->compat;
	bool fits;
	u32 result = take(r, STREAM_COMPAT, s, sizeof(*s));

	if (result != GOOD)
		return result;
	if (s->scope > 1 || (s->scope == 0 && !r->summary))
		return BAD;
	fits = s->cpu_vendor == here->cpu_vendor &&
	       s->clflush == here->clflush &&
	       s->linear_bits == here->linear_bits &&
	       s->phys_bits <= here->phys_bits &&
	       !(s->mxcsr_mask & ~here->mxcsr_mask) &&
	       components_fit(s, here) && frequency_fits(s, here);
	for (u32 i = 0; i < STREAM_FEATURE_COUNT; i++)
		fits &= !(s->features[i] & ~here->features[i]);
	return fits ? GOOD : GOLDEN_MISFIT;
}

static u32 indices(struct reading *r)
{
	struct stream_vp_indices in;
	u64 set, here = r->t->vp_set;
	u32 result;

	if (r->compat.scope == 0)
		return GOOD;
	result = take(r, STREAM_VP_INDICES, &in, sizeof(in));
	if (result != GOOD || r->t->asked == 0)
		return result; /* nothing to compare with */
	set = in.bitmap[0] | (u64)in.bitmap[1] << 32;
	if (__builtin_popcountll(set) != __builtin_popcountll(here))
		return HV_STATE_PROCESSOR_COUNT_MISMATCH;
	if (set != here)
		return HV_STATE_PROCESSOR_INDEX_MISMATCH;
	return in.bsp_index == 0 ? GOOD : GOLDEN_MISFIT;
}

/* ---- The partition and its memory ---- */

/* Another page of the partition's own: none may lie on another. */
static bool add_own(struct reading *r, u64 msr)
{
	for (u32 i = 0; i < r->own_count; i++)
		if ((msr & 1) && r->pages_of_its_own[i] >> 12 == msr >> 12)
			return false;
	if (msr & 1)
		r->pages_of_its_own[r->own_count++] = msr;
	return true;
}

static u32 partition(struct reading *r)
{
	struct stream_os_id os;
	struct stream_partition p;
	u32 result = take(r, STREAM_OS_ID, &os, sizeof(os));

	if (result == GOOD)
		result = take(r, STREAM_PARTITION, &p, sizeof(p));
	if (result != GOOD)
		return result;
	if (((p.hypercall & 1) && !os.os_id) || (!p.flags && p.page_count) ||
	    !add_own(r, p.hypercall) || !add_own(r, p.reference_tsc))
		return BAD;
	r->pages = p.page_count;
	return p.page_count > r->t->page_count
	               ? HV_STATE_PROCESSOR_INSUFFICIENT_MEMORY
	               : GOOD;
}

/* The place of a GPN among the target's pages; their count: it has none. */
static u32 place_of(const struct golden_target *t, u64 gpn)
{
	u32 i = 0;

	while (i < t->page_count && t->gpns[i] != gpn)
		i++;
	return i;
}

static u32 extents(struct reading *r, u64 map[GOLDEN_PAGES], u64 *count)
{
	const struct golden_chunk *c = current(r);
	struct stream_extent e;

	for (u32 at = 0; at < c->length; at += (u32)sizeof(e)) {
		memcpy(&e, golden_payload(c) + at, sizeof(e));
		if ((*count && e.gpn <= map[*count - 1]) ||
		    e.count > r->pages - *count)
			return BAD;
		for (u32 i = 0; i < e.count; i++) {
			map[(*count)++] = e.gpn + i;
			if (place_of(r->t, e.gpn + i) == r->t->page_count)
				return HV_STATE_PROCESSOR_INSUFFICIENT_MEMORY;
		}
	}
	r->next++;
	return GOOD;
}

/* Pages at the position; all of them are the map's, in its order. */
static u32 content(struct reading *r, const u64 map[GOLDEN_PAGES])
{
	bool positioned = false, moved = false;
	u64 words[2], position = 0, done = 0, count;

	while (next_is(r, STREAM_EXTENT) || next_is(r, STREAM_PAGE) ||
	       next_is(r, STREAM_FILL)) {
		memcpy(words, golden_payload(current(r)), sizeof(words));
		if (current(r)->id == STREAM_EXTENT) {
			if (positioned && words[0] <= position)
				return BAD;
			if (moved || done == r->pages)
				return BAD;
			position = words[0];
			positioned = moved = true;
			r->next++;
			continue;
		}
		count = current(r)->id == STREAM_FILL ? words[0] : 1;
		if (!positioned || count > r->pages - done)
			return BAD;
		for (; count > 0; count--)
			if (map[done++] != position++)
				return BAD;
		moved = false;
		r->next++;
	}
	return !more(r) ? STOPPED : done == r->pages ? GOOD : BAD;
}

static u32 memory(struct reading *r)
{
	u64 map[GOLDEN_PAGES], count = 0;
	u32 result = GOOD;

	if (r->pages == 0)
		return GOOD;
	if (!next_is(r, STREAM_GPA_MAP))
		return missing(r);
	while (result == GOOD && next_is(r, STREAM_GPA_MAP))
		result = extents(r, map, &count);
	if (result != GOOD)
		return result;
	if (!more(r))
		return STOPPED;
	return count == r->pages ? content(r, map) : BAD;
}

/* ---- VPs ---- */

static u32 take_xsave(struct reading *r)
{
	u32 size = r->compat.xsave_size;

	r->xstate_bv = 0;
	if (size < 576 || size > 4096)
		return GOOD;
	if (next_is(r, STREAM_VP_XSAVE) &&
	    current(r)->length != ((size - 512 + 15) & ~15u))
		return BAD;
	return take(r, STREAM_VP_XSAVE, &r->xstate_bv, 8);
}

static u32 take_queue(struct reading *r, u32 queued)
{
	if (!queued)
		return GOOD;
	if (next_is(r, STREAM_VP_QUEUE) &&
	    current(r)->length != queued * HV_MESSAGE_SIZE)
		return BAD;
	return skip(r, STREAM_VP_QUEUE);
}

static u32 take_synic(struct reading *r)
{
	struct stream_vp_synic s;
	u32 result = take(r, STREAM_VP_SYNIC, &s, sizeof(s));

	if (result == GOOD && (s.flags & 1))
		result = skip(r, STREAM_VP_SIM);
	if (result == GOOD && (s.flags & 2))
		result = skip(r, STREAM_VP_SIEF);
	if (result == GOOD)
		result = take_queue(r, s.queued);
	if (result == GOOD)
		r->overlaps |= !add_own(r, s.simp) || !add_own(r, s.siefp);
	return result;
}

static u32 take_events(struct reading *r)
{
	struct stream_vp_events e;
	struct stream_vp_apic apic;
	u32 result = take(r, STREAM_VP_EVENTS, &e, sizeof(e));

	if (result == GOOD)
		result = take(r, STREAM_VP_APIC, &apic, sizeof(apic));
	if (result != GOOD)
		return result;
	r->tpr = apic.tpr;
	r->state.activity = e.activity;
	r->state.interrupt_state = e.interrupt_state & 3;
	r->state.pending_interruption = e.pending_interruption;
	r->state.pending_debug = e.pending_debug;
	memcpy(r->state.pdpte, e.pdpte, sizeof(e.pdpte));
	result = take_synic(r);
	if (result == GOOD && e.has_message)
		result = skip(r, STREAM_VP_MESSAGE);
	return result;
}

/* Of them one has a say in the rules. */
static u32 take_msrs(struct reading *r)
{
	const u32 name = HV_REGISTER_DEBUG_CTL;

	r->state.debugctl = 0;
	for (u32 at = 0; next_is(r, STREAM_VP_MSRS) && at < current(r)->length;
	     at += 16)
		if (!memcmp(golden_payload(current(r)) + at, &name, 4))
			memcpy(&r->state.debugctl,
			       golden_payload(current(r)) + at + 8, 8);
	return skip(r, STREAM_VP_MSRS);
}

static u32 registers(struct reading *r)
{
	struct stream_vp_control control;
	struct stream_vp_xsave_control xsave;
	struct stream_vp_gp gp;
	struct stream_vp_segment segment;
	u32 result = take(r, STREAM_VP_GP, &gp, sizeof(gp));

	if (result == GOOD)
		result = skip(r, STREAM_VP_FP);
	if (result == GOOD)
		result = take(r, STREAM_VP_CONTROL, &control, sizeof(control));
	if (result == GOOD)
		result = skip(r, STREAM_VP_DEBUG);
	if (result == GOOD)
		result = take(r, STREAM_VP_SEGMENT, &segment, sizeof(segment));
	if (result == GOOD)
		result = skip(r, STREAM_VP_TABLE);
	if (result == GOOD)
		result =
			take(r, STREAM_VP_XSAVE_CONTROL, &xsave, sizeof(xsave));
	if (result == GOOD)
		result = take_msrs(r);
	if (result == GOOD)
		result = take_xsave(r);
	if (result != GOOD)
		return result;
	r->state.rip = gp.rip;
	r->state.rflags = gp.rflags;
	r->state.cr0 = control.cr0;
	r->state.cr4 = control.cr4;
	r->state.efer = control.efer;
	memcpy(r->state.segment, segment.seg, sizeof(segment.seg));
	r->cr8 = control.cr8;
	r->xcr0 = xsave.xcr0;
	return take_events(r);
}

/*
 * Section 5, as far as golden streams ask for different machines. The rules are
 * hv/'s own: each has a test of its own.
 */
static bool loadable(const struct reading *r)
{
	const struct arch_facts *here = &fake.facts;

	return !r->overlaps && !vp_rules_broken(&r->state) &&
	       (vp_state_uses_pdptes(&r->state) || !r->state.pdpte[0]) &&
	       !(r->state.cr4 & ~here->cr4_allowed) && r->cr8 == r->tpr >> 4 &&
	       !(r->xcr0 & ~here->compat.xcr0) &&
	       !(r->xstate_bv & ~here->compat.xcr0);
}

static u32 one_vp(struct reading *r)
{
	struct stream_vp vp;
	u32 result = take(r, STREAM_VP, &vp, sizeof(vp));

	if (result != GOOD)
		return result;
	if (vp.vp_index >= PARTITION_VPS || r->vps_seen >> vp.vp_index ||
	    !(r->t->vp_set & BIT(vp.vp_index)))
		return BAD;
	r->vps_seen |= BIT(vp.vp_index);
	result = registers(r);
	if (result != GOOD)
		return result;
	if (!more(r))
		return STOPPED;
	return loadable(r) ? GOOD : BAD;
}

/* ---- The whole ---- */

static u32 state(struct reading *r)
{
	u32 result = partition(r);

	if (result == GOOD)
		result = memory(r);
	while (result == GOOD && r->vps_seen != r->t->vp_set)
		result = one_vp(r);
	return result;
}

static u32 read_all(struct reading *r)
{
	bool asked_summary = r->t->flags & GUEST_SUMMARY;
	u32 result = prolog(r);

	if (result == GOOD)
		result = compat(r);
	if (result == GOOD)
		result = indices(r);
	if (result != GOOD)
		return result;
	/* Of a whole stream no more is asked for a verdict (D13). */
	if (asked_summary && !r->summary)
		return HV_STATE_RESTORABLE;
	if (!r->summary)
		result = state(r);
	if (result == GOOD)
		result = skip(r, STREAM_EPILOG);
	if (result != GOOD)
		return result;
	return asked_summary ? HV_STATE_RESTORABLE : HV_STATE_COMPLETE;
}

u32 golden_expected(const struct golden_row *row, const struct golden_target *t)
{
	struct reading r = { .row = row, .t = t };

	return read_all(&r);
}

bool golden_is(u32 expected, u32 result)
{
	if (expected != GOLDEN_MISFIT)
		return result == expected;
	return result == HV_STATE_PROCESSOR_FEATURE_MISMATCH ||
	       result == HV_STATE_HARDWARE_FEATURE_MISMATCH ||
	       (result >= HV_STATE_INCOMPATIBLE_PROCESSOR &&
	        result <= HV_STATE_RESULT_LAST);
}
