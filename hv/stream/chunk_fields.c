/*
 * What chunks consist of, a row a field, as docs/stream.md has them.
 */
#include "hv/stream/chunk_fields.h"

#include "hv/vp/vp.h"
#include "include/stream.h"

/* A field of one value, and one of several values of the same width, ... */
#define ONE(type, field)                                    \
	.name = #field, .at = offsetof(struct type, field), \
	.width = sizeof(((struct type *)0)->field), .count = 1
#define ROW(type, field)                                    \
	.name = #field, .at = offsetof(struct type, field), \
	.width = sizeof(((struct type *)0)->field[0]),      \
	.count = ARRAY_LEN(((struct type *)0)->field)
/* ... and their places while the VP lives. */
#define IN(type, place)                                  \
	.live = offsetof(struct type, place),            \
	.live_width = sizeof(((struct type *)0)->place), \
	.step = sizeof(((struct type *)0)->place)
#define IN_ROW(type, place) IN(type, place[0])

#define STATE(type, field, place) ONE(type, field), IN(vp_state, place)
#define STATES(type, field, place) ROW(type, field), IN_ROW(vp_state, place)

/* All bits but these are reserved. */
#define BITS(mask) .rsvd = ~(u64)(mask)
#define END                  \
	{                    \
		.name = NULL \
	}

/* clang-format off */

/* ---- The stream and the partition ---- */

const struct field chunk_prolog_fields[] = {
	{ ONE(stream_prolog, tag) },
	{ ONE(stream_prolog, is_summary), BITS(1) },
	{ ONE(stream_prolog, vendor) },
	{ ONE(stream_prolog, magic) },
	{ ONE(stream_prolog, version_major) },
	{ ONE(stream_prolog, version_minor) },
	{ ONE(stream_prolog, stream_id) },
	END
};

/* Whether these fit is asked in compat.c: bits of features are not reserved. */
const struct field chunk_compat_fields[] = {
	{ ONE(stream_compat, scope), BITS(1) },
	{ ONE(stream_compat, cpu_vendor) },
	{ ONE(stream_compat, hv_major) },
	{ ONE(stream_compat, hv_minor) },
	{ ONE(stream_compat, signature) },
	{ ONE(stream_compat, clflush) },
	{ ONE(stream_compat, phys_bits) },
	{ ONE(stream_compat, linear_bits) },
	{ ROW(stream_compat, features) },
	{ ONE(stream_compat, xcr0) },
	{ ONE(stream_compat, xss) },
	{ ONE(stream_compat, xsave_size) },
	{ ONE(stream_compat, mxcsr_mask) },
	{ ONE(stream_compat, tsc_hz) },
	{ ROW(stream_compat, xsave_offset) },
	END
};

const struct field chunk_indices_fields[] = {
	{ ONE(stream_vp_indices, bsp_index) },
	{ ROW(stream_vp_indices, bitmap) },
	END
};

const struct field chunk_os_id_fields[] = {
	{ ONE(stream_os_id, os_id) },
	END
};

/* No places: the MSRs take effect at the very end, with their overlays. */
const struct field chunk_partition_fields[] = {
	{ ONE(stream_partition, hypercall) },
	{ ONE(stream_partition, reference_time) },
	{ ONE(stream_partition, page_count) },
	{ ONE(stream_partition, flags), BITS(STREAM_PARTITION_MEMORY) },
	{ ONE(stream_partition, reference_tsc) },
	{ ONE(stream_partition, tsc_sequence) },
	END
};

/* ---- Memory ---- */

/* An entry. Its rights depend on one another, which is no matter of bits. */
const struct field chunk_map_fields[] = {
	{ ONE(stream_extent, gpn) },
	{ ONE(stream_extent, count) },
	{ ONE(stream_extent, rights) },
	END
};

const struct field chunk_extent_fields[] = {
	{ ONE(stream_position, gpn) },
	END
};

const struct field chunk_fill_fields[] = {
	{ ONE(stream_fill, count) },
	{ ONE(stream_fill, word) },
	END
};

/* ---- Registers of a VP ---- */

/* What follows belongs to this VP, up to the next VP or the EPILOG. */
const struct field chunk_vp_fields[] = {
	{ ONE(stream_vp, vp_index) },
	END
};

const struct field chunk_gp_fields[] = {
	{ STATES(stream_vp_gp, gpr, gpr) },
	{ STATE(stream_vp_gp, rip, rip) },
	{ STATE(stream_vp_gp, rflags, rflags) },
	END
};

/* The numbers of both sides are those of an FXSAVE image (SDM 10.5.1). */
const struct field chunk_fp_fields[] = {
	{ ROW(stream_vp_fp, xmm), IN_ROW(vp_xsave, legacy.xmm) },
	{ ROW(stream_vp_fp, fp_mmx), IN_ROW(vp_xsave, legacy.fp_mmx) },
	{ ONE(stream_vp_fp, fp_control_status),
	  IN(vp_xsave, legacy.control_status) },
	{ ONE(stream_vp_fp, xmm_control_status),
	  IN(vp_xsave, legacy.xmm_control_status) },
	END
};

