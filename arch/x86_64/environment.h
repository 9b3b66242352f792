/*
 * The processor as the firmware had it, and as the hypervisor has it.
 */
#ifndef ARCH_ENVIRONMENT_H
#define ARCH_ENVIRONMENT_H

#include "hv/base/cpu.h"
#include "hv/vp/vp.h"

/* What entry.asm leaves on the firmware's stack. */
struct firmware_frame {
	u64 r15, r14, r13, r12, rbp, rbx;
	u64 rflags;
	u64 rip;
};

/* Remembers the firmware's environment; changes nothing. */
void environment_save(void);

/* Goes over to the hypervisor's page tables, descriptors and GS. */
void environment_enter(struct cpu *cpu);

/* Puts everything back as it was. */
void environment_leave(void);

/*
 * Makes the firmware's environment the state of the root VP: it goes on behind
 * its call of hv_entry, which returns 0.
 */
void environment_capture(struct vp *root, const struct firmware_frame *frame);

#endif
