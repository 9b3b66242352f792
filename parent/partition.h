/*
 * Hypercalls on a whole partition: its life, its properties, its place in the
 * family, its intercepts, and the hypervisor's log.
 */
#ifndef STASIS_PARENT_PARTITION_H
#define STASIS_PARENT_PARTITION_H

#include "include/tlfs.h"

enum hv_status partition_create(u64 *id);
enum hv_status partition_initialize(u64 id);
enum hv_status partition_finalize(u64 id);
enum hv_status partition_delete(u64 id);

enum hv_status partition_get_property(u64 id, enum hv_partition_property which,
                                      u64 *value);
enum hv_status partition_set_property(u64 id, enum hv_partition_property which,
                                      u64 value);

/* The caller's own id. */
enum hv_status partition_get_id(u64 *id);

/* The child created after previous (0: the first one); *child is 0 at the end. */
enum hv_status partition_next_child(u64 parent, u64 previous, u64 *child);

/* access: HV_INTERCEPT_ACCESS_*, NONE removes the intercept. */
enum hv_status partition_install_intercept(u64 id, enum hv_intercept_type type,
                                           u64 parameter, u32 access);

/* An interrupt for VPs of a child (TLFS 9.4): flags are HV_INTERRUPT_LEVEL, _LOGICAL. */
enum hv_status partition_assert_interrupt(u64 id, enum hv_interrupt_type type,
                                          u32 flags, u32 destination,
                                          u8 vector);

/*
 * The next piece of the hypervisor's log: from *position on, or from the oldest
 * byte kept. Moves *position behind what it copied to data; *count is 0 at the
 * end. data has room for a whole piece.
 */
#define PARTITION_LOG_PIECE sizeof(((struct hv_output_read_log *)0)->data)
enum hv_status partition_read_log(u64 *position, u8 *data, u32 *count);

/*
 * The next rows of what the processor of our VP `vp_index` has counted: from *place on, 0
 * at first. Moves *place; 0: those were the last. The rows stay until the next call.
 */
enum hv_status partition_get_counters(
	u32 vp_index, u32 *place, const struct hv_output_get_counters **rows);

#endif
