/*
 * Physical interrupts and NMIs. All of them exit, whoever runs; the hypervisor takes
 * them and gives them to the root, at the latest when it can take them.
 */
#ifndef ARCH_SVM_INTERRUPT_H
#define ARCH_SVM_INTERRUPT_H

#include "hv/run/sched.h"

/* GIF is set for a moment: an NMI that waits comes in. */
void interrupt_open(void);

/* A physical interrupt has ended a run. What the scheduler is to be told of it. */
enum sched_event interrupt_exited(struct cpu *cpu);

/*
 * The root is about to be entered: what has been taken for it is its event, or exits as
 * soon as it can be.
 */
void interrupt_give(struct vp *root);

/*
 * The processor halts, for the root, which does. `timed`: no longer than to the end of
 * the slice. What the scheduler is to be told.
 */
enum sched_event interrupt_halt(struct vp *root, bool timed);

#endif
