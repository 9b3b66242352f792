/*
 * The table of chunk kinds, and the chunks of the stream and the partition.
 */
#include "hv/stream/chunk.h"

#include "hv/arch.h"
#include "hv/base/log.h"
#include "hv/interrupt/lapic.h"
#include "hv/run/cpuid.h"
#include "hv/run/msr.h"
#include "hv/stream/chunk_fields.h"
#include "hv/stream/chunk_vp.h"
#include "hv/stream/compat.h"
#include "hv/stream/stream.h"
#include "hv/vp/partition.h"
#include "hv/vp/vp.h"
#include "hv/vp/vp_check.h"

static bool always(const struct context *c)
{
	(void)c;
	return true;
}

/* Whether all of these came is asked at the EPILOG. */
static bool never(const struct context *c)
{
	(void)c;
	return false;
}

/* ---- PROLOG ---- */

static enum chunk_saved prolog_save(struct context *c)
{
	struct stream_prolog *p = chunk_payload(c, sizeof(*p));

	p->tag = STREAM_TAG;
	p->is_summary = c->summary;
	/* A reader may refuse another vendor's stream by its first piece. */
	p->vendor = arch_facts()->compat.cpu_vendor;
	p->magic = STREAM_MAGIC;
	p->version_major = STREAM_VERSION_MAJOR;
	p->version_minor = STREAM_VERSION_MINOR;
	p->stream_id = c->stream_id;
	return CHUNK_ONE;
}

/*
 * The version is looked at first: another major version may give the rest
 * another meaning. A newer minor version only adds optional chunks.
 */
static enum chunk_verdict prolog_check(struct context *c)
{
	const struct stream_prolog *p = (const struct stream_prolog *)c->buffer;

	if (p->tag != STREAM_TAG || p->magic != STREAM_MAGIC)
		return chunk_corrupt(c);
	if (p->version_major != STREAM_VERSION_MAJOR)
		return chunk_ends(c, HV_STATE_UNSUPPORTED_VERSION);
	if (!chunk_reserved_zero(c, p))
		return chunk_corrupt(c);
	/* The rest of the stream has registers as this vendor has them. */
	if (p->vendor != arch_facts()->compat.cpu_vendor) {
		log_line("restore: result %u: vendor: %u saved, %u here",
		         (u64)HV_STATE_INCOMPATIBLE_PROCESSOR, (u64)p->vendor,
		         (u64)arch_facts()->compat.cpu_vendor);
		return chunk_ends(c, HV_STATE_INCOMPATIBLE_PROCESSOR);
	}
	/* What is no full state cannot be restored. */
	if (p->is_summary && !c->summary)
		return chunk_corrupt(c);
	c->restore.is_summary = p->is_summary;
	c->stream_id = p->stream_id;
	return CHUNK_GOOD;
}

/* ---- COMPAT ---- */

static enum chunk_saved compat_save(struct context *c)
{
	struct stream_compat *out = chunk_payload(c, sizeof(*out));

	*out = arch_facts()->compat;
	/* One that came from another frequency has its own. */
	if (c->target && c->target->clock.ratio)
		out->tsc_hz = c->target->clock.hz;
	/* 0: a summary of the system alone, and no VPs follow. */
	out->scope = c->target != NULL;
	out->hv_major = STASIS_VERSION_MAJOR;
	out->hv_minor = STASIS_VERSION_MINOR;
	return CHUNK_ONE;
}

static enum chunk_verdict compat_chunk_check(struct context *c)
{
	const struct stream_compat *in =
		(const struct stream_compat *)c->buffer;

	if (!chunk_reserved_zero(c, in) ||
	    (!in->scope && !c->restore.is_summary))
		return chunk_corrupt(c);
	/*
	 * Kept: it says how long VP_XSAVE is, and the TSC may be scaled by it at
	 * the end. Asked again, it is the same payload.
	 */
	c->restore.compat = *in;
	if (!compat_check(in, &c->restore.compat_walk))
		return CHUNK_AGAIN;
	return c->restore.compat_walk.first
	               ? chunk_ends(c, c->restore.compat_walk.first)
	               : CHUNK_GOOD;
}

