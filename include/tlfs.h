/*
 * The guest-visible interface: hypercall codes, statuses, input and output blocks;
 * and, by its parts, MSRs, registers, messages, ports, save and restore.
 *
 * Facts of Microsoft's Hypervisor Top Level Functional Specification (TLFS),
 * under the names the TLFS gives them. Where sources disagree, docs/hypercalls.md
 * says which we follow. Self-contained: hypervisor, parents and tests include
 * it alike.
 */
#ifndef STASIS_TLFS_H
#define STASIS_TLFS_H

#include "tlfs_messages.h"
#include "tlfs_msrs.h"
#include "tlfs_ports.h"
#include "tlfs_registers.h"
#include "tlfs_save.h"
#include "types.h"

/* ---- Hypercall control word and result (TLFS 3.7, 3.8) ---- */

#define HV_CONTROL_CODE 0x000000000000ffffull
#define HV_CONTROL_FAST 0x0000000000010000ull
#define HV_CONTROL_VARHEAD 0x0000000007fe0000ull
#define HV_CONTROL_VARHEAD_SHIFT 17
#define HV_CONTROL_VARHEAD_MASK 0x3ffull
#define HV_VARHEAD_UNIT 8u /* bytes that the count of a variable header is in */
#define HV_CONTROL_RSVD 0xf000f000f8000000ull
#define HV_CONTROL_REP_COUNT_SHIFT 32
#define HV_CONTROL_REP_START_SHIFT 48
#define HV_CONTROL_REP_MASK 0xfffull
#define HV_RESULT_STATUS 0xffffull
#define HV_RESULT_REPS_SHIFT 32

enum hvcall_code {
	HVCALL_CREATE_PARTITION = 0x40,
	HVCALL_INITIALIZE_PARTITION = 0x41,
	HVCALL_FINALIZE_PARTITION = 0x42,
	HVCALL_DELETE_PARTITION = 0x43,
	HVCALL_GET_PARTITION_PROPERTY = 0x44,
	HVCALL_SET_PARTITION_PROPERTY = 0x45,
	HVCALL_GET_PARTITION_ID = 0x46,
	HVCALL_GET_NEXT_CHILD_PARTITION = 0x47,
	HVCALL_DEPOSIT_MEMORY = 0x48,
	HVCALL_WITHDRAW_MEMORY = 0x49,
	HVCALL_GET_MEMORY_BALANCE = 0x4a,
	HVCALL_MAP_GPA_PAGES = 0x4b,
	HVCALL_UNMAP_GPA_PAGES = 0x4c,
	HVCALL_INSTALL_INTERCEPT = 0x4d,
	HVCALL_CREATE_VP = 0x4e,
	HVCALL_DELETE_VP = 0x4f,
	HVCALL_GET_VP_REGISTERS = 0x50,
	HVCALL_SET_VP_REGISTERS = 0x51,
	HVCALL_READ_GPA = 0x53,
	HVCALL_WRITE_GPA = 0x54,
	HVCALL_ASSERT_VIRTUAL_INTERRUPT_2 = 0x55, /* TLFS 2.0 */
	HVCALL_CLEAR_VIRTUAL_INTERRUPT = 0x56,
	HVCALL_CREATE_PORT_2 = 0x57, /* TLFS 2.0 */
	HVCALL_DELETE_PORT = 0x58,
	HVCALL_CONNECT_PORT_2 = 0x59, /* TLFS 2.0 */
	HVCALL_DISCONNECT_PORT = 0x5b,
	HVCALL_POST_MESSAGE = 0x5c,
	HVCALL_SIGNAL_EVENT = 0x5d,
	HVCALL_SAVE_PARTITION_STATE = 0x5e,
	HVCALL_RESTORE_PARTITION_STATE = 0x5f,
	HVCALL_ASSERT_VIRTUAL_INTERRUPT = 0x94,
	HVCALL_CREATE_PORT = 0x95,
	HVCALL_CONNECT_PORT = 0x96,
	/* Ours alone, in a range no TLFS uses: the hypervisor's log. */
	HVCALL_STASIS_READ_LOG = 0x7f00,
	HVCALL_STASIS_GET_COUNTERS = 0x7f01,
};

/* ---- Statuses (TLFS appendix C) ---- */

