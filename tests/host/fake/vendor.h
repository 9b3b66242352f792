/*
 * A vendor in memory, the second one behind arch/x86_64/common/vendor.h: what it runs a VP by
 * is a copy of the VP's state, its second-level tables have a format of their own, and
 * what no processor would take it refuses as one would, by a CHECK.
 */
#ifndef FAKE_VENDOR_H
#define FAKE_VENDOR_H

#include <setjmp.h>

#include "arch/x86_64/common/vendor.h"

/* MSRs that are hidden from its root: one that is there, and two that are not. */
#define FAKE_VENDOR_MSR_SHOWN 0x1234u
#define FAKE_VENDOR_MSR_VALUE 0x5a5aull
#define FAKE_VENDOR_MSR_GONE 0xc0001ffeu

struct fake_vendor {
	bool begun;
	bool is_svm;    /* its rules are: fake_vendor_become_svm */
	bool has_apic;  /* it delivers interrupts of x2APICs by itself */
	bool held_back; /* interrupts of the processor */
	struct vp *loaded;
	struct vendor_entry entry; /* the last one that was prepared */
	u32 prepared;              /* entries, ever */
	u32 exit_length;           /* of the instruction that exited last */
	bool cut_short;            /* the exit came in the delivery of this: */
	struct vendor_event delivered;
	struct vp *ran; /* by vendor_run, which goes on at `out` */
	jmp_buf out;
};
extern struct fake_vendor fake_vendor;

/* No VP, no map, nothing begun. */
void fake_vendor_reset(void);

/* From now on to the next reset: SVM's rules, and what goes with them. */
void fake_vendor_become_svm(void);

/* Does an access to the MSR exit? */
bool fake_vendor_exits(bool is_root, u32 msr, bool write);

/* What the processor has of a VP, whose vp->state need not. */
struct vp_state *fake_vendor_state(struct vp *vp);

/* Parts of a state, and no more: so one that was left out shows. */
void fake_copy_parts(struct vp_state *to, const struct vp_state *from,
                     u32 parts);

#endif
