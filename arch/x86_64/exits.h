/*
 * Handlers of VM exits: each decodes its exit, asks hv/run/exit.h or decides by
 * itself, and says what becomes of the instruction.
 */
#ifndef ARCH_EXITS_H
#define ARCH_EXITS_H

#include "hv/run/exit.h"
#include "hv/run/sched.h"
#include "hv/vp/vp.h"

struct exit {
	struct vp *vp;
	u32 reason;
	u16 call;               /* of a VMCALL: the code of the hypercall */
	enum sched_event event; /* what the scheduler will be told */
};

/* exits_cr.c */
enum exit_outcome exits_cr(struct exit *x);

/* exits_msr.c */
enum exit_outcome exits_rdmsr(struct exit *x);
enum exit_outcome exits_wrmsr(struct exit *x);
enum exit_outcome exits_xsetbv(struct exit *x);
enum exit_outcome exits_xsaves(struct exit *x);

/* exits_call.c */
enum exit_outcome exits_vmcall(struct exit *x);

/* Length of the instruction that exited; for exits where it is defined. */
u32 exits_instruction_length(void);

#endif
