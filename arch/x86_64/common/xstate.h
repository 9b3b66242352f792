/*
 * XCR0, and the state components of XSAVE (SDM vol. 1, chapter 13): those that a
 * child may have, which are switched with each VP, and those that the root alone
 * may have, as AMX tiles, which are put away while a child has the processor. No
 * hardware in here but xregs.h and arch_cpuid: unit tests run it.
 */
#ifndef ARCH_XSTATE_H
#define ARCH_XSTATE_H

#include "include/types.h"

struct cpu;
struct vp;

/* Of a logical processor: what its root has in components that no child has. */
struct xstate_rest {
	struct vp_xsave *area; /* NULL: the processor has no such components */
	u64 saved;             /* those that wait there */
	bool away;             /* a child has the processor, or had it last */
};

/*
 * Bytes for an XSAVE area, in the standard form, with each user component of this
 * processor that arch_facts() does not give to children; 0: there is none.
 */
u32 xstate_room(void);

/* The area of a logical processor: that many bytes, zero, at a multiple of 64. */
void xstate_init(struct cpu *cpu, void *area);

/*
 * The VP's components that a child may have, and its XCR0, from the processor and
 * into it, whatever it has enabled: nothing of one VP is left behind for another.
 * is_long: with 64-bit addresses of the last x87 instruction (SDM vol. 1, 10.5.1).
 * xstate_save leaves XCR0 with all of them, and those that the VP had besides.
 *
 * With the first child that is loaded, what the root has in other components is
 * saved, where it is in use, and made initial; with the root it comes back.
 */
void xstate_save(struct vp *vp, bool is_long);
void xstate_load(struct vp *vp, bool is_long);

/* XCR0 is the VP's again, behind xstate_save. */
void xstate_enable(const struct vp *vp);

#endif