enum hv_status {
	HV_STATUS_SUCCESS = 0x0000,
	HV_STATUS_INVALID_HYPERCALL_CODE = 0x0002,
	HV_STATUS_INVALID_HYPERCALL_INPUT = 0x0003,
	HV_STATUS_INVALID_ALIGNMENT = 0x0004,
	HV_STATUS_INVALID_PARAMETER = 0x0005,
	HV_STATUS_ACCESS_DENIED = 0x0006,
	HV_STATUS_INVALID_PARTITION_STATE = 0x0007,
	HV_STATUS_OPERATION_DENIED = 0x0008,
	HV_STATUS_UNKNOWN_PROPERTY = 0x0009,
	HV_STATUS_PROPERTY_VALUE_OUT_OF_RANGE = 0x000a,
	HV_STATUS_INSUFFICIENT_MEMORY = 0x000b,
	HV_STATUS_PARTITION_TOO_DEEP = 0x000c,
	HV_STATUS_INVALID_PARTITION_ID = 0x000d,
	HV_STATUS_INVALID_VP_INDEX = 0x000e,
	HV_STATUS_INVALID_PORT_ID = 0x0011,
	HV_STATUS_INVALID_CONNECTION_ID = 0x0012,
	HV_STATUS_INSUFFICIENT_BUFFERS = 0x0013,
	HV_STATUS_NOT_ACKNOWLEDGED = 0x0014,
	HV_STATUS_INVALID_VP_STATE = 0x0015,
	HV_STATUS_ACKNOWLEDGED = 0x0016,
	HV_STATUS_INVALID_SAVE_RESTORE_STATE = 0x0017,
	HV_STATUS_INVALID_SYNIC_STATE = 0x0018,
	HV_STATUS_OBJECT_IN_USE = 0x0019,
	HV_STATUS_NO_DATA = 0x001b,
	HV_STATUS_NO_RESOURCES = 0x001d,
};

/* ---- Ids ---- */

#define HV_PARTITION_ID_INVALID 0ull
#define HV_PARTITION_ID_SELF 0xffffffffffffffffull
#define STASIS_ROOT_ID 1ul /* ours: ids count up from it */
#define HV_VP_INDEX_ANY 0xffffffffu
#define HV_VP_INDEX_SELF 0xfffffffeu

/* ---- Partitions ---- */

struct hv_input_create_partition {
	u64 flags;                 /*  0 must be 0 */
	u32 proximity_id;          /*  8 */
	u32 proximity_flags;       /* 12 must be 0: there is one domain */
	u32 compatibility_version; /* 16 ignored */
	u32 padding;               /* 20 */
	u64 disabled_features[2];  /* 24 must be 0 */
	u64 disabled_xsave;        /* 40 must be 0 */
	u64 isolation;             /* 48 must be 0 */
};
_Static_assert(sizeof(struct hv_input_create_partition) == 56,
               "TLFS long form");

struct hv_output_create_partition {
	u64 partition_id;
};

/* Initialize, Finalize, Delete take just the id. */
struct hv_input_partition {
	u64 partition_id;
};

enum hv_partition_property {
	HV_PROPERTY_PRIVILEGE_FLAGS = 0x00010000,
	HV_PROPERTY_REFERENCE_TIME = 0x00030005,
	HV_PROPERTY_PROCESSOR_VENDOR = 0x00060000,
	HV_PROPERTY_PROCESSOR_FEATURES = 0x00060001,
	HV_PROPERTY_XSAVE_FEATURES = 0x00060002,
	HV_PROPERTY_CLFLUSH_SIZE = 0x00060003,
	/* Ours (D18): 1 = saved streams carry the GPA map and page contents. */
	HV_PROPERTY_STASIS_SAVE_MEMORY = 0x00f00000,
};

struct hv_input_get_partition_property {
	u64 partition_id; /*  0 */
	u32 property;     /*  8 */
	u32 padding;      /* 12 */
};
struct hv_output_get_partition_property {
	u64 value;
};
struct hv_input_set_partition_property {
	u64 partition_id; /*  0 */
	u32 property;     /*  8 */
	u32 padding;      /* 12 */
	u64 value;        /* 16 */
};
_Static_assert(sizeof(struct hv_input_set_partition_property) == 24, "TLFS");

struct hv_output_get_partition_id {
	u64 partition_id;
};

