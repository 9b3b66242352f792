/*
 * The save engine: walks the table of chunk kinds and hands out the stream.
 */
#ifndef HV_SAVE_H
#define HV_SAVE_H

#include "hv/stream/context.h"

/*
 * Fills `out` with up to `size` bytes (a multiple of 16); *count says how many.
 * COMPLETE: the stream has ended with them, the caller closes the context.
 * INCOMPLETE: call again, *count may be 0.
 */
enum hv_save_restore_result save_run(struct context *c, u8 *out, u32 size,
                                     u32 *count);

#endif
