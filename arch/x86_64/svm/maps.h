/*
 * Which MSRs and ports reach the hypervisor: the maps that VMCBs point to.
 */
#ifndef ARCH_SVM_MAPS_H
#define ARCH_SVM_MAPS_H

#include "hv/base/addr.h"

struct cpu;

/* Fills those of children: all exits. A root's begins with zeros: nothing does. */
void maps_init(void);

/* For the VMCB of a processor's root; NULL: of a child. */
hpa_t maps_msr(struct cpu *root_of);

/* For that of a child: the root's ports do not exit. */
hpa_t maps_io(void);

#endif
