/*
 * The synthetic interrupt controller of a VP, as a receiver of messages and
 * events (TLFS 11): SIM and SIEF pages, SINTs, EOM, and what waits for a free
 * slot.
 *
 * An intercept message waits with the VP that sent it: each has at most one.
 * What came by a port waits in a page of the receiver.
 */
#ifndef HV_SYNIC_H
#define HV_SYNIC_H

#include "hv/gpa.h"
#include "hv/list.h"

struct vp;

#define SYNIC_QUEUE (PAGE_SIZE / HV_MESSAGE_SIZE)

struct synic {
	u64 scontrol;
	u64 siefp;
	u64 simp;
	u64 sint[HV_SINT_COUNT];
	struct gpa_overlay sief_overlay;
	struct gpa_overlay sim_overlay;
	u32 queued; /* in VP_PAGE_MESSAGES, oldest first; rsvd is the SINT */
	struct list queue; /* senders, oldest first, by message_link */
};

void synic_reset(struct synic *synic);

/* The overlays leave the VP's partition. */
void synic_free(struct vp *vp);

/* False: #GP. Enabling a page may fail for want of memory: #GP as well. */
bool synic_read_msr(struct vp *vp, u32 msr, u64 *value);
bool synic_write_msr(struct vp *vp, u32 msr, u64 value);

/* Could a SynIC have these values? */
bool synic_page_valid(u64 value);
bool synic_sint_valid(u64 value);

/* Sends sender->message to SINT0 of `to`, now or when the slot gets free. */
void synic_send(struct vp *to, struct vp *sender);

/* The same without the attempt to deliver it: synic_flush makes that for all. */
void synic_queue(struct vp *to, struct vp *sender);

/* Takes sender's message out of the receiver's queue, if it still waits. */
void synic_cancel(struct vp *sender);

/*
 * A message by a port. INVALID_SYNIC_STATE: the SynIC or its page is off;
 * INSUFFICIENT_BUFFERS: the queue is full.
 */
enum hv_status synic_post(struct vp *to, u32 sint, const struct hv_message *m);

/* An event flag of a SINT. INVALID_SYNIC_STATE: the SynIC or its page is off. */
enum hv_status synic_signal(struct vp *to, u32 sint, u32 flag);

/* A message that is not queued: false, it cannot be delivered now. */
bool synic_try(struct vp *to, u32 sint, const struct hv_message *m);

/* Delivers what can be delivered: after EOM and after a SynIC MSR changed. */
void synic_flush(struct vp *vp);

/* This vector's interrupt ends by itself when it is taken (AutoEOI). */
bool synic_auto_eoi(const struct vp *vp, u8 vector);
bool synic_has_auto_eoi(const struct vp *vp);

#endif
