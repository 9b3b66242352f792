/*
 * The restore engine: takes a stream in pieces of any size, believes nothing,
 * and changes the target's VPs only behind a verified end.
 */
#ifndef HV_RESTORE_H
#define HV_RESTORE_H

#include "hv/stream/context.h"

/*
 * Takes up to `size` bytes; *consumed says how many were dealt with, the rest
 * is to be offered again. Each byte is read once. COMPLETE, RESTORABLE: the
 * process is over and good; INCOMPLETE: more is wanted; anything else: it is
 * over, and this is why.
 */
enum hv_save_restore_result restore_run(struct context *c, const u8 *data,
                                        u32 size, u32 *consumed);

#endif