const struct field chunk_control_fields[] = {
	{ STATE(stream_vp_control, cr0, cr0) },
	{ STATE(stream_vp_control, cr2, cr2) },
	{ STATE(stream_vp_control, cr3, cr3) },
	{ STATE(stream_vp_control, cr4, cr4) },
	{ ONE(stream_vp_control, cr8) }, /* the local APIC's */
	{ STATE(stream_vp_control, efer, efer) },
	END
};

const struct field chunk_debug_fields[] = {
	{ STATES(stream_vp_debug, dr, dr) },
	{ STATE(stream_vp_debug, dr6, dr6) },
	{ STATE(stream_vp_debug, dr7, dr7) },
	END
};

const struct field chunk_segment_fields[] = {
	{ STATES(stream_vp_segment, seg, segment) },
	{ ONE(stream_vp_segment, cpl) }, /* that of SS */
	END
};

/* A limit is 16 bits here, and a u64 where the state has it. */
const struct field chunk_table_fields[] = {
	{ STATE(stream_vp_table, idtr.limit, idtr.limit) },
	{ STATE(stream_vp_table, idtr.base, idtr.base) },
	{ STATE(stream_vp_table, gdtr.limit, gdtr.limit) },
	{ STATE(stream_vp_table, gdtr.base, gdtr.base) },
	END
};

const struct field chunk_xsave_control_fields[] = {
	{ STATE(stream_vp_xsave_control, xcr0, xcr0) },
	END
};

/* An entry. Which names there are is asked of the registers' table. */
const struct field chunk_msrs_fields[] = {
	{ ONE(stream_msr, name) },
	{ ONE(stream_msr, value) },
	END
};

/* The header of an XSAVE area; the components follow as they are. */
const struct field chunk_xsave_fields[] = {
	{ .name = "xstate_bv", .at = 0, .width = sizeof(u64), .count = 1 },
	{ .name = "xcomp_bv", .at = 8, .width = sizeof(u64), .count = 1 },
	END
};

/* ---- Its events, its SynIC, its messages ---- */

const struct field chunk_events_fields[] = {
	{ ONE(stream_vp_events, explicit_suspend) },
	{ ONE(stream_vp_events, intercept_suspend),
	  BITS(HV_SUSPENDED | HV_TLB_FLUSH_INHIBIT) },
	{ STATE(stream_vp_events, activity, activity) },
	/* With the kind of the shadow, which the register does not have. */
	{ ONE(stream_vp_events, interrupt_state) },
	{ STATE(stream_vp_events, pending_interruption, pending_interruption) },
	{ STATE(stream_vp_events, pending_debug, pending_debug) },
	{ ONE(stream_vp_events, has_message), BITS(1) },
	{ ONE(stream_vp_events, runtime), BITS(VP_RUNTIME_LIMIT - 1) },
	{ STATES(stream_vp_events, pdpte, pdpte) },
	END
};

/*
 * A restore keeps the payload as it came, and loads it when the overlays of the
 * target's old state have gone. The flags say which pages follow, no more.
 */
const struct field chunk_synic_fields[] = {
	{ ONE(stream_vp_synic, scontrol), IN(vp, synic.scontrol),
	  BITS(HV_MSR_PAGE_ENABLE) },
	{ ONE(stream_vp_synic, siefp), IN(vp, synic.siefp) },
	{ ONE(stream_vp_synic, simp), IN(vp, synic.simp) },
	{ ROW(stream_vp_synic, sint), IN_ROW(vp, synic.sint) },
	{ ROW(stream_vp_synic, timer), IN_ROW(vp, stimer) },
	{ ONE(stream_vp_synic, flags),
	  BITS(STREAM_SYNIC_SIM | STREAM_SYNIC_SIEF) },
	{ ONE(stream_vp_synic, queued), IN(vp, synic.queued) },
	END
};
_Static_assert(sizeof(struct stream_stimer) == sizeof(struct stimer),
               "timers are copied as they are");

const struct field chunk_page_fields[] = {
	{ .name = "page", .at = 0, .width = PAGE_SIZE, .count = 1 },
	END
};

/* Which type, and how long it may be, its chunk's check says. */
const struct field chunk_message_fields[] = {
	{ ONE(hv_message, type) },
	{ ONE(hv_message, payload_size) },
	{ ONE(hv_message, flags), BITS(0) },
	{ ONE(hv_message, sender) },
	{ ROW(hv_message, payload) },
	END
};

/* Where a message lies while it waits, it has the SINT that it is for. */
const struct field chunk_queue_fields[] = {
	{ ONE(hv_message, type) },
	{ ONE(hv_message, payload_size) },
	{ ONE(hv_message, flags), BITS(0) },
	{ .name = "sint", .at = offsetof(struct hv_message, rsvd),
	  .width = sizeof(u16), .count = 1 },
	{ ONE(hv_message, sender) },
	{ ROW(hv_message, payload) },
	END
};

/* clang-format on */
