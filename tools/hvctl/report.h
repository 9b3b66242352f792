/*
 * How hvctl says what went wrong: what happened, with what, what to do.
 */
#ifndef STASIS_HVCTL_REPORT_H
#define STASIS_HVCTL_REPORT_H

#include "include/tlfs.h"
#include "parent/mmio.h"
#include "parent/stream.h"
#include "tools/hvctl/command.h"

/* All answer a result for the shell. hint may be null. */

/* A hypercall failed. what: its TLFS name. id: the partition. */
enum hvctl_result report_status(const char *what, u64 id, enum hv_status status,
                                const char *hint);

/* The hypervisor refused a page of ours, by its page number. */
enum hvctl_result report_page(const char *what, u64 id, u64 page,
                              enum hv_status status);

/* A save or restore did not complete. */
enum hvctl_result report_outcome(const char *what, u64 id,
                                 const struct stream_outcome *outcome,
                                 const char *hint);

/* The system below us has no memory left. */
enum hvctl_result report_memory(u64 pages);

/* Why an access to a device's memory was not carried out (MMIO_UNKNOWN). */
void report_mmio(const struct mmio *mmio);

/* An intercept message that hvctl does not deal with, in full. */
void report_message(const struct hv_message *message);

#endif
