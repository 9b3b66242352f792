/*
 * The VMCB of a VP but for the guest's state, which is state.c's; and the last steps to
 * an entry.
 */
#ifndef ARCH_SVM_RUN_H
#define ARCH_SVM_RUN_H

#include "arch/x86_64/svm/svm_arch.h"

/* The VP is prepared; or its root halts, and whoever is next after that. */
struct vm_entry run_entry(struct vp *vp);

/*
 * VMRUN has ended as if it had been refused, but the guest had been running: QEMU says so
 * of a write to a control register that a processor would answer with #GP.
 */
bool run_was_refused_inside(struct vp *vp);

/* First of all behind an exit: no breakpoint of the guest's is hit by the hypervisor. */
void run_disarm(const struct vmcb *v);

/* How often any nested page tables have changed so far: a translation by them may be stale. */
u64 run_changes(void);

/* The root's exit as soon as it can take an interrupt, or not. */
void run_set_window(struct vp *vp, bool waits);

#endif
