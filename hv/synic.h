/*
 * The synthetic interrupt controller of a VP, as a receiver of messages
 * (TLFS 11): SIM page, SINTs, EOM, and the queue of messages that wait for a
 * free slot.
 */
#ifndef HV_SYNIC_H
#define HV_SYNIC_H

#include "include/tlfs.h"

struct vp;

struct synic {
	u64 scontrol;
	u64 siefp;
	u64 simp;
	u64 sint[HV_SINT_COUNT];
	struct vp *queue_first; /* senders, oldest first, by message_next */
	struct vp *queue_last;
};

void synic_reset(struct synic *synic);

/* False: #GP. Enabling a page may fail for want of memory: #GP as well. */
bool synic_read_msr(struct vp *vp, u32 msr, u64 *value);
bool synic_write_msr(struct vp *vp, u32 msr, u64 value);

/* Sends sender->message to SINT0 of `to`, now or when the slot gets free. */
void synic_send(struct vp *to, struct vp *sender);

/* Takes sender's message out of the queue of `to` again, if it still waits. */
void synic_cancel(struct vp *to, struct vp *sender);

/* Delivers what can be delivered: after EOM and after a SynIC MSR changed. */
void synic_flush(struct vp *vp);

#endif
