/*
 * From a child's local APIC into its VMCS.
 */
#ifndef ARCH_INTERRUPTS_H
#define ARCH_INTERRUPTS_H

#include "hv/vp/vp.h"

/*
 * Before an entry of a child: the interrupt or NMI that it gets, or an exit as soon as it
 * can take what waits; where the processor virtualizes the APIC, what is in the
 * APIC's page. Its VMCS is loaded and holds its state.
 */
void interrupts_deliver(struct vp *vp);

#endif
