/*
 * Save and restore of a partition (TLFS 2.0a chapter 17): a part of tlfs.h.
 */
#ifndef STASIS_TLFS_SAVE_H
#define STASIS_TLFS_SAVE_H

#include "types.h"

#define HV_SAVE_RESTORE_STATE_START 0x1u
#define HV_SAVE_RESTORE_STATE_SUMMARY 0x2u
#define HV_SAVE_DATA_MAX 4080u

enum hv_save_restore_result {
	HV_STATE_COMPLETE = 0,
	HV_STATE_INCOMPLETE = 1,
	HV_STATE_RESTORABLE = 2,
	HV_STATE_CORRUPT_DATA = 3,
	HV_STATE_UNSUPPORTED_VERSION = 4,
	HV_STATE_PROCESSOR_FEATURE_MISMATCH = 5,
	HV_STATE_HARDWARE_FEATURE_MISMATCH = 6,
	HV_STATE_PROCESSOR_COUNT_MISMATCH = 7,
	HV_STATE_PROCESSOR_FLAGS_MISMATCH = 8,
	HV_STATE_PROCESSOR_INDEX_MISMATCH = 9,
	HV_STATE_PROCESSOR_INSUFFICIENT_MEMORY = 10,
	HV_STATE_INCOMPATIBLE_PROCESSOR = 11,
	/* 12 to 51 name one feature each: docs/hypercalls.md */
	HV_STATE_PROCESSOR_FEATURE_FIRST = 12,
	HV_STATE_CLFLUSH_SIZE_MISMATCH = 28,
	HV_STATE_XSAVE_MISMATCH = 29,
	HV_STATE_XSAVEOPT_MISMATCH = 30,
	HV_STATE_XSAVE_LEGACY_SSE_MISMATCH = 31,
	HV_STATE_XSAVE_AVX_MISMATCH = 32,
	HV_STATE_XSAVE_UNKNOWN_FEATURE_MISMATCH = 33,
	HV_STATE_XSAVE_AREA_MISMATCH = 34,
	HV_STATE_RESULT_LAST = 51,
};

struct hv_input_save_partition_state {
	u64 partition_id; /*  0 0 with SUMMARY: the system alone */
	u32 flags;        /*  8 HV_SAVE_RESTORE_STATE_* */
	u32 padding;      /* 12 */
};
_Static_assert(sizeof(struct hv_input_save_partition_state) == 16,
               "TLFS 17.3.1");

/*
 * The count comes first (D1): the TLFS text prints the state first, the headers
 * that clients were compiled with have it second.
 */
struct hv_output_save_partition_state {
	u32 save_data_count;            /* 0 valid bytes in save_data */
	u32 save_state;                 /* 4 enum hv_save_restore_result */
	u8 save_data[HV_SAVE_DATA_MAX]; /* 8 */
};
_Static_assert(sizeof(struct hv_output_save_partition_state) == 4088, "D11");
_Static_assert(offsetof(struct hv_output_save_partition_state, save_data) == 8,
               "D1");

struct hv_input_restore_partition_state {
	u64 partition_id;       /*  0 */
	u32 flags;              /*  8 */
	u32 restore_data_count; /* 12 valid bytes in restore_data, at most 4080 */
	u8 restore_data[HV_SAVE_DATA_MAX]; /* 16 */
};
_Static_assert(sizeof(struct hv_input_restore_partition_state) == 4096,
               "TLFS 17.3.2");

struct hv_output_restore_partition_state {
	u32 restore_state;         /* 0 enum hv_save_restore_result */
	u32 restore_data_consumed; /* 4 */
};
_Static_assert(sizeof(struct hv_output_restore_partition_state) == 8,
               "TLFS 17.3.2");

#endif
