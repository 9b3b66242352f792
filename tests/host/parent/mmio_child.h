/*
 * A child of hvctl at one instruction whose operand is in the bank (fake.h), behind
 * which it prints AL.
 */
#ifndef FAKE_MMIO_CHILD_H
#define FAKE_MMIO_CHILD_H

#include "hv/vp/vp.h"
#include "include/x86_operands.h"
#include "tests/host/parent/fake.h"

#define MMIO_CODE 0x10000u /* where hvctl loads an image */
#define MMIO_LINEAR \
	0x200000u /* of the bank, in the tables of long mode and PAE */
#define MMIO_LINEAR_32 0x400000u
#define MMIO_PT 0x83000u /* the table of MMIO_LINEAR and what follows */
#define MMIO_RAX 0x1122334455667788ull

extern struct child_step mmio_step[2]; /* the first is the instruction */
extern struct vp *mmio_vp;             /* that is at it: VP 0 */

/* Child 2, with memory for code and tables. */
void mmio_make(u32 vps);

/*
 * A fresh bank, and the VP in 64-bit mode at its instruction with RBX at the bank and RAX
 * as above. The answer is for changes.
 */
struct vp_state *mmio_begin(void);
struct vp_state *mmio_begin_at(u64 rip);

/* The instruction's bytes, there; its access is mmio_step's. */
void mmio_place(const u8 *code, u32 length, u64 gpa);

/* Eight bytes of the child's memory. */
void mmio_put(u64 gpa, u64 value);

/* The child runs until it has printed: it has come behind both instructions. */
void mmio_runs(void);

#endif
