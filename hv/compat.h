/*
 * May a stream's state live on this machine, and in this partition? What must
 * agree, in tables. Each mismatch is a line in the log.
 */
#ifndef HV_COMPAT_H
#define HV_COMPAT_H

#include "include/stream.h"

/*
 * The machine. HV_STATE_INCOMPLETE: nothing speaks against it. Else the first
 * mismatch in the order 11, 12, ..., 51, 5, 6; the log names every one, with
 * leaf, register and bit, component, or both values.
 */
enum hv_save_restore_result compat_check(const struct stream_compat *saved);

/*
 * The VPs: `saved` and `here` are sets of indices, `boot` is the index of the
 * saved boot processor, which is VP 0 here. HV_STATE_INCOMPLETE, or the first
 * that differs of number (7), flags (8) and set (9).
 */
enum hv_save_restore_result compat_check_vps(u64 saved, u32 boot, u64 here);

#endif