/* ---- The partition ---- */

static enum chunk_saved os_id_save(struct context *c)
{
	struct stream_os_id *out = chunk_payload(c, sizeof(*out));

	out->os_id = c->target->guest_os_id;
	return CHUNK_ONE;
}

static enum chunk_verdict os_id_check(struct context *c)
{
	/* Any value: 0 says that the guest has not given its identity. */
	const struct stream_os_id *in = (const struct stream_os_id *)c->buffer;

	if (!chunk_reserved_zero(c, in))
		return chunk_corrupt(c);
	c->restore.os_id = in->os_id;
	return CHUNK_GOOD;
}

static enum chunk_saved partition_save(struct context *c)
{
	struct stream_partition *out = chunk_payload(c, sizeof(*out));
	const struct partition *p = c->target;

	out->hypercall = p->hypercall;
	out->reference_time = reference_time(p);
	out->reference_tsc = p->reference.msr;
	out->tsc_sequence = p->reference.sequence;
	/* Without memory a parent carries it by other means (D18). */
	if (p->save_memory) {
		out->flags = STREAM_PARTITION_MEMORY;
		out->page_count = p->space.mapped;
	}
	c->memory.pages = out->page_count;
	return CHUNK_ONE;
}

static enum chunk_verdict partition_check(struct context *c)
{
	const struct stream_partition *in =
		(const struct stream_partition *)c->buffer;

	if (!chunk_reserved_zero(c, in) || (!in->flags && in->page_count) ||
	    !vp_check_hypercall_value(in->hypercall))
		return chunk_corrupt(c);
	/* No hypercall page for a guest that has not given its identity. */
	if ((in->hypercall & HV_MSR_PAGE_ENABLE) && !c->restore.os_id)
		return chunk_corrupt(c);
	if (!vp_check_page_value(in->reference_tsc) ||
	    stream_same_page(in->reference_tsc, in->hypercall))
		return chunk_corrupt(c);
	/* More pages than the target has mapped cannot all find a place. */
	if (in->page_count > c->target->space.mapped)
		return chunk_ends(c, HV_STATE_PROCESSOR_INSUFFICIENT_MEMORY);
	/* Staged: its overlays are put over the map when all has been verified. */
	c->restore.partition = *in;
	c->memory.pages = in->page_count;
	return CHUNK_GOOD;
}

/* ---- VP_INDICES ---- */

static u64 vp_set(const struct partition *p)
{
	u64 set = 0;

	for (u32 i = 0; i < PARTITION_VPS; i++)
		if (p->vps[i])
			set |= BIT(i);
	return set;
}

static enum chunk_saved indices_save(struct context *c)
{
	struct stream_vp_indices *out;
	u64 set;

	if (!c->target)
		return CHUNK_NONE;
	out = chunk_payload(c, sizeof(*out));
	set = vp_set(c->target);
	/* The boot processor is VP 0, which is what the zeroes say. */
	out->bitmap[0] = (u32)set;
	out->bitmap[1] = (u32)(set >> 32);
	return CHUNK_ONE;
}

static bool indices_needed(const struct context *c)
{
	return c->restore.compat.scope == 1;
}

/* Without a target (id 0) any set will do; the boot processor is VP 0 in all. */
static enum chunk_verdict indices_check(struct context *c)
{
	const struct stream_vp_indices *in =
		(const struct stream_vp_indices *)c->buffer;
	u64 set = in->bitmap[0] | (u64)in->bitmap[1] << 32;
	u32 boot = in->bsp_index, first;

	if (in->bitmap[2] || c->restore.compat.scope == 0)
		return chunk_corrupt(c);
	/* 0 as well where there is no VP 0. */
	if (boot >= PARTITION_VPS || (boot && !(set & BIT(boot))))
		return chunk_corrupt(c);
	first = compat_check_vps(set, boot,
	                         c->target ? vp_set(c->target) : set);
	return first ? chunk_ends(c, first) : CHUNK_GOOD;
}

