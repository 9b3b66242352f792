/*
 * Debug exceptions as a processor has them, where the hypervisor carries an
 * instruction out, or gets the exception instead of the guest (SDM 17.2, 17.3).
 */
#ifndef HV_DEBUG_H
#define HV_DEBUG_H

#include "include/x86.h"

struct vp;

/* What of an exit qualification, or of what is pending, DR6 shows. */
#define DEBUG_CAUSES \
	(DEBUG_BREAKPOINTS | DEBUG_REGISTERS | DEBUG_STEP | DEBUG_RTM)

/* DR6 behind a debug exception of these causes. */
u64 debug_status(u64 dr6, u64 causes);

/* Does what is pending make a debug exception at the next entry (26.7.3)? */
bool debug_is_due(u64 pending);

/*
 * Breakpoints on what was carried out for a guest: ports (as CR4.DE has it), or
 * bytes at a linear address. They are traps: pending behind the instruction.
 */
void debug_port(struct vp *vp, u16 port, u32 size);
void debug_data(struct vp *vp, u64 linear, u32 size, bool write);

/* Has DR7 any breakpoint? */
bool debug_has_breakpoints(struct vp *vp);

/*
 * A debug exception goes to the parent. A single step over STI leaves its shadow,
 * and TF: a VMCS has these two only with the step pending (26.3.1.5).
 */
void debug_intercepted(struct vp *vp);

/*
 * The parent lets a VP go on that it was told of. The step over STI was that, and
 * comes no second time; and the shadow is over as it is behind any handler.
 */
void debug_resume(struct vp *vp);

#endif
