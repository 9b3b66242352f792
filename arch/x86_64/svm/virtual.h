/*
 * An interrupt that the processor is to deliver as a virtual one (APM volume 2, 15.21.4).
 */
#ifndef ARCH_SVM_VIRTUAL_H
#define ARCH_SVM_VIRTUAL_H

#include "arch/x86_64/svm/svm_arch.h"

/* Behind events_enter: the event may go in so. */
void virtual_enter(struct vp *vp);

/* Before events_exited, if one went in so: the same event if it was not taken; else 0. */
u64 virtual_exit(struct vp *vp);

/* At most exits there is none: they are to cost little. */
static inline u64 virtual_exited(struct vp *vp)
{
	return vp_svm(vp)->virtual_event ? virtual_exit(vp) : 0;
}

#endif
