/*
 * May a stream's state live on this machine? One table of what must agree.
 */
#ifndef HV_COMPAT_H
#define HV_COMPAT_H

#include "include/stream.h"

/*
 * HV_STATE_INCOMPLETE: nothing speaks against it. Else the first mismatch in
 * the order of the results; the log names every one.
 */
enum hv_save_restore_result compat_check(const struct stream_compat *saved);

#endif
