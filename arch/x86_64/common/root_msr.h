/*
 * The root's MSRs. Most are the processor's own; this is about those that would
 * take the processor from under us, or that others live by.
 */
#ifndef ARCH_ROOT_MSR_H
#define ARCH_ROOT_MSR_H

#include "include/types.h"

struct cpu;
struct vp;

/* At launch: makes exit what has to, of the root VP of this processor. */
void root_msr_init(struct cpu *cpu, u32 processors);

/* What an access that exited does. False: #GP, and nothing has changed. */
bool root_msr_read(struct vp *root, u32 msr, u64 *value);
bool root_msr_write(struct vp *root, u32 msr, u64 value);

/*
 * The root's TSC has another offset now. The processor's deadline timer goes by
 * the real TSC: one that is armed is moved, and later accesses exit.
 */
void root_msr_offset_changed(u64 old, u64 now);

#endif
