/*
 * Whose partition a hypercall is about, and which VP of it: as its row in the table
 * says (hypercall.h). The one place where a call reaches another partition than its
 * caller's.
 */
#ifndef HV_TARGET_H
#define HV_TARGET_H

#include "hv/call/hypercall.h"

struct port;

/*
 * Fills in f->target and f->target_vp, for a row that has a target. ACCESS_DENIED,
 * OPERATION_DENIED, INVALID_PARTITION_ID: as enum hypercall_target has them;
 * INVALID_PARTITION_STATE: it is in none of the row's states; INVALID_VP_INDEX: there
 * is no such VP.
 */
enum hv_status target_find(struct hypercall_frame *f);

/*
 * All VPs of the partition, which is suspended, are this processor's to look at. False:
 * one is not yet, f->again is set, and the handler is to do nothing.
 */
bool target_take_vps(struct hypercall_frame *f, struct partition *p);

/*
 * The receiver behind a connection of the caller's, of this type: the partition and the
 * VP become those of the frame, for a handler that had to check its input first. Statuses
 * as of port_reach.
 */
enum hv_status target_find_receiver(struct hypercall_frame *f, u32 connection,
                                    u32 type, const struct port **port);

/* A partition that the input names besides: the caller's own, or an active child. */
enum hv_status target_find_own(const struct hypercall_frame *f, u64 id,
                               struct partition **p);

#endif
