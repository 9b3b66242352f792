/*
 * How hvctl says what went wrong: what happened, with what, what to do.
 */
#ifndef STASIS_HVCTL_REPORT_H
#define STASIS_HVCTL_REPORT_H

#include <efi.h>

#include "include/tlfs.h"
#include "parent/stream.h"

/* All answer an EFI error for the shell. hint may be null. */

/* A hypercall failed. what: its TLFS name. id: the partition. */
EFI_STATUS report_status(const char *what, u64 id, enum hv_status status,
                         const char *hint);

/* The hypervisor refused a page of ours, by its page number. */
EFI_STATUS report_page(const char *what, u64 id, u64 page,
                       enum hv_status status);

/* A save or restore did not complete. */
EFI_STATUS report_outcome(const char *what, u64 id,
                          const struct stream_outcome *outcome,
                          const char *hint);

/* A file could not be used. what: "open", "read", ... */
EFI_STATUS report_file(const char *what, const CHAR16 *path, EFI_STATUS status);

/* The firmware has no memory left for us. */
EFI_STATUS report_memory(u64 pages);

/* An intercept message that hvctl does not deal with, in full. */
void report_message(const struct hv_message *message);

#endif
