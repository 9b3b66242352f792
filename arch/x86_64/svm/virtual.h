/*
 * An interrupt that the processor is to deliver as a virtual one (APM volume 2, 15.21.4).
 */
#ifndef ARCH_SVM_VIRTUAL_H
#define ARCH_SVM_VIRTUAL_H

#include "hv/vp/vp.h"

/* Behind events_entering: the event of the entry may go in so. */
void virtual_entering(struct vp *vp);

/* Before events_exited. The event, as the VMCB has it, if it was not taken; else 0. */
u64 virtual_exited(struct vp *vp);

#endif
