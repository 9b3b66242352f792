/*
 * Hypercalls on memory: pools of pages, the GPA map of a child, and its bytes.
 */
#ifndef STASIS_PARENT_MEMORY_H
#define STASIS_PARENT_MEMORY_H

#include "include/tlfs.h"

/* Most pages that one of these calls takes. */
#define MEMORY_DEPOSIT_MAX 511
#define MEMORY_WITHDRAW_MAX 512

/* Both: pages is a list of page numbers; done (or null) counts those moved. */
enum hv_status memory_deposit(u64 id, const u64 *pages, u32 count, u32 *done);
enum hv_status memory_withdraw(u64 id, u64 *pages, u32 count, u32 *done);
enum hv_status memory_get_balance(u64 id, u64 *available, u64 *in_use);

/*
 * Maps count pages of ours, from page number source on, at gpn of the child.
 * When it fails, *done (or null) says how many are mapped: after a deposit the
 * caller goes on behind those.
 */
enum hv_status memory_map(u64 id, u64 gpn, u64 source, u64 count, u32 flags,
                          u64 *done);
enum hv_status memory_unmap(u64 id, u64 gpn, u64 count);

/*
 * Any number of bytes of a child's memory, as its VP would see them. *access
 * (or null) is the answer about the bytes where it stopped: the status is
 * SUCCESS even when they are not mapped.
 */
enum hv_status memory_read(u64 id, u32 vp, u64 gpa, void *data, u64 size,
                           enum hv_access_gpa_result *access);
enum hv_status memory_write(u64 id, u32 vp, u64 gpa, const void *data, u64 size,
                            enum hv_access_gpa_result *access);

#endif