/* ---- EPILOG ---- */

/* Its check is that of all headers, which seal_chunk knows. */
static enum chunk_saved epilog_save(struct context *c)
{
	c->header.length = 0;
	return CHUNK_ONE;
}

static bool vps_complete(const struct context *c)
{
	return c->restore.vps_seen == vp_set(c->target);
}

static enum chunk_verdict epilog_check(struct context *c)
{
	/* Its header has held, so nothing that came is in doubt any more. */
	c->restore.ended = true;
	/* A summary carries neither memory nor VPs. */
	if (c->restore.is_summary)
		return CHUNK_GOOD;
	return chunk_memory_complete(c) && vps_complete(c) ? CHUNK_GOOD
	                                                   : chunk_corrupt(c);
}

static bool map_needed(const struct context *c)
{
	return c->memory.pages > 0;
}

/* ---- The table ---- */

#define FIXED(type) sizeof(struct stream_##type), sizeof(struct stream_##type)

/* clang-format off */
static const struct chunk_kind kinds[] = {
	{ STREAM_PROLOG, "PROLOG", CHUNK_SUMMARY,
	  FIXED(prolog), chunk_prolog_fields,
	  prolog_save, prolog_check, always },
	{ STREAM_COMPAT, "COMPAT", CHUNK_SUMMARY,
	  FIXED(compat), chunk_compat_fields,
	  compat_save, compat_chunk_check, always },
	{ STREAM_VP_INDICES, "VP_INDICES", CHUNK_SUMMARY,
	  FIXED(vp_indices), chunk_indices_fields,
	  indices_save, indices_check, indices_needed },
	{ STREAM_OS_ID, "OS_ID", 0,
	  FIXED(os_id), chunk_os_id_fields,
	  os_id_save, os_id_check, always },
	{ STREAM_PARTITION, "PARTITION", 0,
	  FIXED(partition), chunk_partition_fields,
	  partition_save, partition_check, always },
	{ STREAM_GPA_MAP, "GPA_MAP", CHUNK_REPEATS,
	  sizeof(struct stream_extent),
	  STREAM_EXTENTS_MAX * sizeof(struct stream_extent), chunk_map_fields,
	  chunk_map_save, chunk_map_check, map_needed },
	/* The three kinds of memory chunks come in any order. */
	{ STREAM_EXTENT, "EXTENT", CHUNK_REPEATS | CHUNK_MEMORY,
	  FIXED(position), chunk_extent_fields,
	  chunk_memory_save, chunk_extent_check, never },
	{ STREAM_PAGE, "PAGE", CHUNK_REPEATS | CHUNK_MEMORY | CHUNK_IN_PLACE,
	  PAGE_SIZE, PAGE_SIZE, NULL,
	  NULL, chunk_page_check, never },
	{ STREAM_FILL, "FILL", CHUNK_REPEATS | CHUNK_MEMORY,
	  FIXED(fill), chunk_fill_fields,
	  NULL, chunk_fill_check, never },
	{ STREAM_VP, "VP", CHUNK_VP_FIRST,
	  FIXED(vp), chunk_vp_fields,
	  chunk_vp_save, chunk_vp_check, never },
	{ STREAM_VP_GP, "VP_GP", CHUNK_VP,
	  FIXED(vp_gp), chunk_gp_fields,
	  chunk_state_save, chunk_state_check, always },
	{ STREAM_VP_FP, "VP_FP", CHUNK_VP,
	  FIXED(vp_fp), chunk_fp_fields,
	  chunk_fp_save, chunk_fp_check, always },
	{ STREAM_VP_CONTROL, "VP_CONTROL", CHUNK_VP,
	  FIXED(vp_control), chunk_control_fields,
	  chunk_control_save, chunk_control_check, always },
	{ STREAM_VP_DEBUG, "VP_DEBUG", CHUNK_VP,
	  FIXED(vp_debug), chunk_debug_fields,
	  chunk_state_save, chunk_state_check, always },
	{ STREAM_VP_SEGMENT, "VP_SEGMENT", CHUNK_VP,
	  FIXED(vp_segment), chunk_segment_fields,
	  chunk_segment_save, chunk_segment_check, always },
	{ STREAM_VP_TABLE, "VP_TABLE", CHUNK_VP,
	  FIXED(vp_table), chunk_table_fields,
	  chunk_state_save, chunk_state_check, always },
	{ STREAM_VP_XSAVE_CONTROL, "VP_XSAVE_CONTROL", CHUNK_VP,
	  FIXED(vp_xsave_control), chunk_xsave_control_fields,
	  chunk_state_save, chunk_state_check, always },
	{ STREAM_VP_MSRS, "VP_MSRS", CHUNK_VP,
	  sizeof(struct stream_msr), STREAM_PAYLOAD_MAX, chunk_msrs_fields,
	  chunk_msrs_save, chunk_msrs_check, always },
	/* An XSAVE area of a page at most, without its first 512 bytes. */
	{ STREAM_VP_XSAVE, "VP_XSAVE", CHUNK_VP,
	  64, PAGE_SIZE - 512, chunk_xsave_fields,
	  chunk_xsave_save, chunk_xsave_check, chunk_xsave_needed },
	{ STREAM_VP_EVENTS, "VP_EVENTS", CHUNK_VP,
	  FIXED(vp_events), chunk_events_fields,
	  chunk_events_save, chunk_events_check, always },
	{ STREAM_VP_APIC, "VP_APIC", CHUNK_VP,
	  FIXED(vp_apic), lapic_fields,
	  chunk_apic_save, chunk_apic_check, always },
	{ STREAM_VP_SYNIC, "VP_SYNIC", CHUNK_VP,
	  FIXED(vp_synic), chunk_synic_fields,
	  chunk_synic_save, chunk_synic_check, always },
	{ STREAM_VP_SIM, "VP_SIM", CHUNK_VP,
	  PAGE_SIZE, PAGE_SIZE, chunk_page_fields,
	  chunk_sim_save, chunk_sim_check, chunk_sim_needed },
	{ STREAM_VP_SIEF, "VP_SIEF", CHUNK_VP,
	  PAGE_SIZE, PAGE_SIZE, chunk_page_fields,
	  chunk_sief_save, chunk_sief_check, chunk_sief_needed },
	{ STREAM_VP_QUEUE, "VP_QUEUE", CHUNK_VP,
	  HV_MESSAGE_SIZE, PAGE_SIZE, chunk_queue_fields,
	  chunk_queue_save, chunk_queue_check, chunk_queue_needed },
	{ STREAM_VP_MESSAGE, "VP_MESSAGE", CHUNK_VP | CHUNK_VP_LAST,
	  HV_MESSAGE_SIZE, HV_MESSAGE_SIZE, chunk_message_fields,
	  chunk_message_save, chunk_message_check, chunk_message_needed },
	{ STREAM_EPILOG, "EPILOG", CHUNK_SUMMARY,
	  0, 0, NULL,
	  epilog_save, epilog_check, always },
};
/* clang-format on */

const struct chunk_kind *chunk_table(u32 *count)
{
	*count = ARRAY_LEN(kinds);
	return kinds;
}

const struct chunk_kind *chunk_kind(const struct context *c)
{
	return &kinds[c->row];
}

bool chunk_reserved_zero(const struct context *c, const void *entry)
{
	const struct chunk_kind *k = chunk_kind(c);

	return field_valid(k->fields, entry, k->min);
}

bool chunk_find(u32 id, u32 *row)
{
	for (*row = 0; *row < ARRAY_LEN(kinds); (*row)++)
		if (kinds[*row].id == id)
			return true;
	return false;
}