struct hv_input_get_next_child {
	u64 parent_id;   /* 0 */
	u64 previous_id; /* 8 0: the first child */
};
struct hv_output_get_next_child {
	u64 partition_id; /* 0: no more */
};

/* ---- Memory pools ---- */

struct hv_input_deposit_memory {
	u64 partition_id; /* then a list of GPNs (u64), one a rep */
};
struct hv_input_withdraw_memory {
	u64 partition_id; /* 0 */
	u64 proximity;    /* 8; output: a list of GPNs, one a rep */
};
struct hv_input_get_memory_balance {
	u64 partition_id; /* 0 */
	u64 proximity;    /* 8 */
};
struct hv_output_get_memory_balance {
	u64 pages_available; /* 0 */
	u64 pages_in_use;    /* 8 */
};

/* ---- GPA space ---- */

#define HV_MAP_GPA_READABLE 0x1u
#define HV_MAP_GPA_WRITABLE 0x2u
#define HV_MAP_GPA_EXECUTABLE 0x4u      /* TLFS 2.0 */
#define HV_MAP_GPA_USER_EXECUTABLE 0x8u /* newer: 0xc is executable */
#define HV_MAP_GPA_NO_ACCESS 0x10000u

struct hv_input_map_gpa_pages {
	u64 partition_id;    /*  0 */
	u64 target_gpa_base; /*  8 GPN */
	u32 map_flags;       /* 16 */
	u32 padding;         /* 20; then a list of source GPNs (u64) */
};
_Static_assert(sizeof(struct hv_input_map_gpa_pages) == 24, "TLFS");

struct hv_input_unmap_gpa_pages {
	u64 partition_id;    /*  0 */
	u64 target_gpa_base; /*  8 GPN */
	u32 unmap_flags;     /* 16 must be 0 */
	u32 padding;         /* 20; rep without list */
};
_Static_assert(sizeof(struct hv_input_unmap_gpa_pages) == 24, "TLFS");

enum hv_access_gpa_result {
	HV_ACCESS_GPA_SUCCESS = 0,
	HV_ACCESS_GPA_UNMAPPED = 1,
	HV_ACCESS_GPA_READ_INTERCEPT = 2,
	HV_ACCESS_GPA_WRITE_INTERCEPT = 3,
	HV_ACCESS_GPA_ILLEGAL_OVERLAY = 4,
};

struct hv_input_read_gpa {
	u64 partition_id; /*  0 */
	u32 vp_index;     /*  8 */
	u32 byte_count;   /* 12 1 to 16, within a page */
	u64 gpa;          /* 16 */
	u64 control;      /* 24 */
};
struct hv_output_read_gpa {
	u32 result;  /* 0 enum hv_access_gpa_result */
	u32 rsvd;    /* 4 */
	u8 data[16]; /* 8 */
};
struct hv_input_write_gpa {
	u64 partition_id; /*  0 */
	u32 vp_index;     /*  8 */
	u32 byte_count;   /* 12 */
	u64 gpa;          /* 16 */
	u64 control;      /* 24 */
	u8 data[16];      /* 32 */
};
struct hv_output_write_gpa {
	u32 result; /* 0 */
	u32 rsvd;   /* 4 */
};
_Static_assert(sizeof(struct hv_output_read_gpa) == 24, "TLFS");
_Static_assert(sizeof(struct hv_input_write_gpa) == 48, "TLFS");

/* ---- Interrupts from the parent ---- */

enum hv_interrupt_type {
	HV_INTERRUPT_FIXED = 0,
	HV_INTERRUPT_LOWEST_PRIORITY = 1,
	HV_INTERRUPT_NMI = 4,
	HV_INTERRUPT_INIT = 5,
	HV_INTERRUPT_SIPI = 6,
	HV_INTERRUPT_EXTINT = 7,
};
#define HV_INTERRUPT_LEVEL 1u /* in control_flags */
#define HV_INTERRUPT_LOGICAL 2u

/* The same block for both codes; 2.0 has nothing behind the vector. */
struct hv_input_assert_virtual_interrupt {
	u64 partition_id;  /*  0 */
	u32 type;          /*  8 enum hv_interrupt_type */
	u32 control_flags; /* 12 HV_INTERRUPT_LEVEL, _LOGICAL */
	u64 destination;   /* 16 APIC id, or logical */
	u32 vector;        /* 24 */
	u8 target_vtl;     /* 28 must be 0 */
	u8 rsvd_z[3];      /* 29 */
};
_Static_assert(sizeof(struct hv_input_assert_virtual_interrupt) == 32, "TLFS");

