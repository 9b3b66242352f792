/*
 * The synthetic interrupt controller of a VP, as a receiver of messages and
 * events (TLFS 11): SIM and SIEF pages, SINTs, EOM, and what waits for a free
 * slot.
 *
 * Whoever sends has a place of its own, so nobody can take the place of others:
 * an intercept message waits with the VP that sent it, each has at most one; what
 * an expired timer sends waits in the timer; what came by a port waits in a page of
 * the receiver, where each port has one place and shares those that are left
 * (port_has_room). Intercepts have SINT0 for themselves, and go in the order in which
 * they came; of the other SINTs each has its ports, in that order, and each of its
 * timers served in turn.
 */
#ifndef HV_SYNIC_H
#define HV_SYNIC_H

#include "include/tlfs.h"

struct synic;
struct vp;

/*
 * Places for what came by ports: a page of them. A stream has no more; the root is in
 * none, and many children have ports there.
 */
#define SYNIC_QUEUE (PAGE_SIZE / HV_MESSAGE_SIZE)
#define SYNIC_QUEUE_ROOT (4 * SYNIC_QUEUE)

void synic_reset(struct synic *synic);

/* The overlays leave the VP's partition. */
void synic_free(struct vp *vp);

/*
 * SCONTROL to EOM and SINT0 to SINT15 (TLFS 11): the value, and a write of it.
 * INVALID_PARAMETER: the register does not take it, or another overlay is where a
 * page is to be; INSUFFICIENT_MEMORY: no tables for that place. Nothing has changed
 * then.
 */
u64 synic_read_msr(const struct vp *vp, u32 msr);
enum hv_status synic_write_msr(struct vp *vp, u32 msr, u64 value);

/* Sends sender->message to SINT0 of `to`, now or when the slot gets free. */
void synic_send(struct vp *to, struct vp *sender);

/* The same without the attempt to deliver it: synic_flush makes that for all. */
void synic_queue(struct vp *to, struct vp *sender);

/* Takes sender's message out of the receiver's queue, if it still waits. */
void synic_cancel(struct vp *sender);

static inline u32 synic_places(bool is_root)
{
	return is_root ? SYNIC_QUEUE_ROOT : SYNIC_QUEUE;
}

/* The SynIC and its page for messages are on. */
bool synic_takes(const struct vp *vp);

/* Does a message wait there that came by the port of this id? */
bool synic_holds(const struct vp *vp, u32 port);

/*
 * A message by a port. INVALID_SYNIC_STATE: the SynIC or its page is off;
 * INSUFFICIENT_BUFFERS: no place is free.
 */
enum hv_status synic_post(struct vp *to, u32 sint, const struct hv_message *m);

/* An event flag of a SINT. INVALID_SYNIC_STATE: the SynIC or its page is off. */
enum hv_status synic_signal(struct vp *to, u32 sint, u32 flag);

/* For each of these SINTs, a bit each, whose turn it is, if the slot is free. */
void synic_deliver(struct vp *to, u32 sints);

/* Delivers what can be delivered: after EOM and after a SynIC MSR changed. */
void synic_flush(struct vp *vp);

/* This vector's interrupt ends by itself when it is taken (AutoEOI). */
bool synic_auto_eoi(const struct vp *vp, u8 vector);
bool synic_has_auto_eoi(const struct vp *vp);

#endif
