/*
 * The fields of each kind of chunk: tables that a save, a restore and the tests of
 * tools/hvstate walk. What a table has no row for is reserved.
 */
#ifndef HV_CHUNK_FIELDS_H
#define HV_CHUNK_FIELDS_H

#include "hv/base/field.h"

/* Of the stream and the partition: their functions move all of them. */
extern const struct field chunk_prolog_fields[];
extern const struct field chunk_compat_fields[];
extern const struct field chunk_indices_fields[];
extern const struct field chunk_os_id_fields[];
extern const struct field chunk_partition_fields[];

/* Of memory; of GPA_MAP, an entry. */
extern const struct field chunk_map_fields[];
extern const struct field chunk_extent_fields[];
extern const struct field chunk_fill_fields[];

/* Of a VP; places are in struct vp_state, ... */
extern const struct field chunk_vp_fields[];
extern const struct field chunk_gp_fields[];
extern const struct field chunk_control_fields[];
extern const struct field chunk_debug_fields[];
extern const struct field chunk_segment_fields[];
extern const struct field chunk_table_fields[];
extern const struct field chunk_xsave_control_fields[];
extern const struct field chunk_msrs_fields[]; /* an entry */
extern const struct field chunk_events_fields[];
/* ... but of these in struct vp_xsave, ... */
extern const struct field chunk_fp_fields[];
extern const struct field chunk_xsave_fields[]; /* what it begins with */
/* ... and of this in struct vp. The local APIC's are lapic_fields. */
extern const struct field chunk_synic_fields[];

/* Messages: an intercept's, and one that came by a port. */
extern const struct field chunk_message_fields[];
extern const struct field chunk_queue_fields[]; /* an entry */

/* Pages of the SynIC. */
extern const struct field chunk_page_fields[];

#endif