/* ---- Intercepts ---- */

enum hv_intercept_type {
	HV_INTERCEPT_TYPE_IO_PORT = 0,
	HV_INTERCEPT_TYPE_MSR = 1,
	HV_INTERCEPT_TYPE_CPUID = 2,
	HV_INTERCEPT_TYPE_EXCEPTION = 3,
};
#define HV_INTERCEPT_ACCESS_NONE 0u
#define HV_INTERCEPT_ACCESS_READ 1u
#define HV_INTERCEPT_ACCESS_WRITE 2u
#define HV_INTERCEPT_ACCESS_EXECUTE 4u

struct hv_input_install_intercept {
	u64 partition_id; /*  0 */
	u32 access_mask;  /*  8 */
	u32 type;         /* 12 */
	u64 parameter;    /* 16 port, leaf or vector */
};
_Static_assert(sizeof(struct hv_input_install_intercept) == 24, "TLFS");

/* ---- Virtual processors ---- */

struct hv_input_create_vp {
	u64 partition_id; /*  0 */
	u32 vp_index;     /*  8 */
	u8 rsvd[3];       /* 12 */
	u8 subnode_type;  /* 15 must be 0 */
	u64 subnode_id;   /* 16 ignored while subnode_type is 0 */
	u64 proximity;    /* 24 must be 0 */
	u64 flags;        /* 32 must be 0 */
};
_Static_assert(sizeof(struct hv_input_create_vp) == 40, "TLFS long form");

struct hv_input_delete_vp {
	u64 partition_id; /*  0 */
	u32 vp_index;     /*  8 */
	u32 padding;      /* 12 */
};

struct hv_input_vp_registers {
	u64 partition_id; /*  0 */
	u32 vp_index;     /*  8 */
	u8 target_vtl;    /* 12 must be 0 */
	u8 rsvd_z[3];     /* 13; then names (get: u32) or associations (set) */
};
_Static_assert(sizeof(struct hv_input_vp_registers) == 16, "TLFS");

/* ---- Our own call: read the hypervisor's log ---- */

/*
 * HVCALL_STASIS_READ_LOG (CreatePartitions): copies log bytes from a position
 * on. Positions count all bytes ever logged; older ones fall out of the ring.
 */
struct hv_input_read_log {
	u64 position;
};
struct hv_output_read_log {
	u64 position; /*  0 of data[0]: the one asked for, or the oldest kept */
	u32 count;    /*  8 valid bytes; 0: at the end */
	u32 rsvd;     /* 12 */
	u8 data[4064]; /* 16 */
};
_Static_assert(sizeof(struct hv_output_read_log) == 4080, "one page");

/* ---- Our own call: what hypercalls and other VM exits have cost ---- */

/*
 * HVCALL_STASIS_GET_COUNTERS (CreatePartitions): of the logical processor on which a VP
 * runs, the caller's or a child's, since launch. Place 0 is the first; what was counted
 * never has no row.
 */
enum hv_counter_kind {
	HV_COUNTER_CALL = 0, /* code: of the call, 0: all that are none */
	HV_COUNTER_ROOT_EXIT =
		1, /* exit reason (VT-x), EXITCODE (SVM), or all ones: others */
	HV_COUNTER_CHILD_EXIT = 2,
};
struct hv_counter {
	u32 kind;  /*  0 */
	u32 code;  /*  4 */
	u64 count; /*  8 */
	u64 ticks; /* 16 of the TSC, from VM exit to VM entry, all together */
	u64 worst; /* 24 the longest */
};
struct hv_input_get_counters {
	u64 partition_id; /*  0 */
	u32 vp_index;     /*  8 */
	u32 place;        /* 12 */
};
struct hv_output_get_counters {
	u32 next;   /*  0 the place of the next call; 0: that was all */
	u32 count;  /*  4 valid rows */
	u32 vendor; /*  8 as in a stream's COMPAT: whose reasons these are */
	u32 rsvd;   /* 12 */
	struct hv_counter rows[127]; /* 16 */
};
_Static_assert(sizeof(struct hv_output_get_counters) == 4080, "one page");

#endif
