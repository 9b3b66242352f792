/*
 * Exits whose meaning is the same for all vendors, once it is known what has exited:
 * each asks hv/run/exit.h or decides by itself, and says what becomes of the
 * instruction.
 */
#ifndef ARCH_EXITS_H
#define ARCH_EXITS_H

#include "hv/run/exit.h"
#include "hv/run/sched.h"
#include "hv/vp/vp.h"

struct exit {
	struct vp *vp;
	u64 began;    /* TSC, see hv/call/cost.h */
	u32 reason;   /* in the vendor's numbers */
	bool is_call; /* it is a hypercall, of this code: */
	u16 call;
	enum sched_event event; /* what the scheduler will be told */
};

/* exits_msr.c */
/*
 * Bytes of the instruction, for a message to the parent of a child. 0: the root's, which
 * has no parent, and nobody pays for the answer.
 */
u32 exits_length(const struct exit *x);
enum exit_outcome exits_rdmsr(struct exit *x);
enum exit_outcome exits_wrmsr(struct exit *x);
enum exit_outcome exits_xsetbv(struct exit *x);

/* exits_plain.c: MWAIT, INVD, what a guest does not have (#UD) or may not (#GP). */
enum exit_outcome exits_mwait(struct exit *x);
enum exit_outcome exits_invd(struct exit *x);
enum exit_outcome exits_undefined(struct exit *x);
enum exit_outcome exits_refuse(struct exit *x);

/* exits_call.c: the instruction of the hypercall page. */
enum exit_outcome exits_call(struct exit *x);

#endif
