/*
 * A VP's state and its VMCB, beyond what the inner door asks (vendor.h).
 */
#ifndef ARCH_SVM_STATE_H
#define ARCH_SVM_STATE_H

#include "hv/vp/vp.h"

/* HV_INTERRUPT_STATE_...: the shadow of the VMCB, and whether NMIs are blocked. */
u64 state_blocking(struct vp *vp);

#endif
